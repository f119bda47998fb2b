/* The files of the boot archive, read-only, straight from memory. */
#pragma once

#include "kernel/abi/types.h"

#define BOOT_FOLDER "/boot/"

struct boot_file {
	const char *name;
	const uint8_t *data;
	uint64_t size;
};

/* The index-th file; ERR_NOT_FOUND past the last. The archive is mapped at the first call. */
err_t boot_file_at(unsigned index, struct boot_file *out);
err_t boot_file_find(const char *name, struct boot_file *out);
