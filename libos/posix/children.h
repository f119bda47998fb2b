/*
 * The children of this process: those that posix_spawn and fork made, until somebody has waited for them.
 *
 * Each is watched: its monitor tells of its end, its stop and its going on (libos/core/monitor_client.h), without
 * the process service. What it said is kept here, so a status is there however late one asks.
 */
#pragma once

#include <sys/types.h>

#include "libos/proc/program.h"

/* An exit status as mon_exit has it: that of _exit, or this and a signal that ended the process. */
#define EXIT_SIGNAL (UINT64_C(1) << 32)

/* ... or this and the errno for which it took nothing of what it was to inherit. */
#define EXIT_UNBORN (UINT64_C(1) << 34)

struct inherit;

/*
 * A child from now on, of a group; it may have ended already. It is watched, unless it will be by what is still to be
 * asked for it (mon_heir). ERR_NO_MEMORY, ERR_WATCHERS.
 */
err_t child_add(const struct program *p, pid_t group, bool watched);
/* What a child says by mon_begun: it has taken what it inherits; a fork's, that it has copied what it copies. */
enum child_word { CHILD_BEGUN, CHILD_COPIED };
/* Waits till it has said that; an errno. ECHILD: it was ended before. */
int child_await(pid_t number, enum child_word word);
/* The program knows of it now: its end is told by SIGCHLD. */
void child_known(pid_t number);
/* A child that lives, by its number. */
bool child_find(pid_t number, struct program *out);
void child_group_set(pid_t number, pid_t group);
/* It is none, and never was. */
void child_drop(pid_t number);
bool child_ended(pid_t number);
/* The number of the process that started this one; 0: none. */
void parent_set(pid_t number);
pid_t parent_get(void);
/* For a program that takes this process's place: the children; in it: they are its own. An errno. */
void children_pack(struct inherit *i);
int children_unpack(const char *data, size_t bytes);
