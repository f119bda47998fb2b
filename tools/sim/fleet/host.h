/*
 * What the simulator's own programs (tools/sim/fleet/guest: clients with a ledger) may ask of
 * it besides what every process has.
 */
#pragma once

#include "kernel/abi/types.h"

#include <stdbool.h>

/* The run is over: something must not be. */
void host_violation(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* A number of the run, drawn from its seed: below `limit`, which is not 0. */
uint64_t host_random(uint64_t limit);
/* Is a client to make an n-th call (from 0 on)? So many as were asked for, and till all deaths have happened. */
bool host_go_on(uint64_t n);
/* An option of the run. */
uint64_t host_option(const char *name);
/* Is this the scheme of the run (--scheme)? */
bool host_scheme(const char *name);
/* Is this its load (--load)? */
bool host_load(const char *name);
/* Does that process live? */
bool host_lives(uint64_t pid);
/* This process works for so many ns. */
void host_work(uint64_t ns);
/* A call was answered that began at `from` (a time of this process); counted and timed for the figures. */
void host_answered(const char *what, uint64_t from);
/* The name service is there: the fleet may start. */
void host_names_serve(void);
/* The fleet has these members and no other, and all serve. False: one of them is dead already. */
bool host_whole(const uint64_t *pids, uint32_t count);
/* These members serve; others may come and go. */
void host_serving(const uint64_t *pids, uint32_t count);
/* What the coordinator says of the last death (struct fleet_times). */
void host_fleet_times(uint64_t deaths, uint64_t seen, uint64_t fenced, uint64_t told, uint64_t replaced);
/* Is that memory in this slot of the calling process? */
bool host_has_memory(uint64_t slot, paddr_t base, unsigned bits);
/* Pages that the calling process's core has for the page service. */
uint64_t host_core_pages(void);
/* Have all clients done what they were to do? */
bool host_clients_done(void);
/* All is done and checked. */
void host_finished(void);
/* This client has done what it was to do. */
void host_done(void);
/* Adds to one of the run's counters, which the world's checks compare. Returns what it is then. */
uint64_t host_count(const char *counter, int64_t more);
/* The same with a place of a table that is as long as need be. */
uint64_t host_tally(const char *table, uint64_t place, int64_t more);
/* Has the core of that process died? */
bool host_core_lost(uint64_t pid);
/* Has any? */
bool host_cores_lost(void);
