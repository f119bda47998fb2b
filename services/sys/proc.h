/* What the files of /proc/N share: proc.c, debug.c, regs.c, wait.c, about.c. */
#pragma once

#include <stddef.h>

#include "kernel/abi/dispatcher.h"
#include "libos/core/monitor_debug.h"
#include "services/proc/types.h"
#include "services/sys/tree.h"

/* The process of a file. ENOENT: it has ended. */
unsigned process_of(const struct ninep_file *f, struct proc_info *out);
/* Above the files of a process. */
unsigned proc_parent(const struct ninep_file *f, struct ninep_file *out);

/* --- debug.c --------------------------------------------------------------------------------------- */

extern const struct ninep_handlers mem_handlers, regs_handlers, wait_handlers;
/* ctl's. They return errors of 9P. */
unsigned debug_attach(const struct proc_info *p);
unsigned debug_detach(const struct proc_info *p);
/* It goes on: for one instruction of its running thread, or till it stops by itself. EAGAIN: none runs. */
unsigned debug_go(const struct proc_info *p, bool step);
/* What there is to be said of it in its status. */
void debug_status(const struct proc_info *p, struct text *t);
/* Open, it is of a process, whatever becomes of its number: mem and wait. */
unsigned mem_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags);
void mem_close(struct ninep_file *f);

/* --- regs.c ------------------------------------------------------------------------------------------ */

#define CORES_SETS 4 /* words of a set of cores that a process spans */

enum thread_state { THREAD_RUNS, THREAD_READY, THREAD_WAITS };
/* A thread, and where its registers are. */
struct found {
	coreid_t core;
	uint64_t id; /* address of its control block; 0: the dispatcher */
	enum thread_state state;
	vaddr_t regs, fs; /* where its struct regs and fs base are; of one that waits, what it has saved */
	vaddr_t fpu;      /* where its FPU's are, as FXSAVE has them; 0: they are not known */
};

bool read_word(const struct proc_info *p, coreid_t core, vaddr_t at, uint64_t *word);
/* What a core runs, or will go on with first; false: nothing. */
bool running_find(const struct proc_info *p, coreid_t core, struct found *out);

/* --- wait.c ------------------------------------------------------------------------------------------ */

/* Those who wait for a process to stop or end are answered; before each wait of the server's. */
cycles_t debug_turn(struct ninep_server *s);
void debug_init(struct ninep_server *s);

/* --- look.c: its memory -------------------------------------------------------------------------------- */

/* All of it, or false. On the core where it started. */
bool look_at(const struct proc_info *p, const void *at, void *to, size_t bytes);
/* Text up to its NUL, cut at room - 1. */
bool look_text(const struct proc_info *p, const char *at, char *to, size_t room);

/* --- about.c ------------------------------------------------------------------------------------------- */

extern const struct ninep_handlers args_handlers, environ_handlers, fd_handlers, ns_handlers, cwd_handlers;
struct about;
/* What it tells of itself; false: nothing, or in another way. */
bool about_read(const struct proc_info *p, struct about *out);
