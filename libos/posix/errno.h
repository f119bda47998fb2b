/* From the system's errors to errno. */
#pragma once

#include <errno.h>

#include "kernel/abi/types.h"

/* The errno value that says about the same as `err`; 0 for 0. */
int errno_from(err_t err);

/* ... as an error of libos/ninep/error.h, which are Linux's numbers; EIO when its server has gone. */
int errno_from_ninep(unsigned error);

/* Sets errno and returns -1. */
static inline int errno_fail(int value)
{
	errno = value;
	return -1;
}
