/*
 * Xen's hvm_start_info: how QEMU starts a kernel that has a PVH note.
 * Portable, no state, no arch: see loader.h.
 */
#include "loader.h"

/* As the Xen header lays them out, version 1. */
struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp;
	uint64_t memmap; /* from here on version 1 only */
	uint32_t memmap_entries, reserved;
};
struct start_module {
	uint64_t base, size, cmdline, reserved;
};
struct start_range {
	uint64_t base, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info is 56 bytes");
_Static_assert(sizeof(struct start_range) == 24, "memory map entry is 24 bytes");

enum { RANGE_RAM = 1, RANGES_MAX = 1024 };

static void ranges_pass(const struct start_range *range, uint32_t n, bool usable, struct memmap *ram)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t base = range[i].base, length = range[i].size;
		uint64_t end = length > UINT64_MAX - base ? UINT64_MAX : base + length;

		if (usable && range[i].type == RANGE_RAM)
			memmap_add(ram, base, end);
		if (!usable && range[i].type != RANGE_RAM)
			memmap_remove(ram, base, end);
	}
}

static void cmdline_copy(paddr_t at, acpi_map_fn *map, void *context, char *to)
{
	const char *c;
	unsigned i;

	for (i = 0; i + 1 < BOOT_CMDLINE; i++) {
		c = map(context, at + i, 1);
		if (c == NULL || *c == '\0')
			break;
		to[i] = *c;
	}
	to[i] = '\0';
}

bool pvh_parse(paddr_t info, acpi_map_fn *map, void *context, struct loader_info *out)
{
	const struct start_info *s = map(context, info, sizeof(*s));
	const struct start_module *module;
	const struct start_range *range;

	*out = (struct loader_info){ 0 };
	if (s == NULL || s->magic != PVH_MAGIC || s->version < 1 || s->memmap_entries > RANGES_MAX)
		return false;
	range = map(context, s->memmap, (uint64_t)s->memmap_entries * sizeof(*range));
	if (range == NULL)
		return false;
	ranges_pass(range, s->memmap_entries, true, &out->ram);
	ranges_pass(range, s->memmap_entries, false, &out->ram);
	memmap_pages(&out->ram);
	out->rsdp_at = s->rsdp;
	if (s->cmdline)
		cmdline_copy(s->cmdline, map, context, out->cmdline);
	out->modules = s->modules;
	module = s->modules ? map(context, s->module_list, sizeof(*module)) : NULL;
	if (module != NULL && module->size != 0 && module->size <= UINT64_MAX - module->base) {
		out->module = module->base;
		out->module_end = module->base + module->size;
	}
	return true;
}
