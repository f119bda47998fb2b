/*
 * Numbers of processes, between the files of libos/posix.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libos/core/monitor_client.h"

#define PARENT_OF_ORPHANS 1 /* what getppid says when the parent is gone */

/* What getpid of a process says: the process service's number, or core and number where there is none. */
pid_t process_number(uint32_t id, uint64_t pid);
/* What mmap has to do before the process ends; NULL: nothing. */
extern void (*process_mappings_end)(void);
/* exit, in a program that has a main: what the end of its last thread is. */
extern void (*process_last_thread)(int status);
/* Is there such a process? */
bool process_lives(pid_t number);
/* The monitors' pid, where the number says it itself; else 0. */
uint64_t process_pid(pid_t number);
/* Process group, session and parent of this one; they are written down if nothing was. 0, or -1 and errno. */
int group_own(struct mon_relation *r);
/* Looks it up on all cores (0: this one), sets what bits say (mon_relate). ERR_NO_PROCESS. */
err_t process_relate(pid_t number, unsigned set, struct mon_relation *r);
