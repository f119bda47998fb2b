/* Shared memory: files of /tmp. */
#pragma once

#include <stdint.h>

struct open_file;

/* A file without a name, of that size; the caller holds it. NULL: none can be had. */
struct open_file *shm_unnamed(uint64_t bytes);
