/*
 * The system calls that give the processor away. SYS_INVOKE is in invoke.c,
 * SYS_LMP_SEND in lmp.c, SYS_RESUME in upcall.c, SYS_NULL in the entry stub.
 *
 * They are made in disabled mode with nothing worth saving: the dispatcher goes
 * on by an upcall.  One that breaks this rule only loses its own registers.
 */
#include "../x86/arch.h"
#include "dispatch.h"

struct sys_result sys_yield(void)
{
	schedule_rotate();
	schedule();
}

/* Beyond any time that a timer is asked for: as good as never. */
#define DEADLINE_FAR (UINT64_C(1) << 62)

struct sys_result sys_wait(cycles_t deadline)
{
	if (deadline >= DEADLINE_FAR)
		deadline = 0;
	if (deadline && deadline <= arch_now())
		current->page->events |= EVENT_TIMEOUT;
	if (!current->page->events)
		schedule_sleep(deadline);
	schedule();
}
