/*
 * What each subject does on a member: one table, filled by those whose subject it is,
 * and the parts that are the engine's own.
 */
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/cores.h"
#include "monitor/members.h"
#include "monitor/monitor.h"

/* Who has left says so to whoever still counts on it. */
static void leave_commit(const struct proposal *p)
{
	struct group *g = group_find(p->group);

	if (!g || p->group == GROUP_ALL)
		return;
	if (p->word[0] == monitor.core)
		group_leave(g);
	else
		group_remove(g, core_place((coreid_t)p->word[0]));
}

const struct subject_ops subject_table[SUBJECTS] = {
	[SUBJECT_FLUSH] = { .commit = member_flush_commit },
	[SUBJECT_ROOT_SLOT] = { member_root_prepare, member_root_commit, member_root_abort },
	[SUBJECT_JOIN] = { member_join_prepare, member_join_commit, member_join_abort },
	[SUBJECT_STOP] = { .commit = member_stop_commit },
	[SUBJECT_END] = { .commit = member_end_commit },
	[SUBJECT_LEAVE] = { .commit = leave_commit },
	[SUBJECT_CORE_AT] = { .commit = core_commit_at },
	[SUBJECT_EXCLUDE] = { .prepare = membership_exclude_prepare, .commit = membership_exclude_commit },
	[SUBJECT_DECIDE] = { .commit = resolve_decide },
};

err_t subject_prepare(uint64_t round, const struct proposal *p)
{
	const struct subject_ops *ops = &subject_table[p->subject];
	err_t err = p->subject == SUBJECT_JOIN ? group_join_prepare(round, p) : ERR_OK;

	if (!err && ops->prepare) {
		err = ops->prepare(p);
		if (err && p->subject == SUBJECT_JOIN)
			group_join_abort(round, p);
	}
	return err;
}

void subject_decided(const struct proposal *p)
{
	if (p->subject == SUBJECT_EXCLUDE)
		membership_exclude_decided(p);
}

err_t subject_commit(uint64_t round, const struct proposal *p)
{
	const struct subject_ops *ops = &subject_table[p->subject];

	/* A flush changes nothing that the steps of the monitor's loop look at. */
	if (p->subject > SUBJECT_FLUSH)
		monitor.pressing = true;
	if (p->subject == SUBJECT_JOIN)
		group_join_commit(round, p);
	if (ops->commit)
		ops->commit(p);
	return p->subject == SUBJECT_KNOWN ? resolve_known(p) : ERR_OK;
}

void subject_abort(uint64_t round, const struct proposal *p)
{
	const struct subject_ops *ops = &subject_table[p->subject];

	if (p->subject == SUBJECT_JOIN)
		group_join_abort(round, p);
	if (ops->abort)
		ops->abort(p);
}
