/*
 * Processes that span cores: a top-level slot that all members share.
 *
 * The asker's table goes to the home and from there to all members, each into the same slot of
 * its capability space; then all put it into their root, or none does.
 */
#include "libos/core/invoke.h"
#include "monitor/caps/caps.h"
#include "monitor/member_jobs.h"

#define ROOT_REQUESTS 16

static struct request root_requests[ROOT_REQUESTS]; /* whose table is on its way to the home; number 0: free */

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
			member_tell(c, MEMBER_UNROOT, &m);
	job_end(p, err);
}

void root_shared(struct process *p)
{
	struct member_job *j = p->jobs;

	if (j->err)
		root_end(p, j->err);
	else
		job_agree(p, SUBJECT_ROOT_SLOT, j->root, j->request.m.word[2], root_agreed);
}

/* The table is in its slot here, and goes to those of all other members. */
void root_begin(struct process *p)
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
			job_share(p, member_root(p, (unsigned)n), c);
	job_shared(p->pid, ERR_OK, 0);
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
		member_to_home(&own, MEMBER_ROOT, &m);
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
