/*
 * Numbers of processes: 1 to PROC_ID_MAX, each given to one process at a time in all the fleet. A pool of all
 * members; what a lost one had comes back from the records.
 */
#pragma once

#include "libos/fleet/fleet.h"

#define PROC_ID_MAX 32767

/* In fleet_ops.init, start (the first member of all fills the pool) and changed. */
err_t ids_init(struct fleet *f);
err_t ids_start(struct fleet *f);
void ids_changed(const struct fleet_view *old);
/*
 * ERR_NO_MEMORY: all are in use. It is nobody else's, and id_settle says when there is a record of it. May make
 * calls.
 */
err_t id_take(uint32_t *id);
void id_settle(uint32_t id);
/*
 * Before its record goes: false: no memory, so it must stay. Then id_give when that is gone, or id_settle if it is
 * not.
 */
bool id_keep(uint32_t id);
void id_give(uint32_t id);
/* How many this member has to give. */
uint32_t ids_free(void);
