/* The console as a device: ioctl of its descriptors. */
#pragma once

#include "libos/posix/fd.h"

/* 0 or an errno value; EINVAL: it knows no such request. */
int terminal_control(struct open_file *f, unsigned long request, void *argument);
