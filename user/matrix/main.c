/*
 * matrix [--threads N] [--size S]: multiplies two S x S matrices of 64-bit numbers on N cores.
 *
 * Each thread has rows of its own. The product is checked after Freivalds: for vectors r out of a
 * seeded generator, A (B r) is C r. Numbers wrap, so that is exact, and uses none of
 * the code that it checks. Exit status 0 when it is right.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define SIZE_MAX_ 2048
#define BLOCK 32
#define CHECKS 4

static unsigned threads = 4, size = 192;
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

static bool options(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long value = strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--threads") == 0 && value >= 1 && value <= THREADS_MAX)
			threads = (unsigned)value;
		else if (strcmp(argv[i], "--size") == 0 && value >= 1 && value <= SIZE_MAX_)
			size = (unsigned)value;
		else
			return false;
	}
	return argc % 2 == 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int run(void)
{
	pthread_t t[THREADS_MAX];
	unsigned made = 1;
	uint64_t start = now_ns();
	while (made < threads && pthread_create(&t[made], NULL, work, (void *)(uintptr_t)made) == 0)
		made++;
	work((void *)0);
	for (unsigned i = 1; i < made; i++)
		pthread_join(t[i], NULL);
	uint64_t ns = now_ns() - start;
	bool right = made == threads && product_right();
	printf("matrix: %u x %u, %u threads: %llu us, %s\n", size, size, made, (unsigned long long)ns / 1000,
	       right ? "right" : "WRONG");
	return !right;
}

int main(int argc, char **argv)
{
	if (!options(argc, argv)) {
		fprintf(stderr, "usage: matrix [--threads 1..%d] [--size 1..%d]\n", THREADS_MAX, SIZE_MAX_);
		return 2;
	}
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
