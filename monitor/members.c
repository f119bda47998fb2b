/*
 * Processes that span cores: messages about them, and the changes that a home does.
 *
 * A change is a job; the jobs of a process are done one after the other, each step by
 * a message, whose answer goes on with it:
 *
 *	a member	MAKE to its core; copies of what is shared; all: JOIN	member_span.c
 *	a top slot	copies of the table to all; all: ROOT_SLOT		member_root.c
 *	the end		all: STOP; all: END; every member says GONE		member_end.c
 *
 * A process that ends while it changes ends when the change has.
 */
#include "libos/x86/context.h"
#include "monitor/agree/membership.h"
#include "monitor/caps/caps.h"
#include "monitor/member_jobs.h"

#include <string.h>

#define JOBS_MAX 64
#define AGAINS_PER_SECOND 1000
#define WATCHES_PER_SECOND 8
#define JOBS_EACH 8 /* of one process; more are refused with ERR_AGAIN */

static struct member_job jobs[JOBS_MAX];
static struct member_job *jobs_free;
static unsigned jobs_fresh;
unsigned member_agains;
static cycles_t again_at, watch_at; /* 0: not at all */

static void job_begin(struct process *p);

/* --- messages ------------------------------------------------------------------------------ */

struct process *member_find(uint64_t pid)
{
	if (pid >> 32 == monitor.core)
		return process_table_find(&monitor.processes, (uint32_t)pid);
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (p->pid == pid && (p->state == PROCESS_LIVE || p->state == PROCESS_ENDING))
			return p;
	}
	return NULL;
}

void member_tell(coreid_t core, enum member_op op, const struct mon_message *m)
{
	struct mon_message out = *m;

	out.header = mon_header(MON_MEMBERS, 0, op, 0);
	link_send(core, &out);
}

void member_tell_pid(coreid_t core, enum member_op op, uint64_t pid)
{
	member_tell(core, op, &(struct mon_message){ .word = { pid } });
}

/* The answer to what was passed on for a process of this core, whose request had another name. */
static void relay(struct pending *p, const struct mon_message *reply)
{
	reply_to(p->origin, (unsigned)p->context, p->origin_sequence, (err_t)mon_aux(reply->header), reply->word);
}

/* Passes the request of a member here on to another core. */
static void pass_on(struct request *r, coreid_t core, enum member_op op, struct mon_message *m)
{
	struct pending pending = { .origin = r->from,
				   .origin_sequence = mon_sequence(r->m.header),
				   .context = mon_op(r->m.header),
				   .done = relay };
	err_t err;

	m->header = mon_header(MON_MEMBERS, 0, op, 0);
	err = request_forward(core, m, NULL, &pending);
	if (err)
		request_reply(r, err, NULL);
	else
		member_watch();
}

/* What was passed on may take long, so it has no deadline; but who is to do it must live. */
static bool passed_on_watch(void)
{
	bool waits = false;

	for (unsigned i = 0; i < PENDING_MAX && monitor.pendings.used; i++) {
		const struct pending *p = &monitor.pendings.entry[i];

		if (!p->sequence || p->done != relay)
			continue;
		membership_doubt(p->core);
		waits = true;
	}
	return waits;
}

/* --- jobs ---------------------------------------------------------------------------------- */

static struct member_job *job_new(struct process *p, const struct request *r, enum member_op op)
{
	struct member_job **at = &p->jobs, *j = jobs_free;
	unsigned count = 0;

	for (; *at; at = &(*at)->next)
		count++;
	if (count == JOBS_EACH || (!j && jobs_fresh == JOBS_MAX))
		return NULL;
	if (j)
		jobs_free = j->next;
	else
		j = &jobs[jobs_fresh++];
	*j = (struct member_job){ .request = *r, .op = (uint8_t)op };
	*at = j;
	return j;
}

