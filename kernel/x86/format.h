/*
 * printf's small brother for the CPU driver's messages: %s %c %d %u %x %p %%,
 * with l, ll, z, a width and leading zeros. No state, no floating point.
 */
#pragma once

#include <stdarg.h>

#include "../abi/types.h"

/* Writes at most `room` bytes with the NUL; returns the length of what was written. */
size_t format_text(char *to, size_t room, const char *format, va_list args);
