/*
 * Points in time of POSIX clocks as the thread library counts them.
 */
#pragma once

#include <time.h>

#include "kernel/abi/types.h"

/* How long that is; for what is longer than can be told, half of for ever. */
uint64_t time_to_ticks(const struct timespec *t);
/* The TSC's value at that time of that clock, never 0; 0 or EINVAL. */
int clock_deadline(clockid_t clock, const struct timespec *at, cycles_t *out);