void job_end(struct process *p, err_t err)
{
	struct member_job *j = p->jobs;

	request_reply(&j->request, err, NULL);
	p->jobs = j->next;
	j->next = jobs_free;
	jobs_free = j;
	if (!p->jobs && p->state == PROCESS_ENDING)
		end_begin(p);
	else if (p->jobs)
		job_begin(p);
}

static void job_propose(struct process *p)
{
	struct member_job *j = p->jobs;
	err_t err = two_phase(&j->proposal, j->done, p->pid);

	member_agains += (err == ERR_AGAIN) - j->again;
	j->again = err == ERR_AGAIN;
	if (err && err != ERR_AGAIN)
		j->done(p->pid, err, &j->proposal);
}

void job_agree(struct process *p, enum subject subject, uint64_t w0, uint64_t w1, round_done *done)
{
	struct member_job *j = p->jobs;

	j->proposal = (struct proposal){ .group = p->pid, .subject = (uint8_t)subject, .word = { w0, w1 } };
	j->done = done;
	job_propose(p);
}

/* --- what members share -------------------------------------------------------------------- */

void job_shared(uint64_t pid, err_t err, uint64_t value)
{
	struct process *p = member_find(pid);
	struct member_job *j = p->jobs;

	(void)value;
	if (err && !j->err)
		j->err = err;
	if (--j->sharing)
		return;
	if (j->op == MEMBER_SPAN)
		span_shared(p);
	else
		root_shared(p);
}

/* A copy of what is in the slot here to the same slot of the member on `core`. */
void job_share(struct process *p, cptr_t slot, coreid_t core)
{
	err_t err;

	p->jobs->sharing++;
	err = caps_copy_to(process_cap(p, slot), RIGHT_ALL, core, p->pid, (uint32_t)slot, job_shared, p->pid);
	if (err)
		job_shared(p->pid, err, 0);
}

/* --- requests ------------------------------------------------------------------------------ */

static void job_begin(struct process *p)
{
	if (p->state != PROCESS_LIVE)
		job_end(p, ERR_NO_PROCESS);
	else if (p->jobs->op == MEMBER_SPAN)
		span_begin(p);
	else
		root_begin(p);
}

static void change(struct process *p, const struct request *r, enum member_op op)
{
	bool first = !p->jobs;

	if (!job_new(p, r, op))
		request_reply(r, ERR_AGAIN, NULL);
	else if (first)
		job_begin(p);
}

void member_to_home(struct request *r, enum member_op op, struct mon_message *m)
{
	struct process *p = origin_process(r->from);

	m->word[0] = p->pid;
	if (!member_at_home(p)) {
		pass_on(r, (coreid_t)(p->pid >> 32), op, m);
		return;
	}
	memcpy(r->m.word, m->word, sizeof m->word);
	change(p, r, op);
}

void member_unmap(struct request *r)
{
	struct process *p = origin_process(r->from);
	struct mon_message m = r->m;

	if (r->m.word[0] == monitor.core) {
		member_unmap_here(p, r);
		return;
	}
	m.word[0] = p->pid;
	if (group_holds(p->pid, (coreid_t)r->m.word[0]))
		pass_on(r, (coreid_t)r->m.word[0], MEMBER_UNMAP, &m);
	else
		request_reply(r, ERR_CORE_ID, NULL);
}

void member_protect(struct request *r)
{
	struct process *p = origin_process(r->from);
	struct mon_message m = r->m;

	if (r->m.word[0] == monitor.core) {
		member_protect_here(p, r);
		return;
	}
	m.word[0] = p->pid;
	if (group_holds(p->pid, (coreid_t)r->m.word[0]))
		pass_on(r, (coreid_t)r->m.word[0], MEMBER_PROTECT, &m);
	else
		request_reply(r, ERR_CORE_ID, NULL);
}

void member_watch(void)
{
	if (!watch_at)
		watch_at = context_now() + monitor.info->tsc_hz / WATCHES_PER_SECOND;
}

