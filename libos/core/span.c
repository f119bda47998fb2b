/*
 * Members on other cores: asked for, woken.
 *
 * The memory that a new member begins with, its first stack and its first nodes, is
 * made here, in shared memory; all else it makes itself, out of its own core's memory.
 * A member is woken by a notification, to which the monitors give every other a capability.
 */
#include "libos/core/span.h"

#include "libos/core/arrival.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/vspace_map.h"
#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/x86/barrier.h"

bool process_spans;

static struct member_start *start;       /* one that is not in use; whoever adds members does one at a time */
static uint64_t present[CORES_MAX / 64]; /* members that are not the first */

bool cpu_present(coreid_t core)
{
	if (core >= CORES_MAX)
		return false;
	return process_args()->pid >> 32 == core || mem_load64(&present[core / 64]) >> core % 64 & 1;
}

void cpu_wake(coreid_t core)
{
	if (process_spans)
		ntfn_signal(CPTR(MON_PEERS_L1, core));
}

/* --- requests ---------------------------------------------------------------------------- */

/* The monitor has too much to do just now. */
static err_t ask(unsigned op, struct mon_message *m)
{
	struct mon_message request = *m;
	err_t err;

	while ((err = mon_call(op, m)) == ERR_AGAIN) {
		*m = request;
		thread_yield();
	}
	return err;
}

static err_t mon_span(coreid_t core, const void *stack)
{
	struct mon_message m = { .word = { core, (uint64_t)member_start, (uint64_t)stack } };

	return ask(MON_SPAN, &m);
}

err_t mon_root_slot(cptr_t table, unsigned index)
{
	struct mon_message m = { .word = { table, index } };

	return ask(MON_ROOT_SLOT, &m);
}

err_t mon_unmap(coreid_t core, const cptr_t slots[SPAN_PIECES])
{
	struct mon_message m = { .word = { core, slots[0], slots[1], slots[2], slots[3], slots[4] } };

	return ask(MON_UNMAP, &m);
}

err_t mon_protect(coreid_t core, cptr_t slot, unsigned first, unsigned count, unsigned flags)
{
	struct mon_message m = { .word = { core, slot, first | (uint64_t)count << 16, flags } };

	return ask(MON_PROTECT, &m);
}

err_t mon_cap_fetch(coreid_t core, cptr_t there, cptr_t here, unsigned rights)
{
	struct mon_message m = { .word = { core, there, here, rights } };

	return ask(MON_CAP_FETCH, &m);
}

/* --- a member ------------------------------------------------------------------------------- */

/* Stack and nodes are the member's from then on; those of one that came to nothing are for the next. */
static err_t start_make(void)
{
	struct thread *t;
	vaddr_t top, nodes;
	err_t err = start ? ERR_OK : stack_map(STACK_BITS, &top);

	if (start || err)
		return err;
	err = frame_alloc_map(PAGE_BITS, NULL, &nodes);
	if (err)
		return err;
	t = thread_lay(top - SIZE_OF_BITS(STACK_BITS), top);
	start = (struct member_start *)t->stack_top - 1;
	*start = (struct member_start){ .thread = t, .nodes = (struct vspace_node *)nodes };
	return ERR_OK;
}

err_t cpu_add(coreid_t core)
{
	err_t err;

	if (core >= CORES_MAX)
		return ERR_CORE_ID;
	if (cpu_present(core))
		return ERR_EXISTS;
	err = process_spans || !fault_share ? ERR_OK : fault_share->end();
	if (!err)
		err = vspace_share();
	if (!err)
		err = start_make();
	if (!err)
		err = mon_span(core, start);
	if (err)
		return err;
	start = NULL;
	__atomic_fetch_or(&present[core / 64], UINT64_C(1) << core % 64, __ATOMIC_RELEASE);
	return ERR_OK;
}

void span_move(uint64_t core)
{
	struct mon_message m = { .word = { core < CORES_MAX ? cpu_move((coreid_t)core) : ERR_CORE_ID } };

	mon_call(MON_MIGRATED, &m);
}
