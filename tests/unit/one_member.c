/* A process on one core, for the libOS's sources: nothing here is ever called. */
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/span.h"
#include "libos/core/vspace_map.h"

bool process_spans;

err_t mon_protect(coreid_t core, cptr_t slot, unsigned first, unsigned count, unsigned flags)
{
	(void)core, (void)slot, (void)first, (void)count, (void)flags;
	abort();
}

err_t mon_root_slot(cptr_t table, unsigned index)
{
	(void)table, (void)index;
	abort();
}

err_t vspace_shared_table(unsigned level, vaddr_t va, uint64_t key, cptr_t *out)
{
	(void)level, (void)va, (void)key, (void)out;
	abort();
}

err_t vspace_shared_remove(struct vspace_node *n)
{
	(void)n;
	abort();
}

void vspace_shared_tidy(void) { abort(); }
void dispatcher_yield(void) { abort(); }
