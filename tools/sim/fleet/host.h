/*
 * What the simulator's own programs (tools/sim/fleet/guest: clients with a ledger) may ask of
 * it besides what every process has.
 */
#pragma once

#include "kernel/abi/types.h"

/* The run is over: something must not be. */
void host_violation(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* A number of the run, drawn from its seed: below `limit`, which is not 0. */
uint64_t host_random(uint64_t limit);
/* An option of the run. */
uint64_t host_option(const char *name);
/* This process works for so many ns. */
void host_work(uint64_t ns);
/* A call was answered that began at `from` (a time of this process); counted and timed for the figures. */
void host_answered(const char *what, uint64_t from);
/* This process has done what it was to do. */
void host_done(void);
/* Adds to one of the run's counters, which the world's checks compare. Returns what it is then. */
uint64_t host_count(const char *counter, int64_t more);
