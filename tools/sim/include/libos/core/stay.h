/* In place of libos/core/stay.h: an island has no threads. */
#pragma once

static inline void core_stay(void) {}
static inline void core_go(void) {}
