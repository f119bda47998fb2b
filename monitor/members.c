/*
 * Processes that span cores, the home's part: members come, top-level slots, the end.
 *
 * A change is a job; the jobs of a process are done one after the other, each step by
 * a message, whose answer goes on with it:
 *
 *	a member	MAKE to its core; copies of what is shared; all: JOIN
 *	a top slot	copies of the table to all; all: ROOT_SLOT
 *	the end		all: STOP; all: END; every member says GONE
 *
 * A process that ends while it changes ends when the change has.
 */
#include "monitor/members.h"
#include "libos/core/invoke.h"
#include "monitor/boot.h"
#include "monitor/caps/caps.h"
#include "monitor/plan.h"

#include <string.h>

#define JOBS_MAX 64
#define ROOT_REQUESTS 16
#define JOBS_EACH 8 /* of one process; more are refused with ERR_AGAIN */

struct member_job {
	struct member_job *next;
	struct request request;
	struct proposal proposal;
	round_done *done;
	uint8_t op; /* MEMBER_SPAN, MEMBER_ROOT */
	uint8_t root;
	bool again;       /* the proposal is to be made again */
	uint16_t sharing; /* copies under way, and 1 */
	err_t err;        /* the first of theirs */
	coreid_t core;    /* of the new member */
	uint64_t number;  /* how it is rung */
};

static struct member_job jobs[JOBS_MAX];
static struct request root_requests[ROOT_REQUESTS]; /* whose table is on its way to the home; number 0: free */
static struct member_job *jobs_free;
static unsigned jobs_fresh, agains;

static void job_begin(struct process *p);
static void end_begin(struct process *p);
static void span_shared(struct process *p);
static void root_shared(struct process *p);

/* --- messages -------------------------------------------------------------------------- */

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

static void tell(coreid_t core, enum member_op op, const struct mon_message *m)
{
	struct mon_message out = *m;

	out.header = mon_header(MON_MEMBERS, 0, op, 0);
	link_send(core, &out);
}

static void tell_pid(coreid_t core, enum member_op op, uint64_t pid)
{
	tell(core, op, &(struct mon_message){ .word = { pid } });
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
}

/* --- jobs -------------------------------------------------------------------------------- */

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

static void job_end(struct process *p, err_t err)
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

	agains += (err == ERR_AGAIN) - j->again;
	j->again = err == ERR_AGAIN;
	if (err && err != ERR_AGAIN)
		j->done(p->pid, err, &j->proposal);
}

static void job_agree(struct process *p, enum subject subject, uint64_t w0, uint64_t w1, round_done *done)
{
	struct member_job *j = p->jobs;

	j->proposal = (struct proposal){ .group = p->pid, .subject = (uint8_t)subject, .word = { w0, w1 } };
	j->done = done;
	job_propose(p);
}

/* --- what members share ---------------------------------------------------------------------- */

static void shared(uint64_t pid, err_t err, uint64_t value)
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
static void share(struct process *p, cptr_t slot, coreid_t core)
{
	err_t err;

	p->jobs->sharing++;
	err = caps_copy_to(process_cap(p, slot), RIGHT_ALL, core, p->pid, (uint32_t)slot, shared, p->pid);
	if (err)
		shared(p->pid, err, 0);
}

static void share_all(struct process *p, coreid_t core)
{
	p->jobs->sharing = 1;
	share(p, TASK_ARGS_FRAME, core);
	for (unsigned i = 1; i < p->tables; i++)
		share(p, MEMBER_TABLES + i, core);
	for (unsigned i = 0; i < MEMBER_ROOTS; i++) {
		if (!(p->roots >> i & 1))
			continue;
		tell(core, MEMBER_ROOTS_ARE, &(struct mon_message){ .word = { p->pid, i, p->root_index[i] } });
		share(p, member_root(p, i), core);
	}
	shared(p->pid, ERR_OK, 0);
}

static void ring_all(struct process *p, coreid_t core)
{
	for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c)) {
		uint64_t number;

		if (!member_peer_number(p, c, &number))
			tell(core, MEMBER_RING, &(struct mon_message){ .word = { p->pid, c, number } });
	}
}

/* --- a new member ----------------------------------------------------------------------------- */

static void span_joined(uint64_t pid, err_t err, const struct proposal *proposal)
{
	struct process *p = member_find(pid);

	if (err)
		tell_pid((coreid_t)proposal->word[0], MEMBER_DROP, pid);
	job_end(p, err);
}

