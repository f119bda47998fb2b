/*
 * What the process service and its clients tell each other: plain data.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/monitor_proto.h"

#define PROC_ANYWHERE UINT32_MAX /* a core that has the least to do */
#define PROC_TEXT_MAX 3000       /* bytes of arguments and environment, each string with its NUL */
/*
 * A process that has a number starts no other while there are so many for each core: what is left is for the system
 * and the first shell.
 */
#define PROC_CORE_MOST 192
#define PROC_LIST_MAX 24 /* entries in one answer */

struct proc_start {
	/* By proc_ticket: asked again with the same, a program is started once. */
	uint64_t ticket;
	uint32_t core;   /* or PROC_ANYWHERE */
	uint32_t parent; /* number of the process that it belongs to; 0: none */
	uint32_t argc;   /* strings of the text that are arguments */
	uint32_t envc;   /* ... and, after those, environment */
	uint32_t letter; /* bytes of it behind those: for the process, as they are */
	/* The mailbox where it finds what it inherits (libos/posix/inherit.h); pid 0: nowhere. */
	uint64_t heir_pid, heir_secret;
	uint32_t heir_service;
	uint32_t heir_heap; /* of struct process_args */
	uint32_t program;   /* by mon_program at that core, for who has that mailbox; 0: the boot archive's */
	uint32_t most;      /* processes in all, this one among them; 0: PROC_CORE_MOST for each core */
};

/* The n-th start by the process `pid`, n from 1 on: no other process can have it. */
static inline uint64_t proc_ticket(uint64_t pid, uint32_t n)
{
	return (pid >> 32) << 54 | (pid & UINT32_MAX) << 22 | (n & 0x3fffff);
}

enum proc_state { PROC_STARTING, PROC_RUNNING, PROC_ENDED };

struct proc_end {
	uint64_t status;
	uint32_t cause; /* enum mon_cause */
	uint32_t id;
};

/* A process as `ps` shows it, the system's own too. */
struct proc_info {
	uint64_t pid;    /* the monitors' name for it: core << 32 | number */
	uint64_t cycles; /* that it has run */
	uint32_t id;     /* ours; 0: not started by this service */
	uint32_t cores;  /* that it spans */
	uint32_t state;  /* enum dispatcher_state */
	uint32_t core;   /* where it started */
	char name[MON_PROCESS_NAME];
};

/* Where the next answer to proc_list goes on. */
struct proc_cursor {
	uint32_t core, index;
};

struct proc_statistics {
	uint64_t started, ended, refused; /* by this member, since it lives */
	uint32_t running;                 /* that this member watches */
	uint32_t free;                    /* numbers that this member has to give */
};
