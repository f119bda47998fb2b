/*
 * sort [--threads N] [--count C]: sorts C numbers on N cores, by blocks.
 *
 * Each thread sorts a block of its own; then blocks are merged two by two, in rounds. The
 * result is right if no number is less than the one before it, and if sum and sum of squares of all
 * are what they were. Exit status 0 then.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define COUNT_MAX 16000000

static unsigned threads = 4, count = 100000;
static pthread_barrier_t barrier;
static uint32_t *array[2];

static unsigned block_start(unsigned n)
{
	return (unsigned)((uint64_t)count * (n < threads ? n : threads) / (threads ? threads : 1));
}

static int compare(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	return (a > b) - (a < b);
}

static void merge(const uint32_t *from, uint32_t *to, unsigned start, unsigned middle, unsigned end)
{
	unsigned left = start, right = middle;
	for (unsigned at = start; at < end; at++)
		if (left < middle && (right == end || from[left] <= from[right]))
			to[at] = from[left++];
		else
			to[at] = from[right++];
}

/* Round by round blocks are twice as wide; who has the first of two merges them. */
static void *work(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg, turn = 0, start = block_start(n);
	qsort(array[0] + start, block_start(n + 1) - start, sizeof(uint32_t), compare);
	for (unsigned width = 1; width < threads; width *= 2, turn++) {
		pthread_barrier_wait(&barrier);
		if (n % (2 * width) == 0)
			merge(array[turn % 2], array[(turn + 1) % 2], start, block_start(n + width),
			      block_start(n + 2 * width));
	}
	return NULL;
}

static const uint32_t *result(void)
{
	unsigned turns = 0;
	for (unsigned width = 1; width < threads; width *= 2)
		turns++;
	return array[turns % 2];
}

static uint64_t sum(const uint32_t *a, bool squares)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < count; i++)
		total += squares ? (uint64_t)a[i] * a[i] : a[i];
	return total;
}

static bool ascends(const uint32_t *a)
{
	for (unsigned i = 1; i < count; i++)
		if (a[i] < a[i - 1])
			return false;
	return true;
}

static bool options(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long value = strtoul(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--threads") == 0 && value >= 1 && value <= THREADS_MAX)
			threads = (unsigned)value;
		else if (strcmp(argv[i], "--count") == 0 && value >= 1 && value <= COUNT_MAX)
			count = (unsigned)value;
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
	uint64_t before = sum(array[0], false), squares = sum(array[0], true), start = now_ns();
	pthread_barrier_init(&barrier, NULL, threads);
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)i)) {
			fprintf(stderr, "sort: no thread %u\n", i);
			return 1;
		}
	work((void *)0);
	for (unsigned i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	uint64_t ns = now_ns() - start;
	bool right = ascends(result()) && sum(result(), false) == before && sum(result(), true) == squares;
	printf("sort: %u numbers, %u threads: %llu us, %s\n", count, threads, (unsigned long long)ns / 1000,
	       right ? "right" : "WRONG");
	return !right;
}

int main(int argc, char **argv)
{
	uint32_t seed = 2463534242;
	if (!options(argc, argv)) {
		fprintf(stderr, "usage: sort [--threads 1..%d] [--count 1..%d]\n", THREADS_MAX, COUNT_MAX);
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		array[i] = malloc(count * sizeof(uint32_t));
		if (!array[i]) {
			fprintf(stderr, "sort: no memory for %u numbers\n", count);
			return 1;
		}
	}
	for (unsigned i = 0; i < count; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		array[0][i] = seed;
	}
	if (pthread_setconcurrency((int)threads))
		printf("sort: fewer than %u cores\n", threads);
	return run();
}
