/*
 * The life of this core's processes after their start: end, wait, kill, list,
 * faults.
 *
 * A process ends in one place, process_end, whatever the cause: first what others
 * know of it (channels, names, waiters), then its memory, by one revoke of the
 * block that all of it is made of.
 */
#include "monitor/boot.h"
#include "monitor/caps/caps.h"
#include "monitor/members.h"
#include "libos/core/invoke.h"

#define WAITERS_MAX 256

static struct waiter waiters[WAITERS_MAX];
static struct waiter *waiters_free;
static unsigned waiters_fresh, waiters_used;

/* Nobody has more than are left for others. */
static bool waiter_room(struct origin who)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PROCESS_MAX && waiters_used >= WAITERS_MAX / 2; i++)
		for (struct waiter *w = monitor.processes.entry[i].waiters; w; w = w->next)
			count += origin_same(w->origin, who);
	return count < WAITERS_MAX - waiters_used;
}

static struct waiter *waiter_new(struct origin who)
{
	struct waiter *w = waiters_free;

	if (!waiter_room(who))
		return NULL;
	waiters_used++;
	if (w)
		waiters_free = w->next;
	else
		w = &waiters[waiters_fresh++];
	return w;
}

static void waiter_free(struct waiter *w)
{
	w->next = waiters_free;
	waiters_free = w;
	waiters_used--;
}

/* The process of that pid, or its record; members of others have numbers, too, that are no pids. */
static struct process *process_of(uint64_t pid)
{
	struct process *p = process_table_find(&monitor.processes, (uint32_t)pid);

	return p && p->pid == pid ? p : NULL;
}

static void wait_answer(struct process *p, struct origin to, uint32_t sequence)
{
	uint64_t words[MON_PAYLOAD] = { p->cause, p->status };

	p->collected = true;
	reply_to(to, MON_WAIT, sequence, ERR_OK, words);
}

static void waiters_answer(struct process *p)
{
	while (p->waiters) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		wait_answer(p, w->origin, w->sequence);
		waiter_free(w);
	}
}

