/*
 * Staying on a core while something core-local is in use, or a capability: what a capability's
 * address means is core-local, too.
 */
#pragma once

#include "libos/thread/control.h"

/* From here to core_go the thread stays on this core, and what is core-local is the same. Nests. */
static inline void core_stay(void)
{
	struct thread *t = thread_current();

	if (t)
		t->pins++;
}

static inline void core_go(void)
{
	struct thread *t = thread_current();

	if (t)
		t->pins--;
}
