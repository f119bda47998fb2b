/*
 * lifo: a program with a scheduler of its own, as an example.
 *
 * Threads have priorities, in the policy's own word of each; of equals the one that came last
 * runs first. Each cpu has its own list, so it needs no lock. The program starts threads of
 * mixed priorities and checks in which order they ran. Exit status 0 when right.
 */
#include <stdio.h>

#include "libos/core/local.h"
#include "libos/thread/policy.h"
#include "libos/thread/thread.h"

#define THREADS 9

static CORE_LOCAL struct thread *ready; /* linked by next, the first to run first */

static void list_enqueue(struct thread *t, enum thread_ready_why why)
{
	struct thread **at = &ready;
	/* Who gives way lets its equals go first. */
	while (*at && (*thread_policy_word(*at) > *thread_policy_word(t) ||
		       (why == READY_YIELDED && *thread_policy_word(*at) == *thread_policy_word(t))))
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

static struct thread *list_dequeue(void)
{
	struct thread *t = ready;
	if (t)
		ready = t->next;
	return t;
}

static bool list_waiting(void) { return ready != NULL; }

/* The least of those that may go. */
static struct thread *list_steal(coreid_t thief)
{
	struct thread **found = NULL, *t;
	for (struct thread **at = &ready; *at; at = &(*at)->next)
		if (thread_may_leave(*at, thief))
			found = at;
	if (!found)
		return NULL;
	t = *found;
	*found = t->next;
	return t;
}

static coreid_t list_place(struct thread *t)
{
	(void)t;
	return thread_idle_core();
}

static const struct thread_policy by_priority = { "priority, last first", list_enqueue, list_dequeue,
						  list_waiting,           list_steal,   list_place };

static unsigned order[THREADS], ran;

static void *note(void *arg)
{
	order[ran++] = (unsigned)(uintptr_t)arg;
	return NULL;
}

int main(void)
{
	static const unsigned right[THREADS] = { 8, 5, 2, 7, 4, 1, 6, 3, 0 };
	struct thread_options held = { .held = true };
	struct thread *t[THREADS];
	bool ok = true;
	if (thread_set_policy(&by_priority))
		return 1;
	*thread_policy_word(thread_self()) = THREADS;
	for (unsigned i = 0; i < THREADS; i++) {
		if (thread_create_with(&t[i], &held, note, (void *)(uintptr_t)i))
			return 1;
		*thread_policy_word(t[i]) = i % 3;
	}
	for (unsigned i = 0; i < THREADS; i++)
		thread_start(t[i]);
	for (unsigned i = 0; i < THREADS; i++)
		thread_join(t[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		ok &= order[i] == right[i];
	for (unsigned i = 0; !ok && i < THREADS; i++)
		printf("%u%c", order[i], i == THREADS - 1 ? 10 : 32);
	printf("lifo: %u threads by priority: %s\n", ran, ok ? "right" : "WRONG");
	return !ok;
}
