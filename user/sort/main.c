/*
 * sort [--threads N] [--count C]: sorts C numbers on N cores, by blocks.
 *
 * Each thread sorts a block of its own; then blocks are merged two by two, in rounds. The
 * result is right if no number is less than the one before it, and if sum and sum of squares of all
 * are what they were. Exit status 0 then.
 */
#include "user/include/parallel.h"

static unsigned threads = 4, count = 100000;
static const struct parallel_option options[] = {
	{ "--threads", &threads, 1, THREADS_MAX },
	{ "--count", &count, 1, 16000000 },
};
#define OPTIONS (sizeof options / sizeof *options)

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

static int run(void)
{
	uint64_t before = sum(array[0], false), squares = sum(array[0], true), us;
	bool right;

	pthread_barrier_init(&barrier, NULL, threads);
	if (!parallel_run("sort", threads, work, &us))
		return 1;
	right = ascends(result()) && sum(result(), false) == before && sum(result(), true) == squares;
	printf("sort: %u numbers, %u threads: %llu us, %s\n", count, threads, (unsigned long long)us,
	       right ? "right" : "WRONG");
	return !right;
}

int main(int argc, char **argv)
{
	uint32_t seed = 2463534242;

	if (!parallel_options(argc, argv, options, OPTIONS))
		return parallel_usage("sort", options, OPTIONS);
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
