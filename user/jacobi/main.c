/*
 * jacobi [--threads N] [--size S] [--rounds R]: heat on a plate of S x S points, R rounds of
 * Jacobi's method on N cores.
 *
 * Each thread has rows of its own and all meet at a barrier after each round. A point is the
 * mean of its neighbours of the round before, so the result is the same to the last bit in
 * whatever order points are computed: it is compared with a run of one thread. Exit status 0 when equal.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define SIZE_MAX_ 4096
#define ROUNDS_MAX 100000

static unsigned threads = 4, size = 128, rounds = 100;
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

static bool options(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long value = strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--threads") == 0 && value >= 1 && value <= THREADS_MAX)
			threads = (unsigned)value;
		else if (strcmp(argv[i], "--size") == 0 && value >= 3 && value <= SIZE_MAX_)
			size = (unsigned)value;
		else if (strcmp(argv[i], "--rounds") == 0 && value >= 1 && value <= ROUNDS_MAX)
			rounds = (unsigned)value;
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
	uint64_t start = now_ns();
	pthread_barrier_init(&barrier, NULL, threads);
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)i)) {
			fprintf(stderr, "jacobi: no thread %u\n", i);
			return 1;
		}
	work((void *)0);
	for (unsigned i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	uint64_t ns = now_ns() - start;
	bool right = result_right();
	printf("jacobi: %u x %u, %u rounds, %u threads: %llu us, %s\n", size, size, rounds, threads,
	       (unsigned long long)ns / 1000, right ? "right" : "WRONG");
	return !right;
}

int main(int argc, char **argv)
{
	if (!options(argc, argv)) {
		fprintf(stderr, "usage: jacobi [--threads 1..%d] [--size 3..%d] [--rounds 1..%d]\n", THREADS_MAX,
			SIZE_MAX_, ROUNDS_MAX);
		return 2;
	}
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
