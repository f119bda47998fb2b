/*
 * How long messages take: by distance, and by what the weather of a run adds.
 */
#pragma once

#include "kernel/abi/types.h"
#include "tools/sim/base/random.h"

#define MICROSECOND 1000
#define MILLISECOND (1000 * MICROSECOND)

/* The machine: cores in packages in nodes. */
#define CORES_A_PACKAGE 8
#define PACKAGES_A_NODE 2
static inline unsigned package_of(coreid_t core) { return core / CORES_A_PACKAGE; }
static inline unsigned node_of(coreid_t core) { return core / (CORES_A_PACKAGE * PACKAGES_A_NODE); }

/* 0: the same core; 1: the same package; 2: the same node; 3: another. */
unsigned cores_apart(coreid_t a, coreid_t b);

struct weather {
	unsigned jitter;   /* cycles added at most, usually */
	unsigned slow_in;  /* one in so many takes much longer; 0: none */
	unsigned slow;     /* by so much at most */
	unsigned stall_in; /* one in so many messages finds its receiver asleep; 0: none */
	cycles_t stall;    /* for so long at most */
};

/* The weather of a run. All zero is calm. */
void weather_draw(struct weather *w, struct random *dice);
/* From one core to another, in cycles. */
cycles_t weather_delay(const struct weather *w, struct random *dice, coreid_t from, coreid_t to);
