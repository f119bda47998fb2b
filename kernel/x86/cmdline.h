/* Options of the kernel's command line: words. Portable. */
#pragma once

#include "../abi/types.h"

/* Is the word `option` there? */
bool cmdline_has(const char *cmdline, const char *option);
