/*
 * Lines that all may read: what the monitor's loop does about them (links.c).
 */
#pragma once

#include "kernel/abi/types.h"

/* Takes what has come; true when there was something. */
bool broadcast_poll(void);
/* Is there something? */
bool broadcast_ready(void);
