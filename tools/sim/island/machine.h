/*
 * Between the two halves of an island: the CPU driver's (machine.c, linked with kernel/core)
 * and the monitor's (monitor_side.c).  Their headers define the same names differently, so
 * this one uses neither.
 */
#pragma once

#include "tools/sim/island.h"

struct machine_result {
	err_t err;
	uint64_t value[4];
};

/* The CPU driver starts, and makes the objects that its monitor is made of. */
void machine_start(const struct island_birth *b);
/* A system call of the monitor's. */
struct machine_result machine_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
/* An invocation in the capability space of which the monitor's slot `root` holds the root cnode. */
struct machine_result machine_invoke_in(cptr_t root, cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1);
/* Events for the monitor's dispatcher since the last call: bits of EVENT_, and of notifications. */
uint64_t machine_events(uint64_t *notified);
/* Pages that the monitor has at fixed addresses. */
const void *machine_boot_info(void);
const void *machine_arguments(void);
/* Memory at a physical address. */
void *machine_memory(paddr_t p);
void machine_root_load(paddr_t root);
/* isle_page() without what the monitor does. */
void machine_page(paddr_t page, struct island_page *out);
