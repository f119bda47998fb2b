/*
 * Threads, in the simulator: there is one, so nobody ever waits. It shadows libos/thread/control.h
 * for the allocators of libos/core; monitor_side.c has the mutexes.
 */
#pragma once

#include "libos/core/dispatcher.h"
#include "libos/thread/thread.h"

static inline void memory_touch(const void *p) { (void)p; }
