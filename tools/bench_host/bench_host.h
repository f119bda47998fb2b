/*
 * make bench-host: the URPC sources natively, on two pinned threads, beside the raw
 * lines and the pipe that they are held against.
 *
 * A measure is what the two threads do.  Its samples are many and short, because
 * the machine may be shared, and the measures take turns sample by sample, so that
 * what disturbs one disturbs all.
 */
#pragma once

#include <stdint.h>

#include "libos/fabric/urpc.h"

#define SAMPLES 400
#define MEASURES_MAX 24

/*
 * What a line costs depends on where in memory it lies.  So the samples go through
 * a pool of frames, and the raw lines lie where URPC's lines lie.
 * A measure may use the POOL_ROOM frames from its own on.
 */
#define FRAMES 100
#define POOL_ROOM 64

struct measure {
	const char *name;
	const char *unit;
	unsigned cores;
	long rounds;                /* operations in a sample */
	void (*reset)(char *frame); /* before the threads start; memory of the pool */
	void (*here)(long rounds);
	void (*there)(long rounds);    /* NULL: one thread */
	double (*sample)(long rounds); /* NULL: the time that `here` takes is what counts */
};

extern const struct measure raw_measures[], urpc_measures[], idle_measures[]; /* each ends with a nameless one */

/* Time stamp counter, after all earlier instructions. */
static inline uint64_t bench_clock(void) { return __builtin_ia32_rdtsc(); }
