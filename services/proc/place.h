/*
 * Which core a program is started on: spatial multiplexing.
 *
 * Services and programs get a core of their own as long as there is one with nothing on it; then
 * the one with the fewest processes. Asked again only after a while: between, starts and ends are counted.
 */
#pragma once

#include "libos/fleet/fleet.h"

/* ERR_CORE_DOWN: there is none at all. `near`: taken before others that are as good. */
err_t core_choose(struct fleet *f, coreid_t near, coreid_t *core);
/* It had no memory for a program: not chosen again till all are asked again, unless all are full. */
void core_is_full(coreid_t core);
/* One more, or one less, there. */
void core_count_change(coreid_t core, int more);
/* The system's and all others', as far as is known; how many there may be when one that is started asks for more. */
uint32_t processes_in_all(struct fleet *f);
uint32_t processes_allowed(void);
