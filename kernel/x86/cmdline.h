/* Options of the kernel's command line: words, or name=value. Portable. */
#pragma once

#include "../abi/types.h"

/* Is the word `option` there? */
bool cmdline_has(const char *cmdline, const char *option);
/* The decimal number after `name=`, or `otherwise`. */
uint64_t cmdline_number(const char *cmdline, const char *name, uint64_t otherwise);