/* All of `who` that wait for a process, or (sequence not 0) the one with that number. */
static void waiters_drop(struct process *p, struct origin who, uint32_t sequence)
{
	for (struct waiter **at = &p->waiters; *at;) {
		struct waiter *w = *at;

		if (!origin_same(w->origin, who) || (sequence && w->sequence != sequence)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		waiter_free(w);
	}
}

/* A process that ends waits for nobody any more, on no core. */
static void waiters_forget(struct process *gone)
{
	struct origin who = { monitor.core, gone->number };
	struct pending *wait;
	struct process *p;

	for (unsigned i = 0; gone->waits && (p = process_table_live(&monitor.processes, i)); i++)
		waiters_drop(p, who, 0);
	while ((wait = pending_of(&monitor.pendings, who, MON_WAIT))) {
		struct mon_message m = { .header = mon_header(MON_UNWAIT, 0, 0, wait->sequence),
					 .word = { wait->context } };

		link_send(wait->core, &m);
		pending_drop(&monitor.pendings, wait);
	}
}

/* From the monitor of one that waited. */
void process_unwait(struct request *r)
{
	struct process *p = process_of(r->m.word[0]);

	if (p)
		waiters_drop(p, r->from, mon_sequence(r->m.header));
}

void process_forget(struct process *p)
{
	text_drop(&monitor.texts, (struct origin){ monitor.core, p->number });
	mailbox_forget(p);
	waiters_forget(p);
	process_migrate_forget(p);
	watch_process_gone(p);
	name_process_gone(p);
	connections_process_gone(p);
	boards_process_gone(p);
	caps_process_gone(p);
	memory_maker_gone(p);
}

void process_gone(struct process *p)
{
	process_table_end(&monitor.processes, p, p->cause, p->status);
	waiters_answer(p);
	boot_process_gone(p);
}

void process_end(struct process *p, unsigned cause, uint64_t status)
{
	if (monitor.verbose)
		report("monitor %u: %s (%u.%u) ends, status %l", monitor.core, p->name, monitor.core, p->number,
		       status);
	succession_end(p);
	if (member_spans(p)) {
		member_end(p, cause, status);
		return;
	}
	disp_stop(p->slots + SLOT_DISPATCHER);
	p->state = PROCESS_ENDING;
	p->cause = (uint8_t)cause;
	p->status = status;
	process_forget(p);
	memory_forget(p, process_gone);
}

void process_exit(struct request *r) { process_end(origin_process(r->from), MON_EXITED, r->m.word[0]); }

void process_wait(struct request *r)
{
	struct process *p = process_of(r->m.word[0]);
	struct waiter *w;

	if (!p) {
		request_reply(r, ERR_NO_PROCESS, NULL);
		return;
	}
	if (p->state == PROCESS_DEAD) {
		wait_answer(p, r->from, mon_sequence(r->m.header));
		return;
	}
	w = waiter_new(r->from);
	if (!w) {
		request_reply(r, ERR_NO_MEMORY, NULL);
		return;
	}
	if (!origin_is_monitor(r->from))
		origin_process(r->from)->waits = true;
	*w = (struct waiter){ .next = p->waiters, .origin = r->from, .sequence = mon_sequence(r->m.header) };
	p->waiters = w;
}

void process_kill(struct request *r)
{
	struct process *p = process_of(r->m.word[0]);

	if (!process_alive(p)) {
		request_reply(r, ERR_NO_PROCESS, NULL);
		return;
	}
	if (r->m.word[1] && !alive_hangs(p, r->m.word[1])) {
		request_reply(r, ERR_AGAIN, NULL);
		return;
	}
	request_reply(r, ERR_OK, NULL);
	process_end(p, MON_KILLED, ERR_KILLED);
}

void process_ps(struct request *r)
{
	struct process *p = process_table_home(&monitor.processes, monitor.core, (unsigned)r->m.word[1]);
	struct mon_process out = { 0 };
	struct disp_state state = { 0 };
	struct mon_message m;

	if (!p || r->m.word[2] >= MON_PROCESS_PARTS) {
		request_reply(r, p ? ERR_ARGUMENT : ERR_NOT_FOUND, NULL);
		return;
	}
	disp_inspect(p->slots + SLOT_DISPATCHER, &state);
	out.pid = p->pid;
	out.cores = member_spans(p) ? group_count(p->pid) : 1;
	out.state = state.state;
	out.cycles = state.cycles;
	out.id = p->id;
	out.ticket = p->ticket;
	for (unsigned i = 0; i < sizeof out.name; i++)
		out.name[i] = p->name[i];
	mon_process_pack(&out, (unsigned)r->m.word[2], &m);
	request_reply(r, ERR_OK, m.word);
}

/* --- faults ---------------------------------------------------------------------- */

/* Reported by the process's own libOS. */
void process_fault(struct request *r)
{
	struct process *p = origin_process(r->from);
	const struct disp_state s = { .state = DISP_STOPPED,
				      .area = SAVE_FAULT,
				      .vector = (uint8_t)r->m.word[0],
				      .error = r->m.word[1],
				      .address = r->m.word[2],
				      .rip = r->m.word[3] };

	if (debug_stopped(p, &s, true))
		return;
	report_fault(p, (unsigned)r->m.word[0], r->m.word[1], r->m.word[2], r->m.word[3]);
	process_end(p, MON_FAULTED, ERR_FAULTED);
}

/*
 * Found by the CPU driver, in a process that could not take the upcall. One
 * notification serves all processes, so look at each; this is rare.
 */
void process_faults(void)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &monitor.processes.entry[i];
		struct disp_state s;
		err_t err;

		if (!process_alive(p))
			continue;
		err = disp_inspect(p->slots + SLOT_DISPATCHER, &s);
		if (!err && (s.state != DISP_FAULTED || debug_stopped(p, &s, false)))
			continue;
		/* Its dispatcher was taken from us, so it cannot be watched, and may be the one. */
		if (err)
			report("%s (%u.%u) stopped: it has revoked its dispatcher", p->name, monitor.core, p->number);
		else
			report_fault(p, s.vector, s.error, s.address, s.rip);
		process_end(p, MON_FAULTED, ERR_FAULTED);
	}
}