static void span_made(struct pending *pending, const struct mon_message *reply)
{
	struct process *p = member_find(pending->context);
	struct member_job *j = p->jobs;
	err_t err = (err_t)mon_aux(reply->header);

	if (err) {
		job_end(p, err);
		return;
	}
	j->number = reply->word[0];
	ring_all(p, j->core);
	share_all(p, j->core);
}

static void span_shared(struct process *p)
{
	struct member_job *j = p->jobs;

	if (j->err) {
		tell_pid(j->core, MEMBER_DROP, p->pid);
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

static void span_begin(struct process *p)
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

/* --- a top-level slot ------------------------------------------------------------------------- */

static void root_agreed(uint64_t pid, err_t err, const struct proposal *proposal)
{
	(void)proposal;
	job_end(member_find(pid), err);
}

/* The first that is free, for a place in the root that is. */
static err_t root_free(const struct process *p, uint64_t index, unsigned *out)
{
	err_t err = ERR_NO_SLOTS;

	if (index == 0 || index >= 256)
		return ERR_MAP_RANGE;
	for (unsigned i = MEMBER_ROOTS; i-- > 0;) {
		if (p->roots >> i & 1 && p->root_index[i] == index)
			return ERR_MAP_OCCUPIED;
		if (!(p->roots >> i & 1)) {
			*out = i;
			err = ERR_OK;
		}
	}
	return err;
}

static void root_end(struct process *p, err_t err)
{
	struct mon_message m = { .word = { p->pid, p->jobs->root } };

	member_unroot(p, p->jobs->root);
	for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c))
		if (c != monitor.core)
			tell(c, MEMBER_UNROOT, &m);
	job_end(p, err);
}

static void root_shared(struct process *p)
{
	struct member_job *j = p->jobs;

	if (j->err)
		root_end(p, j->err);
	else
		job_agree(p, SUBJECT_ROOT_SLOT, j->root, j->request.m.word[2], root_agreed);
}

/* The table is in its slot here, and goes to those of all other members. */
static void root_begin(struct process *p)
{
	struct member_job *j = p->jobs;
	uint64_t n = j->request.m.word[1], index = j->request.m.word[2];
	struct cap_info info;
	unsigned free;
	err_t err = root_free(p, index, &free);

	if (!err && (n >= MEMBER_ROOTS || p->roots >> n & 1))
		err = ERR_EXISTS;
	if (!err)
		err = cap_identify(process_cap(p, member_root(p, (unsigned)n)), &info);
	if (!err && info.type != CAP_PTABLE3)
		err = ERR_CAP_TYPE;
	if (err) {
		job_end(p, err);
		return;
	}
	j->root = (uint8_t)n;
	if (!member_spans(p)) {
		member_root_is(p, &(struct mon_message){ .word = { 0, n, index } });
		job_end(p, ERR_OK);
		return;
	}
	j->sharing = 1;
	for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c))
		if (c != monitor.core)
			share(p, member_root(p, (unsigned)n), c);
	shared(p->pid, ERR_OK, 0);
}

/* --- requests ----------------------------------------------------------------------------------- */

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

static void to_home(struct request *r, enum member_op op, struct mon_message *m)
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

void member_span(struct request *r)
{
	struct mon_message m = { .word = { 0, r->m.word[0], r->m.word[1], r->m.word[2] } };

	to_home(r, MEMBER_SPAN, &m);
}

static void root_to_home(uint64_t context, err_t err, uint64_t value)
{
	struct request *r = &root_requests[context];
	struct request own = *r;
	struct mon_message m = { .word = { 0, r->m.word[2], r->m.word[1] } };

	(void)value;
	r->from.number = 0;
	if (err)
		request_reply(&own, err, NULL);
	else if (process_alive(origin_process(own.from)))
		to_home(&own, MEMBER_ROOT, &m);
}

static struct request *root_request(const struct request *r)
{
	for (unsigned i = 0; i < ROOT_REQUESTS; i++) {
		if (root_requests[i].from.number)
			continue;
		root_requests[i] = *r;
		return &root_requests[i];
	}
	return NULL;
}

