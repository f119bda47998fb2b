/*
 * Missing cores that nobody waits for: heartbeat.c.
 */
#pragma once

#include "kernel/abi/types.h"

void heartbeat_init(void);
/* AGREE_BEAT has come from another member. */
void heartbeat_hear(coreid_t from);
/* Beats if it is time, and misses the one before. `next`: the earlier of what it was and of when to look again. */
void heartbeat_step(cycles_t *next);
/* The members are others now: who is before this core has not missed a beat yet. */
void heartbeat_changed(void);
