/*
 * A child that is being made joins those that its parent is among: spread.h.
 *
 * From its start on, what comes for it is held here, but for what ends it at once, since it knows of no handler yet. It
 * has told its group before it joins, so whatever its parent has not had when that is asked finds the child, on the
 * round that is going on or on the next. Its parent does not come back from fork before: a child whose parent has ended
 * meanwhile has never been, and ends.
 */
#include "monitor/monitor.h"

/* Of each record of the process table; beside it, for what looks through all of that has little use for this. */
static struct joining {
	struct spread spread;
	uint32_t since;    /* what its maker's count was */
	uint32_t sequence; /* of its request, which is answered when it has joined; 0: it is told who watches it */
	uint32_t word;     /* ... this */
	bool asked;
} joinings[PROCESS_MAX];

static struct joining *joining_of(const struct process *p) { return &joinings[p - monitor.processes.entry]; }

struct spread *spread_of(const struct process *p) { return &joining_of(p)->spread; }

void joining_new(const struct process *p) { *joining_of(p) = (struct joining){ 0 }; }

static void joined(struct process *p, const struct spread *maker)
{
	struct joining *j = joining_of(p);
	const struct origin self = { monitor.core, p->number };
	uint64_t signals = p->joining ? spread_join(&j->spread, maker, j->since) : 0;

	p->joining = false;
	if (j->sequence)
		reply_to(self, MON_JOIN, j->sequence, ERR_OK, NULL);
	else
		watch_begun_tell(p, j->word);
	if (signals >> MON_SIGNAL_KILL & 1) {
		process_end(p, MON_KILLED, ERR_KILLED);
		return;
	}
	for (; signals; signals &= signals - 1)
		p->held = signals_add(p->held, (unsigned)__builtin_ctzll(signals));
	signals_release(p);
}

/* As if it had not begun. */
static void in_vain(struct process *p)
{
	joining_of(p)->asked = false;
	process_end(p, MON_KILLED, ERR_KILLED);
}

void joining_end(struct process *p)
{
	const struct joining *j = joining_of(p);

	if (p->joining && j->asked && !j->sequence)
		watch_begun_tell(p, j->word);
	p->joining = false;
}

static void maker_answered(struct pending *pending, const struct mon_message *reply)
{
	struct process *p = origin_process(pending->origin);
	struct spread maker;

	if (!process_alive(p) || !p->joining)
		return;
	if (mon_aux(reply->header)) {
		in_vain(p);
		return;
	}
	spread_unpack(&maker, reply->word);
	joined(p, &maker);
}

/* By its pid; NULL: it has ended. */
static const struct process *maker_find(uint64_t pid)
{
	const struct process *p = process_table_find(&monitor.processes, (uint32_t)pid);

	return process_alive(p) && p->pid == pid ? p : NULL;
}

static void join(struct process *p)
{
	const struct mon_message ask = { .header = mon_header(MON_JOIN, 0, 0, 0), .word = { p->maker } };
	struct pending pending = { .origin = { monitor.core, p->number }, .done = maker_answered };
	coreid_t core = (coreid_t)(p->maker >> 32);
	const struct process *maker;

	if (!p->joining) {
		joined(p, NULL);
		return;
	}
	if (core != monitor.core) {
		if (core >= monitor.info->cores || request_forward(core, &ask, NULL, &pending))
			in_vain(p);
		return;
	}
	maker = maker_find(p->maker);
	if (maker)
		joined(p, spread_of(maker));
	else
		in_vain(p);
}

void process_join_request(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	const struct process *maker;
	struct joining *j;

	if (!origin_is_monitor(r->from)) {
		j = joining_of(origin_process(r->from));
		j->since = (uint32_t)r->m.word[0];
		j->word = (uint32_t)r->m.word[1];
		j->asked = true;
		j->sequence = mon_sequence(r->m.header);
		join(origin_process(r->from));
		return;
	}
	maker = maker_find(r->m.word[0]);
	if (maker)
		spread_pack(spread_of(maker), words);
	request_reply(r, maker ? ERR_OK : ERR_NO_PROCESS, words);
}
