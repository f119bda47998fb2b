/*
 * Processes that span cores: a top-level slot that all members share.
 *
 * The home fetches the asker's table and sends it to all members, each into the same slot of its
 * capability space; then all put it into their root, or none does.
 */
#include "libos/core/invoke.h"
#include "monitor/caps/caps.h"
#include "monitor/member_jobs.h"

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

/* The table is in its slot here, or not; it goes to those of all other members. */
static void root_come(uint64_t pid, err_t err, uint64_t value)
{
	struct process *p = member_find(pid);
	struct member_job *j = p->jobs;
	struct cap_info info;

	(void)value;
	if (!err)
		err = cap_identify(process_cap(p, member_root(p, j->root)), &info);
	if (!err && info.type != CAP_PTABLE3)
		err = ERR_CAP_TYPE;
	if (err) {
		root_end(p, err);
		return;
	}
	if (!member_spans(p)) {
		member_root_is(p, &(struct mon_message){ .word = { 0, j->root, j->request.m.word[2] } });
		job_end(p, ERR_OK);
		return;
	}
	j->sharing = 1;
	for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c))
		if (c != monitor.core)
			job_share(p, member_root(p, j->root), c);
	job_shared(p->pid, ERR_OK, 0);
}

/* Which of the tables it will be only the home knows: others may be on their way. So the home fetches it. */
void root_begin(struct process *p)
{
	struct member_job *j = p->jobs;
	coreid_t from = j->request.from.core;
	uint64_t slot = j->request.m.word[1];
	unsigned n;
	cptr_t cap;
	err_t err = process_slot(p, slot, &cap);

	if (!err)
		err = root_free(p, j->request.m.word[2], &n);
	if (err) {
		job_end(p, err);
		return;
	}
	j->root = (uint8_t)n;
	member_unroot(p, n);
	if (from == monitor.core)
		err = caps_copy_to(cap, RIGHT_ALL, from, p->pid, (uint32_t)member_root(p, n), root_come, p->pid);
	else
		err = caps_fetch_from(from, (uint32_t)slot, RIGHT_ALL, p->pid, (uint32_t)member_root(p, n), root_come,
				      p->pid);
	if (err)
		job_end(p, err);
}

void member_root_slot(struct request *r)
{
	struct mon_message m = { .word = { 0, r->m.word[0], r->m.word[1] } };

	member_to_home(r, MEMBER_ROOT, &m);
}
