/*
 * What a boot loader handed over, whichever it was: memory, command line, the
 * boot archive, the ACPI root pointer.
 *
 * The two parsers are portable and without state; they read the loader's data
 * once and copy what they take, so its memory is free after them.  What does not
 * fit its tag is not used.
 */
#pragma once

#include "../abi/boot.h"
#include "acpi.h"
#include "memmap.h"

#define MULTIBOOT2_MAGIC 0x36d76289
#define PVH_MAGIC 0x336ec578

struct loader_info {
	struct memmap ram;          /* usable, in whole pages */
	paddr_t module, module_end; /* the first module; both 0: none */
	unsigned modules;
	uint8_t rsdp[ACPI_RSDP_BYTES]; /* copy; rsdp_bytes 0: none */
	unsigned rsdp_bytes;
	paddr_t rsdp_at; /* or where it is; 0: unknown */
	char cmdline[BOOT_CMDLINE];
};

/* Multiboot2 boot information (specification 2.0, 3.6), `bytes` of which can be read. False: it is not one. */
bool multiboot2_parse(const void *info, uint64_t bytes, struct loader_info *out);
/* Xen's hvm_start_info (xen/include/public/arch-x86/hvm/start_info.h) at `info`. False: it is not one. */
bool pvh_parse(paddr_t info, acpi_map_fn *map, void *context, struct loader_info *out);
