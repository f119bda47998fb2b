/*
 * This core's memory before there are capabilities to it.
 */
#pragma once

#include "../abi/types.h"

struct cap;

/* 1 << bits bytes, zeroed, aligned to their size, taken out of arch_start.ram for good. Panics when there are none. */
paddr_t first_ram_take(unsigned bits);
/* Makes RAM capabilities to all that is left in `slots` empty slots; how many, and how many bytes. */
unsigned first_ram_give(struct cap *slot, unsigned slots, uint64_t *bytes);