/* The home's copy goes to the slot that all members will have theirs in. */
void member_root_slot(struct request *r)
{
	struct process *p = origin_process(r->from);
	struct request *kept;
	unsigned n = 0;
	cptr_t cap;
	err_t err = process_slot(p, r->m.word[0], &cap);

	if (!err)
		err = root_free(p, r->m.word[1], &n);
	kept = err ? NULL : root_request(r);
	if (!err && !kept)
		err = ERR_AGAIN;
	if (!err) {
		kept->m.word[2] = n;
		member_unroot(p, n);
		err = caps_copy_to(cap, RIGHT_ALL, (coreid_t)(p->pid >> 32), p->pid, (uint32_t)member_root(p, n),
				   root_to_home, (uint64_t)(kept - root_requests));
	}
	if (err) {
		if (kept)
			kept->from.number = 0;
		request_reply(r, err, NULL);
	}
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

/* --- the end --------------------------------------------------------------------------------------- */

/* All members have let their memory go: only the record is left. */
static void end_done(struct process *p)
{
	group_drop(p->pid);
	process_gone(p);
}

static void end_count(struct process *p)
{
	if (p->state == PROCESS_ENDING && p->released && group_count(p->pid) <= 1)
		end_done(p);
}

static void end_agree(struct process *p);

static void end_agreed(uint64_t pid, err_t err, const struct proposal *proposal)
{
	struct process *p = member_find(pid);

	(void)err;
	if (proposal->subject == SUBJECT_STOP) {
		p->end_step = SUBJECT_END;
		end_agree(p);
	} else {
		end_count(p);
	}
}

static void end_agree(struct process *p)
{
	struct proposal proposal = { .group = p->pid, .subject = p->end_step };
	err_t err = one_phase(&proposal, end_agreed, p->pid);

	agains += (err == ERR_AGAIN) - p->end_again;
	p->end_again = err == ERR_AGAIN;
}

static void end_begin(struct process *p)
{
	p->end_step = SUBJECT_STOP;
	end_agree(p);
}

void member_end(struct process *p, unsigned cause, uint64_t status)
{
	p->state = PROCESS_ENDING;
	disp_stop(p->slots + SLOT_DISPATCHER);
	if (!member_at_home(p)) {
		tell((coreid_t)(p->pid >> 32), MEMBER_END, &(struct mon_message){ .word = { p->pid, cause, status } });
		return;
	}
	p->cause = (uint8_t)cause;
	p->status = status;
	if (!p->jobs)
		end_begin(p);
}

void member_stop_commit(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (!p)
		return;
	p->state = PROCESS_ENDING;
	disp_stop(p->slots + SLOT_DISPATCHER);
}

static void released(struct process *p)
{
	uint64_t pid = p->pid;

	p->released = true;
	if (member_at_home(p)) {
		end_count(p);
		return;
	}
	process_table_drop(&monitor.processes, p);
	tell_pid((coreid_t)(pid >> 32), MEMBER_GONE, pid);
}

void member_end_commit(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (p && !p->releasing)
		member_release(p, released);
}

/* A member has gone; its group ends with the last, and each forgets it when told. */
static void member_gone(struct process *p, coreid_t core)
{
	struct proposal leave = { .group = p->pid, .word = { core } };

	subject_table[SUBJECT_LEAVE].commit(&leave);
	tell_pid(core, MEMBER_DROP, p->pid);
	end_count(p);
}

static void dropped(struct process *p)
{
	group_drop(p->pid);
	process_table_drop(&monitor.processes, p);
}

/* From the home: it never began to run, or all of it is over. */
static void member_drop(uint64_t pid)
{
	struct process *p = member_find(pid);

	if (!p)
		group_drop(pid);
	else if (!p->joined && !p->releasing)
		member_release(p, dropped);
}

void members_core_gone(coreid_t core)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (p->state != PROCESS_LIVE && p->state != PROCESS_ENDING)
			continue;
		if (p->pid >> 32 == core && !p->releasing) {
			disp_stop(p->slots + SLOT_DISPATCHER);
			p->state = PROCESS_ENDING;
			member_release(p, dropped);
		} else if (member_at_home(p) && group_holds(p->pid, core)) {
			subject_table[SUBJECT_LEAVE].commit(&(struct proposal){ .group = p->pid, .word = { core } });
			if (p->state == PROCESS_LIVE)
				process_end(p, MON_FAULTED, ERR_CORE_DOWN);
			else
				end_count(p);
		}
	}
}

bool members_step(void)
{
	for (unsigned i = 0; i < PROCESS_MAX && agains; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (p->jobs && p->jobs->again)
			job_propose(p);
		else if (p->end_again)
			end_agree(p);
	}
	return agains != 0;
}

/* --- from other monitors ------------------------------------------------------------------------------ */

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

/* What only the home may say. */
static void home_says(struct process *p, struct request *r, enum member_op op)
{
	if (r->from.core != r->m.word[0] >> 32)
		return;
	if (op == MEMBER_DROP)
		member_drop(r->m.word[0]);
	else if (p && op == MEMBER_ROOTS_ARE)
		member_root_is(p, &r->m);
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
