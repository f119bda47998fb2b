/* The islands' image, and the entry points of its copies. */
#include "tools/sim/loader.h"

#include "tools/sim/base/image.h"

static struct image *image;

void loader_open(const char *path) { image = image_open(path, ""); }

uint64_t loader_island_bytes(void) { return image_own_bytes(image); }

void loader_load(struct island *out)
{
	void *copy = image_load(image);

#define ISLAND_ENTRY(name) out->name = (__typeof__(&name))image_symbol(image, copy, #name);
	ISLAND_ENTRIES(ISLAND_ENTRY)
#undef ISLAND_ENTRY
}
