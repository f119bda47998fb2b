/*
 * What the programs that compute on many cores share (jacobi, matrix, sort): their options, and
 * a run of one function on N threads, with the time it took.
 *
 * Plain POSIX, so that they build elsewhere too.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64

/* `--name VALUE`, with VALUE between least and most. */
struct parallel_option {
	const char *name;
	unsigned *value;
	unsigned least, most;
};

/* False: an option that is none of those, or a value out of its bounds. */
static inline bool parallel_options(int argc, char **argv, const struct parallel_option *options, unsigned count)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long value = strtoul(argv[i + 1], NULL, 10);
		unsigned o = 0;

		while (o < count && strcmp(argv[i], options[o].name))
			o++;
		if (o == count || value < options[o].least || value > options[o].most)
			return false;
		*options[o].value = (unsigned)value;
	}
	return argc % 2 == 1;
}

static inline int parallel_usage(const char *program, const struct parallel_option *options, unsigned count)
{
	fprintf(stderr, "usage: %s", program);
	for (unsigned o = 0; o < count; o++)
		fprintf(stderr, " [%s %u..%u]", options[o].name, options[o].least, options[o].most);
	fprintf(stderr, "\n");
	return 2;
}

static inline uint64_t parallel_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/*
 * Runs work(0) to work(threads - 1) at once, work(0) here, and waits for all; the time it took goes to *us. False, said
 * on stderr: not all threads could be started. The others may wait for them for ever, so the program must end then.
 */
static inline bool parallel_run(const char *program, unsigned threads, void *(*work)(void *), uint64_t *us)
{
	pthread_t t[THREADS_MAX];
	uint64_t start = parallel_now_ns();

	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)i)) {
			fprintf(stderr, "%s: no thread %u\n", program, i);
			return false;
		}
	work((void *)0);
	for (unsigned i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	*us = (parallel_now_ns() - start) / 1000;
	return true;
}
