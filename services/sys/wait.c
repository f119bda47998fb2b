/*
 * /proc/N/wait: read, says what became of the process once it stops or ends: "stopped", "trapped VECTOR ERROR
 * ADDRESS", "exited STATUS", "killed", "faulted"; at once if it has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/thread/thread.h"
#include "services/sys/proc.h"

#define WAIT_TEXT 80

/* A read that is put off. The dispatcher's scheduler writes the rest, while it is in the list. */
struct waiting {
	struct waiting *next;
	struct ninep_pending *answer;
	struct proc_info process;
	bool ended;
	unsigned cause;
	uint64_t status;
};

static struct waiting *waiting;
static struct event changed = EVENT_INIT;
static struct wait_set *woken;

static void gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w;
	for (struct waiting *at = waiting; at; at = at->next)
		if (at->process.pid == pid || (!(uint32_t)pid && at->process.pid >> 32 == pid >> 32)) {
			at->ended = true;
			at->cause = cause;
			at->status = status;
		}
	event_raise(&changed);
}

static void state(struct mon_watcher *w, uint64_t pid, unsigned signal)
{
	(void)w, (void)pid, (void)signal;
	event_raise(&changed);
}

static void *changes(void *arg)
{
	for (;;) {
		event_wait(&changed, 0);
		wait_set_interrupt(woken);
	}
	return arg;
}

static void unlist(struct waiting *w)
{
	struct waiting **at = &waiting;

	dispatcher_disable();
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	dispatcher_enable();
	free(w);
}

static void cancelled(struct ninep_pending *p, void *arg)
{
	(void)p;
	unlist(arg);
}

/* What became of it; false: nothing yet. */
static bool outcome(const struct waiting *w, char text[WAIT_TEXT])
{
	static const char *const causes[] = {
		[MON_EXITED] = "exited", [MON_KILLED] = "killed", [MON_FAULTED] = "faulted"
	};
	struct mon_debug_state s;

	if (w->ended)
		snprintf(text, WAIT_TEXT, "%s %" PRIu64 "\n", causes[w->cause % 3], w->status);
	else if (mon_debug_state((coreid_t)w->process.core, w->process.pid, &s))
		return false; /* its end is on the way */
	else if (s.trapped)
		snprintf(text, WAIT_TEXT, "trapped %u %" PRIx64 " %" PRIx64 "\n", s.vector, s.error, s.address);
	else if (s.stopped)
		snprintf(text, WAIT_TEXT, "stopped\n");
	return w->ended || s.stopped;
}

cycles_t debug_turn(struct ninep_server *s)
{
	char text[WAIT_TEXT];

	(void)s;
	for (struct waiting *w = waiting, *next; w; w = next) {
		next = w->next;
		if (!outcome(w, text))
			continue;
		ninep_answer(w->answer, 0, text, (uint32_t)strlen(text));
		unlist(w);
	}
	return 0;
}

/* Of one that has ended by now, its monitor still knows how. */
static unsigned watch(struct waiting *w)
{
	err_t err = mon_watch(w->process.pid);

	if (err != ERR_NO_PROCESS)
		return ninep_error_of(err);
	w->ended = !mon_wait(w->process.pid, &w->cause, &w->status);
	return w->ended ? 0 : NINEP_ENOENT;
}

static unsigned wait_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	const struct proc_info *p = f->open;
	struct waiting *w;
	unsigned error;

	(void)offset, (void)into, (void)count;
	w = malloc(sizeof(*w));
	if (!w)
		return NINEP_ENOMEM;
	*w = (struct waiting){ .process = *p };
	dispatcher_disable();
	w->next = waiting;
	waiting = w;
	dispatcher_enable();
	error = watch(w);
	if (!error && !(w->answer = ninep_later(c, cancelled, w)))
		error = NINEP_EAGAIN;
	if (error)
		unlist(w);
	return error ? error : NINEP_LATER; /* debug_turn comes next */
}

void debug_init(struct ninep_server *s)
{
	static struct mon_watcher watcher = { .gone = gone, .state = state };
	struct thread *t;

	woken = &s->set;
	s->turn = debug_turn;
	mon_watcher_add(&watcher);
	if (!thread_create(&t, changes, NULL))
		thread_detach(t);
}

const struct ninep_handlers wait_handlers = {
	.open = mem_open,
	.close = mem_close,
	.read = wait_read,
	.parent = proc_parent,
};
