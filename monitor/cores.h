/*
 * What monitor 0 knows of the machine's cores, and its command line options.
 * Portable.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/monitor_proto.h"

struct proposal;

/* SUBJECT_CORE_AT: a core's doorbells go to another processor from now on (islands.c). */
void core_commit_at(const struct proposal *p);

struct core_table {
	uint32_t cores;
	uint32_t awaited; /* cores that were started and have not said hello */
	struct {
		uint8_t state;     /* enum mon_core_state */
		coreid_t host;     /* on whose processor it runs */
		cycles_t deadline; /* 0: not awaited */
	} core[CORES_MAX];
};

void core_table_init(struct core_table *t, unsigned cores);
/* Sets the state; the core is not awaited any more. */
void core_table_set(struct core_table *t, coreid_t core, unsigned state);
/* MON_CORE_ABSENT for a core that the machine does not have. */
unsigned core_table_get(const struct core_table *t, coreid_t core);
/* It has been started and shall have said hello by `deadline`. */
void core_table_await(struct core_table *t, coreid_t core, cycles_t deadline);
/*
 * True when a core is too late: it is `missing` from now on. Else `next` is the
 * earliest deadline, or 0 when none is awaited.
 */
bool core_table_expire(struct core_table *t, cycles_t now, coreid_t *missing, cycles_t *next);
unsigned core_table_count(const struct core_table *t, unsigned state);

/*
 * The value of option `name` ("cores") in a command line of `name=value` words; a
 * value in double quotes may hold blanks. False when it is not there or too long.
 */
bool option_find(const char *cmdline, const char *name, char *out, size_t size);
/* Its value when that is a number; else, and when it is not there, `otherwise`. */
uint64_t option_number(const char *cmdline, const char *name, uint64_t otherwise);
/* Is the word `name` there? */
bool option_given(const char *cmdline, const char *name);
/* Option cores=N, between 1 and `present`; `present` when it is not given. */
unsigned cores_wanted(const char *cmdline, unsigned present);
/* Splits at blanks into NUL-terminated words one after the other, in place; the length with all NULs. */
size_t words_split(char *text);
