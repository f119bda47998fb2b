/*
 * Processes that span cores: a new member.
 *
 * Its core makes it; the home sends it copies of what all members share and asks all, the new one
 * among them, whether it may join.  It runs when they have said so; else it is dropped.
 */
#include "monitor/member_jobs.h"

#include <string.h>

static void share_all(struct process *p, coreid_t core)
{
	p->jobs->sharing = 1;
	job_share(p, TASK_ARGS_FRAME, core);
	for (unsigned i = 1; i < p->tables; i++)
		job_share(p, MEMBER_TABLES + i, core);
	for (unsigned i = 0; i < MEMBER_ROOTS; i++) {
		if (!(p->roots >> i & 1))
			continue;
		member_tell(core, MEMBER_ROOTS_ARE, &(struct mon_message){ .word = { p->pid, i, p->root_index[i] } });
		job_share(p, member_root(p, i), core);
	}
	job_shared(p->pid, ERR_OK, 0);
}

static void ring_all(struct process *p, coreid_t core)
{
	for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c)) {
		uint64_t number;

		if (!member_peer_number(p, c, &number))
			member_tell(core, MEMBER_RING, &(struct mon_message){ .word = { p->pid, c, number } });
	}
}

static void span_joined(uint64_t pid, err_t err, const struct proposal *proposal)
{
	struct process *p = member_find(pid);

	if (err)
		member_tell_pid((coreid_t)proposal->word[0], MEMBER_DROP, pid);
	job_end(p, err);
}

static void span_made(struct pending *pending, const struct mon_message *reply)
{
	struct process *p = member_find(pending->context);
	struct member_job *j = p->jobs;
	err_t err = (err_t)mon_aux(reply->header);

	if (err) {
		member_tell_pid(j->core, MEMBER_DROP, p->pid); /* it may have been made too late */
		job_end(p, err);
		return;
	}
	j->number = reply->word[0];
	ring_all(p, j->core);
	share_all(p, j->core);
}

void span_shared(struct process *p)
{
	struct member_job *j = p->jobs;

	if (j->err) {
		member_tell_pid(j->core, MEMBER_DROP, p->pid);
		job_end(p, j->err);
	} else {
		job_agree(p, SUBJECT_JOIN, j->core, j->number, span_joined);
	}
}

/* The first time, the process becomes a group of one. */
static err_t group_begin(struct process *p)
{
	uint64_t number;
	err_t err = member_spans(p) ? ERR_OK : group_make(p->pid);

	/* One that has peers ends by agreement of its group, so there is none without. */
	if (err || member_spans(p))
		return err;
	err = member_peers_make(p, &number);
	if (err)
		group_drop(p->pid);
	return err;
}

void span_begin(struct process *p)
{
	struct member_job *j = p->jobs;
	const uint64_t *w = j->request.m.word;
	struct pending pending = { .context = p->pid, .done = span_made, .deadline = request_deadline() };
	struct mon_message m = { .header = mon_header(MON_MEMBERS, 0, MEMBER_MAKE, 0) };
	err_t err = ERR_CORE_ID;

	if (w[1] < MEMBER_CORES && w[1] < monitor.info->cores)
		err = w[1] == monitor.core || group_holds(p->pid, (coreid_t)w[1]) ? ERR_EXISTS : ERR_CORE_DOWN;
	if (err == ERR_CORE_DOWN && group_holds(GROUP_ALL, (coreid_t)w[1]))
		err = group_begin(p);
	if (!err) {
		j->core = (coreid_t)w[1];
		m.word[0] = p->pid;
		m.word[1] = w[2];
		m.word[2] = w[3];
		m.word[3] = p->tables | (uint64_t)p->local_pages << 16;
		memcpy(&m.word[4], p->name, 2 * sizeof m.word[4]);
		err = request_forward(j->core, &m, NULL, &pending);
	}
	if (err)
		job_end(p, err);
}

void member_span(struct request *r)
{
	struct mon_message m = { .word = { 0, r->m.word[0], r->m.word[1], r->m.word[2] } };

	member_to_home(r, MEMBER_SPAN, &m);
}
