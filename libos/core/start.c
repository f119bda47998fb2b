/*
 * The start of a process, from the first upcall to posix_start.
 *
 * Order: the dispatcher page, so that upcalls find us; the first thread, since
 * mutexes name their owner, and with it enabled mode; slots, which memory needs,
 * which the address space needs; endpoint 0; the monitor.  A member on another core goes the
 * same way up to cpu_begin, on a stack and with nodes that were made for it.
 */
#include "libos/core/start.h"

#include "libos/core/arrival.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/span.h"
#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/thread/errand.h"

/* Its control block lies at the top of the first stack, like any thread's; this code runs below. */
static void __attribute__((noreturn, noinline)) start_on(struct thread *first)
{
	const struct process_args *a = process_args();
	struct cap_info monitor;

	first->stack_low = a->stack_top - a->stack_bytes + ERRAND_BYTES;
	errand_init(a->stack_top - a->stack_bytes);
	thread_init(first);
	dispatcher_enable();
	slot_init(a->free_slot);
	ram_init();
	vspace_self_init();
	if (!lmp_init() && !cap_identify(TASK_MONITOR_EP, &monitor))
		mon_init();
	posix_start(a);
}

void libos_join(const struct member_start *m)
{
	cptr_t free_slot = dispatcher_page()->libos[1];

	dispatcher_init();
	cpu_init(m->thread);
	dispatcher_enable();
	slot_init(free_slot);
	ram_init_member();
	vspace_self_init_member(m->nodes);
	if (!lmp_init())
		mon_init();
	cpu_begin(NULL);
}

void libos_start(uint64_t events)
{
	uint64_t room = thread_room();
	char *block = __builtin_alloca(room);

	(void)events;
	dispatcher_init();
	start_on(thread_lay((vaddr_t)block, (vaddr_t)block + room));
}
