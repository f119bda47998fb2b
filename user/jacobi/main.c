/*
 * jacobi [--threads N] [--size S] [--rounds R]: heat on a plate of S x S points, R rounds of
 * Jacobi's method on N cores.
 *
 * Each thread has rows of its own and all meet at a barrier after each round. A point is the
 * mean of its neighbours of the round before, so the result is the same to the last bit in
 * whatever order points are computed: it is compared with a run of one thread. Exit status 0 when equal.
 */
#include "user/include/parallel.h"

static unsigned threads = 4, size = 128, rounds = 100;
static const struct parallel_option options[] = {
	{ "--threads", &threads, 1, THREADS_MAX },
	{ "--size", &size, 3, 4096 },
	{ "--rounds", &rounds, 1, 100000 },
};
#define OPTIONS (sizeof options / sizeof *options)

static pthread_barrier_t barrier;
static double *plate[2];

static void rows_step(const double *from, double *to, unsigned first, unsigned last)
{
	for (unsigned i = first; i < last; i++)
		for (unsigned j = 1; j < size - 1; j++) {
			const double *p = from + (size_t)i * size + j;
			to[(size_t)i * size + j] = (p[-1] + p[1] + p[-(long)size] + p[size]) / 4;
		}
}

/* One edge is hot, the others are cold. */
static void plate_begin(double *p)
{
	memset(p, 0, (size_t)size * size * sizeof(*p));
	for (unsigned j = 0; j < size; j++)
		p[j] = 100;
}

static void *work(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg, inner = size - 2;
	for (unsigned r = 0; r < rounds; r++) {
		rows_step(plate[r % 2], plate[(r + 1) % 2], 1 + inner * n / threads, 1 + inner * (n + 1) / threads);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static bool result_right(void)
{
	size_t bytes = (size_t)size * size * sizeof(double);
	double *one[2] = { malloc(bytes), malloc(bytes) };
	bool right = false;
	if (one[0] && one[1]) {
		plate_begin(one[0]);
		plate_begin(one[1]);
		for (unsigned r = 0; r < rounds; r++)
			rows_step(one[r % 2], one[(r + 1) % 2], 1, size - 1);
		right = memcmp(one[rounds % 2], plate[rounds % 2], bytes) == 0;
	}
	free(one[0]);
	free(one[1]);
	return right;
}

static int run(void)
{
	uint64_t us;
	bool right;

	pthread_barrier_init(&barrier, NULL, threads);
	if (!parallel_run("jacobi", threads, work, &us))
		return 1;
	right = result_right();
	printf("jacobi: %u x %u, %u rounds, %u threads: %llu us, %s\n", size, size, rounds, threads,
	       (unsigned long long)us, right ? "right" : "WRONG");
	return !right;
}

int main(int argc, char **argv)
{
	if (!parallel_options(argc, argv, options, OPTIONS))
		return parallel_usage("jacobi", options, OPTIONS);
	for (int i = 0; i < 2; i++) {
		plate[i] = malloc((size_t)size * size * sizeof(double));
		if (!plate[i]) {
			fprintf(stderr, "jacobi: no memory for %u x %u\n", size, size);
			return 1;
		}
		plate_begin(plate[i]);
	}
	if (pthread_setconcurrency((int)threads))
		printf("jacobi: fewer than %u cores\n", threads);
	return run();
}
