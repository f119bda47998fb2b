/*
 * A process that takes another's place: exec.
 *
 * The new one, the heir, is started by the old one on the same core, with its number. While it takes what it inherits
 * both are there, and to others there is one: the old one is found by its number and in its group, the heir by nobody;
 * signals for the old one are held, but for SIGKILL, which ends both. When the heir has taken all the old one says so,
 * and in one step the heir gets group, session and parent as they are then, who watches the old one, and the signals;
 * and the old one ends. So there is no moment at which a signal, or a new group, is lost between the two. The heir
 * waits for that before its program begins. If it ends before, the old one has the signals.
 */
#include "monitor/boot.h"
#include "monitor/monitor.h"

static struct process *alive(uint64_t pid)
{
	struct process *p = process_table_find(&monitor.processes, (uint32_t)pid);

	return process_alive(p) && p->pid == pid ? p : NULL;
}

/* Of this core, by a number that stands for one that lives. */
static struct process *other(uint32_t number) { return process_table_find(&monitor.processes, number); }

err_t succession_check(uint64_t pid)
{
	const struct process *p = alive(pid);

	if (!p)
		return ERR_NO_PROCESS;
	return p->after || p->before ? ERR_AGAIN : ERR_OK;
}

void succession_begin(uint64_t pid, struct process *heir)
{
	struct process *old = alive(pid);

	heir->before = old->number;
	old->after = heir->number;
}

static void place_answer(struct process *p)
{
	const struct origin self = { monitor.core, p->number };

	if (p->place_sequence)
		reply_to(self, MON_PLACE, p->place_sequence, ERR_OK, NULL);
	p->place_sequence = 0;
}

void succession_place(struct request *r)
{
	struct process *p = origin_process(r->from);

	p->place_sequence = mon_sequence(r->m.header);
	if (p->before)
		watch_begun(r);
	else
		place_answer(p);
}

static void place_give(struct process *old, struct process *heir)
{
	heir->before = old->after = 0;
	heir->group = old->group;
	heir->session = old->session;
	heir->parent = old->parent;
	heir->held = old->held;
	heir->shown = old->shown;
	old->held = 0;
	watch_move(old, heir);
}

void succession_take(struct request *r)
{
	struct process *heir = alive(r->m.word[0]), *old = heir && heir->before ? other(heir->before) : NULL;

	if (!old || (!origin_is_monitor(r->from) && old != origin_process(r->from))) {
		request_reply(r, ERR_NO_PROCESS, NULL);
		return;
	}
	/* Another monitor has it in its books till it is answered. */
	if (origin_is_monitor(r->from))
		request_reply(r, ERR_OK, NULL);
	place_give(old, heir);
	heir->held |= r->m.word[1];
	process_end(old, MON_EXITED, MON_REPLACED | heir->pid);
	place_answer(heir);
	signals_release(heir);
}

void succession_end(struct process *p)
{
	struct process *heir = p->after ? other(p->after) : NULL, *old = p->before ? other(p->before) : NULL;

	p->before = p->after = 0;
	if (heir) {
		heir->before = 0;
		process_end(heir, MON_KILLED, ERR_KILLED);
	}
	if (old) {
		old->after = 0;
		signals_release(old);
	}
}
