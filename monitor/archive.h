/*
 * Finding a program in the boot archive (kernel/abi/boot.h). Portable.
 */
#pragma once

#include "kernel/abi/boot.h"

/* Is it an archive whose entries all lie within `size` bytes? */
bool archive_valid(const struct archive_header *a, uint64_t size);
/* The entry of that name in a valid archive, or NULL. */
const struct archive_entry *archive_find(const struct archive_header *a, const char *name);
