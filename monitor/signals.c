/*
 * Signals between processes, the groups they go to, and stops.
 *
 * A signal is a message to the process, whose libOS does with it what the program has asked for. Three are the
 * monitor's: one ends the process, one stops its dispatcher, one has it go on. Of what comes to a stopped process a bit
 * for each signal is kept till then, and of what comes to one whose place another is about to take (succession.c) for
 * that one. Of one that spans cores, its home tells the other members' monitors.
 *
 * Groups, sessions and parents are numbers that the processes tell; the monitor only keeps them.
 */
#include "libos/core/invoke.h"
#include "monitor/member_jobs.h"

#define BIT(signal) (UINT64_C(1) << (signal))

static bool meant(const struct process *p, unsigned to, uint64_t who, uint32_t sender)
{
	/* Where one has not got its place yet, who has it is meant. */
	if (p->before && to != MON_TO_PID)
		return false;
	switch (to) {
	case MON_TO_PID:
		return p->pid == who;
	case MON_TO_NUMBER:
		return p->id && p->id == who;
	case MON_TO_GROUP:
		return who && p->group == who;
	default:
		return p->id && p->id != sender && !p->service;
	}
}

static void signal_send(struct process *p, uint64_t what, uint64_t value, uint64_t sender)
{
	const struct mon_message m = { .header = mon_header(MON_SIGNAL, 0, 0, 0),
				       .word = { 0, what, 0, value, sender } };

	process_send(p, &m);
}

static void members_halt(const struct process *p, bool halt)
{
	const struct mon_message m = { .word = { p->pid, halt } };

	if (!member_spans(p) || !member_at_home(p))
		return;
	for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c))
		if (c != monitor.core)
			member_tell(c, MEMBER_HALT, &m);
}

void process_stop(struct process *p, unsigned shown)
{
	if (p->stopped || disp_stop(p->slots + SLOT_DISPATCHER))
		return;
	p->stopped = true;
	p->shown = (uint8_t)(shown ? shown : MON_SIGNAL_STOP);
	members_halt(p, true);
	watch_process_state(p, p->shown);
}

void signals_release(struct process *p)
{
	uint64_t held = p->held & ~BIT(MON_SIGNAL_STOP);

	if (p->stopped)
		return;
	if (p->held & BIT(MON_SIGNAL_STOP)) {
		p->held = held;
		process_stop(p, p->shown);
		return;
	}
	p->held = 0;
	for (; held; held &= held - 1)
		signal_send(p, (uint64_t)__builtin_ctzll(held) << 8, 0, 0);
}

void process_continue(struct process *p)
{
	if (!p->stopped)
		return;
	p->stopped = false;
	if (!p->after)
		signals_release(p);
	members_halt(p, false);
	watch_process_state(p, 0);
	debug_continue(p);
}

/* As in a libOS, a stop and the going on are not both pending. */
static void signal_hold(struct process *p, unsigned signal)
{
	if (signal == MON_SIGNAL_CONTINUE)
		p->held &= ~MON_SIGNAL_STOPPERS;
	else if (MON_SIGNAL_STOPPERS & BIT(signal))
		p->held &= ~BIT(MON_SIGNAL_CONTINUE);
	p->held |= BIT(signal);
}

/* For who is to take its place; a debugger may have stopped it meanwhile. */
static void signal_hand_on(struct process *p, unsigned signal, unsigned shown)
{
	if (signal == MON_SIGNAL_CONTINUE)
		process_continue(p);
	if (signal == MON_SIGNAL_STOP)
		p->shown = (uint8_t)shown;
	signal_hold(p, signal);
}

static void signal_take(struct process *p, const struct request *r)
{
	uint64_t what = r->m.word[1] & ~UINT64_C(0xff);
	unsigned signal = (what >> 8) % MON_SIGNALS;

	if (p->after && signal && signal != MON_SIGNAL_KILL) {
		signal_hand_on(p, signal, (unsigned)r->m.word[3] % MON_SIGNALS);
		return;
	}
	switch (signal) {
	case 0:
		break;
	case MON_SIGNAL_KILL:
		process_end(p, MON_KILLED, ERR_KILLED);
		break;
	case MON_SIGNAL_STOP:
		process_stop(p, (unsigned)r->m.word[3] % MON_SIGNALS);
		break;
	case MON_SIGNAL_CONTINUE:
		process_continue(p);
		signal_send(p, what, 0, r->m.word[4]);
		break;
	default:
		if (p->stopped)
			p->held |= BIT(signal);
		else
			signal_send(p, what, r->m.word[3], r->m.word[4]);
	}
}

/*
 * Two looks: at whom it is for, and whether all of them can take it; then it goes out. The answer comes after the
 * signal to the sender's own process, and before that is ended or stopped.
 */
void signal_request(struct request *r)
{
	unsigned to = (uint8_t)r->m.word[1];
	uint64_t words[MON_PAYLOAD] = { 0 }, who = r->m.word[2];
	uint32_t sender = (uint32_t)r->m.word[4];
	struct process *self = NULL, *p;
	err_t err = ERR_OK;

	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		p = &monitor.processes.entry[i];
		if (!process_alive(p) || p->pid >> 32 != monitor.core || !meant(p, to, who, sender))
			continue;
		words[0]++;
		if (!process_room(p, 1))
			err = ERR_AGAIN;
	}
	for (unsigned i = 0; i < PROCESS_MAX && !err && words[0]; i++) {
		p = &monitor.processes.entry[i];
		if (!process_alive(p) || p->pid >> 32 != monitor.core || !meant(p, to, who, sender))
			continue;
		if (!origin_is_monitor(r->from) && p->number == r->from.number)
			self = p;
		else
			signal_take(p, r);
	}
	if (self && (r->m.word[1] >> 8) % MON_SIGNALS != MON_SIGNAL_STOP) {
		signal_take(self, r);
		self = NULL;
	}
	request_reply(r, err, words);
	if (self)
		signal_take(self, r);
}

void signal_relate(struct request *r)
{
	unsigned by = (uint8_t)r->m.word[1], set = (unsigned)r->m.word[5];
	uint64_t words[MON_PAYLOAD] = { 0 };
	struct process *p = NULL;

	for (unsigned i = 0; i < PROCESS_MAX && by <= MON_TO_NUMBER && !p; i++) {
		struct process *one = &monitor.processes.entry[i];

		if (process_alive(one) && one->pid >> 32 == monitor.core && meant(one, by, r->m.word[2], 0))
			p = one;
	}
	if (!p) {
		request_reply(r, ERR_NO_PROCESS, NULL);
		return;
	}
	if (set & MON_SET_GROUP || (set & MON_SET_MISSING && !p->group))
		p->group = (uint32_t)r->m.word[3];
	if (set & MON_SET_SESSION || (set & MON_SET_MISSING && !p->session))
		p->session = (uint32_t)(r->m.word[3] >> 32);
	if (set & MON_SET_PARENT)
		p->parent = (uint32_t)r->m.word[4];
	/* Another monitor would wait for it. */
	if (set & MON_SET_UNANSWERED && !origin_is_monitor(r->from))
		return;
	words[0] = p->pid;
	words[1] = p->group | (uint64_t)p->session << 32;
	words[2] = p->parent | (uint64_t)p->id << 32;
	request_reply(r, ERR_OK, words);
}
