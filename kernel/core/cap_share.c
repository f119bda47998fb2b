/*
 * What the monitors do to keep capabilities one across cores: revoke and delete in
 * passes, and questions about what is here.
 *
 * Where a capability is mapped in a page table that other cores use, too, their
 * processors may remember the translation.  So it goes in two passes: the first takes it out of
 * the table and marks it, the monitors have all cores concerned flush, and the second,
 * PASS_FLUSHED, deletes what is marked.  What it finds that is not marked it takes out and marks,
 * for a third.  Marks are of two kinds, by turns: cap_round changes when a pass that left
 * something has ended, so a pass that is made again and again (ERR_RESTART) does not
 * take its own marks for older ones.
 *
 * docs/capabilities.md, "Other cores".
 */
#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"
#include "handover.h"
#include "mdb.h"

enum cap_pass cap_pass;
unsigned cap_round;
uint32_t cap_scan = 1;
uint64_t cap_held;
bool cap_taken_out;

#define HELD_MAX 500    /* a pass ends when it left so many: each call walks past them again */
#define NEXT_LOOKS 500  /* nodes that one call of cap_next() looks at */
#define COUNT_MAX 1000U /* copies that it counts */

/* --- passes ---------------------------------------------------------------------- */

static void pass_begin(uint64_t flags)
{
	cap_pass = flags & 2 ? PASS_STOPPED : flags & 1 ? PASS_FLUSHED : PASS_FIRST;
	cap_held = 0;
}

static struct sys_result pass_end(err_t err)
{
	cap_pass = PASS_USER;
	if (err == ERR_RESTART)
		return SYS_ERROR(err);
	cap_held += cap_taken_out;
	cap_taken_out = false;
	cap_scan++;
	if (cap_held)
		cap_round++;
	return (struct sys_result){ err, cap_held };
}

/* One capability; ERR_OK also if it stays because of its mapping. */
static err_t delete_or_hold(struct cap *c)
{
	uint64_t held = cap_held;
	err_t err = cap_delete_slot(c);

	return cap_held == held ? err : ERR_OK;
}

