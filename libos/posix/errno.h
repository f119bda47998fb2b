/* From the system's errors to errno. */
#pragma once

#include <errno.h>

#include "kernel/abi/types.h"

/* The errno value that says about the same as `err`; 0 for 0. */
int errno_from(err_t err);

/* Sets errno and returns -1. */
static inline int errno_fail(int value)
{
	errno = value;
	return -1;
}
