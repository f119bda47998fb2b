/*
 * Which cores seem to be silent: doubt.c.
 */
#pragma once

#include "kernel/abi/types.h"

#define TICKS_PATIENT 2 /* that one waits before there is a doubt */

void doubt_init(void);
/* See agree_step(): what is overdue is looked at, and who seems to be silent. */
bool doubt_tick(cycles_t *next);
/* The core at a place has left somebody waiting since then: it is pinged, and suspected after the silence time. */
void doubt_begin(unsigned place, cycles_t since);
/* Another core suspects it: it has two ticks to answer. */
void doubt_hasten(unsigned place);
/* There is none any more, if there was. */
void doubt_end(unsigned place);
bool doubt_holds(unsigned place);
/* Is it doubted, and has not been heard of for the silence time? */
bool doubt_is_old(unsigned place);
/* The next place that doubt_is_old(), from `place` on, or `places`. */
unsigned doubt_next_old(unsigned place);
/* Has it been heard of in the last half of the silence time? */
bool doubt_heard_lately(coreid_t core);
