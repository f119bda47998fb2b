/*
 * The processes that this member watches: who waits for them, what becomes of them.
 *
 * A process is watched by one member, which its record names. That one is told of its end by the process's
 * monitor, writes it into the record, and answers who waits. A watcher that died is replaced by the
 * member that keeps the record.
 */
#pragma once

#include "services/proc/proc_server.h"
#include "services/proc/records.h"

err_t processes_open(struct fleet *f);
/*
 * Watches what r->pid names, which may have ended by now; writes the record, r->watcher being set. Makes calls.
 */
err_t process_watch(struct record *r);
/* Answers the call when the process has ended; ERR_NO_PROCESS: it is not watched here. */
err_t process_await(uint32_t id, struct rpc_call *call);
/* If the record's watcher is in no view any more: it is watched here from now on. */
void process_adopt(const struct record *r);
/* The view has changed: records whose watchers have gone are watched here from now on. */
void processes_adopt(void);
/* A new fleet: those that an earlier one started, and that live, as the monitors say. Others are forgotten. */
err_t processes_find(void);
void processes_count(struct proc_statistics *out);
