/*
 * Where a thread runs: to another cpu of its process, because it wants to, its affinity says so, or its core was
 * given back.
 */
#include "libos/thread/cpu_private.h"

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"

/* Off its own stack, which is saved. */
static void hop_leave(struct thread *t)
{
	cpu_give(t, t->cpu);
	thread_schedule();
}

/* In disabled mode. */
static void hop_to(struct cpu *to)
{
	struct thread *t = thread_current();

	if (to == cpu_self)
		return;
	t->cpu = to;
	context_leave(t, hop_leave, dispatcher_page()->upcall_stack);
}

bool cpu_leave(struct thread *t)
{
	struct cpu *to = cpu_must_leave(t) ? cpu_allowed(t) : cpu_self;

	if (to == cpu_self)
		return false;
	hop_to(to);
	return true;
}

void cpu_leave_closed(void)
{
	if (!cpu_due)
		return;
	dispatcher_disable();
	cpu_leave(thread_current());
	dispatcher_enable();
}

err_t thread_hop(coreid_t core)
{
	if (!cpu_is_member(core))
		return ERR_CORE_ID;
	if (!thread_has_cpus())
		return ERR_OK;
	dispatcher_disable();
	hop_to(cpu_at(core));
	dispatcher_enable();
	return ERR_OK;
}

void thread_pin(void) { thread_current()->pins++; }

void thread_unpin(void) { thread_current()->pins--; }

coreid_t thread_visit(coreid_t core)
{
	coreid_t back;

	thread_pin();
	back = dispatcher_core();
	if (back != core)
		thread_hop(core);
	return back;
}

void thread_return(coreid_t back)
{
	if (back != dispatcher_core())
		thread_hop(back);
	thread_unpin();
}

void thread_bind(struct thread *t, const uint64_t *cores)
{
	bool bound = false;

	for (unsigned i = 0; i < CORES_MAX / 64; i++) {
		__atomic_store_n(&t->affinity[i], cores[i], __ATOMIC_RELAXED);
		bound |= cores[i] != ~UINT64_C(0);
	}
	t->bound = bound;
	if (t != thread_current() || !thread_has_cpus())
		return;
	dispatcher_disable();
	if (cpu_must_leave(t))
		hop_to(cpu_allowed(t));
	dispatcher_enable();
}