/* All copies of c, a primary. None is the last, so nothing else changes by it. */
static err_t copies_delete(struct cap *c)
{
	struct cap *next;

	for (struct cap *n = c->copies; n; n = next) {
		err_t err;

		if (cap_work_over())
			return ERR_RESTART;
		if (cap_held >= HELD_MAX)
			return ERR_OK;
		next = n->next;
		err = delete_or_hold(n);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* Goes on with a destroyed cnode that could not be emptied, once in each operation. *passed: it can be no more now. */
static err_t stuck_delete(struct cap *c, bool *passed)
{
	*passed = DOOMED_SCAN(c) == cap_scan;
	if (!*passed) {
		cap_unstick(c);
		return ERR_OK;
	}
	cap_held += DOOMED_HELD(c);
	cap_work_done(2);
	return DOOMED_HELD(c) ? ERR_OK : ERR_CAP_REMOTE;
}

/* All capabilities to a descendant, a primary. *passed: what is left of it stays in this pass. */
static err_t object_delete(struct cap *c, bool *passed)
{
	err_t err;

	if (cap_is_stuck(c))
		return stuck_delete(c, passed);
	/* One that is doomed waits for limbo to be emptied in a later pass. */
	*passed = c->type != CAP_CNODE || cap_is_doomed(c);
	if (cap_is_doomed(c))
		return cap_held ? ERR_OK : ERR_CAP_REMOTE;
	if (c->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN))
		return ERR_CAP_REMOTE;
	err = copies_delete(c);
	return err ? err : delete_or_hold(c);
}

static bool still_there(const struct cap *c, const struct cap *was)
{
	return cap_same_object(c, was) && !(c->flags & (CAP_FLAG_COPY | CAP_FLAG_CLEARING));
}

/* What was made of c, a primary: in the tree's order, past what stays. */
static err_t descendants_delete(struct cap *c)
{
	const struct cap was = *c;
	enum cap_space space = cap_kind[was.type].space;
	uint64_t base = was.base;
	unsigned bits = was.bits, type = was.type;
	struct cap *n;

	while (cap_held < HELD_MAX && (n = mdb_seek(space, base, bits, type).after) != NULL &&
	       mdb_contains(&was, n->base)) {
		const struct cap at = *n;
		bool passed;
		err_t err;

		if (cap_work_over())
			return ERR_RESTART;
		err = object_delete(n, &passed);
		if (err)
			return err;
		if (cap_unsettled() && cap_settle() == ERR_RESTART)
			return ERR_RESTART;
		if (!still_there(c, &was))
			return ERR_CAP_LOOKUP;
		if (passed)
			base = at.base, bits = at.bits, type = at.type;
	}
	return ERR_OK;
}

struct sys_result cap_revoke_shared(struct cap *c, uint64_t flags)
{
	err_t err;

	pass_begin(flags);
	err = cap_work_begin();
	if (!err) {
		cap_make_primary(c);
		err = copies_delete(c);
	}
	/* In another core's block, this one's objects are not its descendants: that core gave the memory away. */
	if (!err && !(c->flags & CAP_FLAG_FOREIGN))
		err = descendants_delete(c);
	return pass_end(err);
}

struct sys_result cap_delete_shared(struct cap *slot, uint64_t flags)
{
	err_t err;

	pass_begin(flags);
	err = cap_delete(slot);
	return pass_end(err == ERR_CAP_REMOTE && cap_held ? ERR_OK : err);
}

/* --- questions --------------------------------------------------------------------- */

bool cap_sole(const struct cap *c)
{
	return cap_is_last(c) && !mdb_descendant(c) && !(cap_is_table(c) && table_in_use(c));
}

/* A destroyed cnode has neither copies nor another core's. */
static bool is_shared(const struct cap *c)
{
	return c->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN) && !cap_is_stuck(c);
}

static uint64_t count_of(const struct cap *c)
{
	uint64_t count = 1;

	if (c->type == CAP_CNODE && c->flags & CAP_FLAG_CLEARING)
		return count;
	for (const struct cap *n = c->copies; n && count < COUNT_MAX; n = n->next)
		count++;
	return count;
}

static struct sys_result next_found(const struct cap *c)
{
	uint64_t hidden = cap_is_stuck(c) ? CAP_INFO(0, 0, 0, CAP_FLAG_REMOTE) : 0;

	arch_frame()->r8 = c->base;
	arch_frame()->r9 = count_of(c);
	return SYS_OK(CAP_INFO(c->type, c->rights, c->bits, c->flags & CAP_FLAGS_SEEN) & ~hidden);
}

/* The same call once more goes on behind c. */
static struct sys_result next_later(const struct cap *c)
{
	arch_frame()->rdx = CAP_INFO(c->type, 0, c->bits, 0);
	arch_frame()->r10 = c->base;
	return SYS_ERROR(ERR_RESTART);
}

struct sys_result cap_next(uint64_t info, uint64_t base, uint64_t end, bool shared_only)
{
	unsigned type = CAP_INFO_TYPE(info), bits = CAP_INFO_BITS(info);
	const struct cap *n;

	if (type >= CAP_TYPES)
		return SYS_ERROR(ERR_CAP_TYPE);
	if (type == CAP_NULL)
		bits = UINT8_MAX;
	n = mdb_seek(type ? cap_kind[type].space : SPACE_MEMORY, base, bits, type).after;
	for (unsigned i = 0; n && n->base < end; i++, n = mdb_next(n)) {
		if (!shared_only || is_shared(n))
			return next_found(n);
		if (i == NEXT_LOOKS)
			return next_later(n);
	}
	return SYS_OK(0);
}

void cap_share_hand_over(struct handover *h, bool take)
{
	HAND_OVER(take, h->pass_round, cap_round);
	HAND_OVER(take, h->pass_scan, cap_scan);
}
