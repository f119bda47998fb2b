/*
 * Islands as images in memory: one shared object, loaded once for each core.
 *
 * base/image.h does the loading; here are the entry points of each copy.
 */
#pragma once

#include "tools/sim/island.h"

/* The entry points of one copy; as in island.h. */
#define ISLAND_ENTRIES(X)          \
	X(isle_start)              \
	X(isle_start_others)       \
	X(isle_settle)             \
	X(isle_message)            \
	X(isle_request)            \
	X(isle_propose)            \
	X(isle_group_make)         \
	X(isle_group_holds)        \
	X(isle_malformed)          \
	X(isle_doorbell)           \
	X(isle_step)               \
	X(isle_process)            \
	X(isle_member)             \
	X(isle_process_end)        \
	X(isle_lend)               \
	X(isle_process_alive)      \
	X(isle_invoke)             \
	X(isle_page)               \
	X(isle_table_marked)       \
	X(isle_owner)              \
	X(isle_heir)               \
	X(isle_root)               \
	X(isle_malformed_caps)     \
	X(isle_malformed_requests) \
	X(isle_run) X(isle_check) X(isle_caps) X(isle_busy) X(isle_show) X(isle_memory_free)

struct island {
#define ISLAND_ENTRY(name) __typeof__(&name) name;
	ISLAND_ENTRIES(ISLAND_ENTRY)
#undef ISLAND_ENTRY
};

/* Reads the image. Ends the program, and says why, when it cannot be loaded. */
void loader_open(const char *path);
/* A fresh copy. */
void loader_load(struct island *out);
/* Memory of one copy that is its own, in bytes. */
uint64_t loader_island_bytes(void);
