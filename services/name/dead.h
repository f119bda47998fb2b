/*
 * Names whose processes have ended.
 *
 * The coordinator watches all processes that have names (mon_watch) and removes the names of those that
 * end, by a change like any other.  One thread does that; a new coordinator looks at all
 * processes of its table once more, so what happened in between is found out.
 */
#pragma once

#include "services/name/replica.h"

/* Before anything else here. */
void dead_init(struct kv_replicated *kv);
/* Starts the thread. */
err_t dead_start(void);
/* A process has a name (again). */
void dead_process(uint64_t pid);
/* This member has become the coordinator. */
void dead_lead(void);
