/*
 * Runs of seeds: each is a forked child that goes on from where its parent stands, so runs do not see
 * each other and a crash is that seed's failure.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct runs {
	uint64_t seed, seeds; /* the first, and how many */
	unsigned jobs;        /* side by side */
	unsigned seconds;     /* after which no more are started; 0: all are */
	unsigned limit;       /* seconds of processor time that one may take */
	void (*run)(uint64_t seed);
	void (*crash)(int signal, siginfo_t *info, void *context);
};

#define RUN_JOBS_MAX 64

/* Runs them, names those that failed; how many did. *done: were run. After 10 failures no more are started. */
unsigned runs_all(const struct runs *r, uint64_t *done);
/* Crashes, and a run that does not end (SIGXCPU), come to r->crash from now on. */
void runs_guard(const struct runs *r);