static void again_all(void)
{
	for (unsigned i = 0; i < PROCESS_MAX && member_agains; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (p->jobs && p->jobs->again)
			job_propose(p);
		else if (p->end_again)
			end_agree(p);
	}
}

/* Nobody answers for a beginning or an end but by coming to it; so who lets others wait is doubted. */
static void watch_all(void)
{
	bool waits = passed_on_watch();

	for (unsigned i = 0; i < PROCESS_MAX; i++)
		waits |= member_wait_watch(&monitor.processes.entry[i]);
	watch_at = 0;
	if (waits)
		member_watch();
}

bool members_step(cycles_t *next)
{
	cycles_t now = context_now();
	bool again = again_at && now >= again_at, watch = watch_at && now >= watch_at;

	if (again)
		again_all();
	if (watch)
		watch_all();
	if (!member_agains)
		again_at = 0;
	else if (again || !again_at)
		again_at = now + monitor.info->tsc_hz / AGAINS_PER_SECOND;
	*next = again_at == 0 || (watch_at && watch_at < again_at) ? watch_at : again_at;
	return again || watch;
}

/* --- from other monitors ------------------------------------------------------------------- */

static void make_request(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	err_t err = r->from.core == r->m.word[0] >> 32 ? member_make(&r->m, &words[0]) : ERR_DENIED;

	request_reply(r, err, words);
}

static void home_request(struct process *p, struct request *r, enum member_op op)
{
	bool may = p && member_at_home(p) && group_holds(p->pid, r->from.core);

	switch (op) {
	case MEMBER_SPAN:
	case MEMBER_ROOT:
		if (may && process_alive(p))
			change(p, r, op);
		else
			request_reply(r, ERR_NO_PROCESS, NULL);
		break;
	case MEMBER_END:
		if (may && process_alive(p))
			process_end(p, (unsigned)r->m.word[1], r->m.word[2]);
		break;
	default:
		if (may && p->state == PROCESS_ENDING)
			member_gone(p, r->from.core);
		break;
	}
}

static void memory_request(struct process *p, struct request *r, enum member_op op)
{
	if (!p || !group_holds(p->pid, r->from.core))
		request_reply(r, ERR_NO_PROCESS, NULL);
	else if (op == MEMBER_UNMAP)
		member_unmap_here(p, r);
	else
		member_protect_here(p, r);
}

static void halt(struct process *p, bool halted)
{
	if (p->stopped == halted)
		return;
	p->stopped = halted;
	if (halted)
		disp_stop(p->slots + SLOT_DISPATCHER);
	else
		disp_run(p->slots + SLOT_DISPATCHER);
}

/* What only the home may say. */
static void home_says(struct process *p, struct request *r, enum member_op op)
{
	if (r->from.core != r->m.word[0] >> 32)
		return;
	if (op == MEMBER_DROP)
		member_drop(r->m.word[0]);
	else if (p && op == MEMBER_ROOTS_ARE)
		member_root_is(p, &r->m);
	else if (process_alive(p) && op == MEMBER_HALT)
		halt(p, r->m.word[1]);
	else if (p && op == MEMBER_UNROOT)
		member_unroot(p, r->m.word[1]);
	else if (p && r->m.word[1] < MEMBER_CORES)
		member_peer_add(p, (coreid_t)r->m.word[1], r->m.word[2]);
}

void members_message(struct request *r)
{
	unsigned op = mon_aux(r->m.header);
	struct process *p = member_find(r->m.word[0]);

	if (op == MEMBER_MAKE)
		make_request(r);
	else if (op <= MEMBER_DROP)
		home_says(p, r, op);
	else if (op == MEMBER_UNMAP || op == MEMBER_PROTECT)
		memory_request(p, r, op);
	else if (op < MEMBER_OPS)
		home_request(p, r, op);
	else
		request_reply(r, ERR_MESSAGE, NULL);
}
