/* Is the boot archive what it says it is? Portable, no state. */
#pragma once

#include "../abi/boot.h"

/* NULL if header and entries of the archive in `bytes` at `a` are sound, else what is wrong, as text. */
const char *archive_check(const struct archive_header *a, uint64_t bytes);
