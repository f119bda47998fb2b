/* Which threads are in a call that may block: see interrupt.h. The list is as long as there are such threads. */
#include "libos/posix/interrupt.h"

bool (*posix_signal_pending)(void);

static struct interruptible *calls;
static struct mutex lock = MUTEX_INIT;

bool interrupt_begin(struct interruptible *i, void (*wake)(struct interruptible *i), void *arg)
{
	*i = (struct interruptible){ .thread = thread_self(), .wake = wake, .arg = arg };
	mutex_lock(&lock);
	i->next = calls;
	calls = i;
	mutex_unlock(&lock);
	/* A signal that came before the call was in the list is seen here, one that comes later finds it. */
	if (posix_signal_pending && posix_signal_pending())
		i->interrupted = true;
	return i->interrupted;
}

void interrupt_end(struct interruptible *i)
{
	struct interruptible **at = &calls;

	mutex_lock(&lock);
	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	mutex_unlock(&lock);
}

/* The lock is held while its call is woken, so the call is still there. */
void posix_interrupt(struct thread *t)
{
	mutex_lock(&lock);
	for (struct interruptible *i = calls; i; i = i->next)
		if (i->thread == t) {
			i->interrupted = true;
			i->wake(i);
		}
	mutex_unlock(&lock);
}

bool interrupt_needed(void) { return __atomic_load_n(&calls, __ATOMIC_RELAXED) != NULL; }
