/*
 * Lines that all may read: what the monitor's loop does about them (links.c).
 */
#pragma once

#include "kernel/abi/types.h"

extern unsigned broadcast_sources; /* pages that are listened to */
/* Takes what has come. */
void broadcast_poll(void);
/* Is there something? */
bool broadcast_ready(void);
