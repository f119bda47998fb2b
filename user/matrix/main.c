/*
 * matrix [--threads N] [--size S]: multiplies two S x S matrices of 64-bit numbers on N cores.
 *
 * Each thread has rows of its own. The product is checked after Freivalds: for vectors r out of a
 * seeded generator, A (B r) is C r. Numbers wrap, so that is exact, and uses none of
 * the code that it checks. Exit status 0 when it is right.
 */
#include "user/include/parallel.h"

#define BLOCK 32
#define CHECKS 4

static unsigned threads = 4, size = 192;
static const struct parallel_option options[] = {
	{ "--threads", &threads, 1, THREADS_MAX },
	{ "--size", &size, 1, 2048 },
};
#define OPTIONS (sizeof options / sizeof *options)

static uint64_t *a, *b, *c;

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t *matrix_make(size_t count, uint64_t seed)
{
	uint64_t *m = malloc(count * sizeof(*m));
	for (size_t i = 0; m && i < count; i++)
		m[i] = seed ? random_next(&seed) : 0;
	return m;
}

/* Rows [first, last) of C, columns and products by blocks, so that a block of B stays in the cache. */
static void rows_multiply(unsigned first, unsigned last)
{
	for (unsigned k0 = 0; k0 < size; k0 += BLOCK)
		for (unsigned i = first; i < last; i++)
			for (unsigned k = k0; k < k0 + BLOCK && k < size; k++) {
				uint64_t factor = a[(size_t)i * size + k];
				for (unsigned j = 0; j < size; j++)
					c[(size_t)i * size + j] += factor * b[(size_t)k * size + j];
			}
}

static void *work(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg;
	rows_multiply(size * n / threads, size * (n + 1) / threads);
	return NULL;
}

static void vector_multiply(uint64_t *out, const uint64_t *m, const uint64_t *v)
{
	for (unsigned i = 0; i < size; i++) {
		out[i] = 0;
		for (unsigned j = 0; j < size; j++)
			out[i] += m[(size_t)i * size + j] * v[j];
	}
}

static bool product_right(void)
{
	uint64_t *r = calloc(4 * size + 1, sizeof(*r)), seed = 88172645463325252;
	uint64_t *br = r + size, *abr = br + size, *cr = abr + size;
	bool right = r != NULL;
	for (int check = 0; check < CHECKS && right; check++) {
		for (unsigned i = 0; i < size; i++)
			r[i] = random_next(&seed);
		vector_multiply(br, b, r);
		vector_multiply(abr, a, br);
		vector_multiply(cr, c, r);
		right = memcmp(abr, cr, size * sizeof(*cr)) == 0;
	}
	free(r);
	return right;
}

static int run(void)
{
	uint64_t us;
	bool right;

	if (!parallel_run("matrix", threads, work, &us))
		return 1;
	right = product_right();
	printf("matrix: %u x %u, %u threads: %llu us, %s\n", size, size, threads, (unsigned long long)us,
	       right ? "right" : "WRONG");
	return !right;
}

int main(int argc, char **argv)
{
	if (!parallel_options(argc, argv, options, OPTIONS))
		return parallel_usage("matrix", options, OPTIONS);
	size_t count = (size_t)size * size;
	a = matrix_make(count, 1);
	b = matrix_make(count, 2);
	c = matrix_make(count, 0);
	if (!a || !b || !c) {
		fprintf(stderr, "matrix: no memory for %u x %u\n", size, size);
		return 1;
	}
	if (pthread_setconcurrency((int)threads))
		printf("matrix: fewer than %u cores\n", threads);
	return run();
}
