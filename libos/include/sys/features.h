/*
 * What POSIX options this system has, on top of newlib's own list: the clocks of
 * libos/posix/time.c. Found before newlib's header, which it includes.
 */
#pragma once

#include_next <sys/features.h>

#ifndef _POSIX_TIMERS
#define _POSIX_TIMERS 1
#endif
#ifndef _POSIX_MONOTONIC_CLOCK
#define _POSIX_MONOTONIC_CLOCK 200112L
#endif
