/*
 * What was given to a core that is dead comes back.
 *
 * A block comes back when no core has anything of it any more.  Each other core is asked whether it has
 * forgotten what was the dead one's; who is asked before it has heard of the death forgets then.  They are asked
 * twice: a block may be moving from one that was asked later to one that was asked before, but none
 * begins to move when all know.  Then all flush.
 *
 * So long it also counts as a sharer of what it had of others': what it had mapped in page tables of its
 * members' processes is there till these have ended, and each core that is asked has stopped its own.
 *
 * The dead core may have given parts of such a block to others, who own them.  If anybody has anything
 * from it, the blocks come back one by one, the smallest first, so that who has given a part of his part
 * to the dead one gets that back before: each core is asked to take away what it has in the block.
 * Who has a part of what was the dead core's own memory keeps it.  Portable.
 */
#include "monitor/agree/agreement.h"
#include "monitor/caps/share.h"
#include "monitor/members.h"

enum { RECLAIM_ASK, RECLAIM_ASK_AGAIN, RECLAIM_NEXT, RECLAIM_BLOCK, RECLAIM_FLUSH };

static struct op *waiting; /* for a block to come back */

/* --- what is here ---------------------------------------------------------------------------- */

/* Ours from a core, or about to be. */
static bool is_from(const struct share *s, coreid_t core)
{
	return s->own ? s->giver == core : s->frozen && s->heir == monitor.core && s->heir_giver == core;
}

static bool is_foreign(const struct share *s, coreid_t core)
{
	return !s->own && !s->given && !s->pinned && s->owner == core;
}

/* Is what is made of RAM smaller than that; or is it as large? */
static bool is_below(const struct object *o, const struct object *block)
{
	return o->bits < block->bits || (o->bits == block->bits && block->type == CAP_RAM && o->type != CAP_RAM);
}

static bool is_in(const struct share *s, const struct object *block)
{
	return s->object.base - block->base < SIZE_OF_BITS(block->bits) && is_below(&s->object, block);
}

static bool any_from(coreid_t core)
{
	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		if (is_from(s, core))
			return true;
	return false;
}

/* Nothing is left of what was the core's own or, in a block, of what it had given. Else that is on its way. */
static bool forgotten(coreid_t core, const struct object *block)
{
	bool all = true;

	for (struct share *s = share_next(NULL); s; s = share_next(s)) {
		if (!is_foreign(s, core) && !(block && is_from(s, core) && is_in(s, block)))
			continue;
		if (!s->frozen && !s->lost)
			share_lost(s);
		all = false;
	}
	return all;
}

/* --- who takes back -------------------------------------------------------------------------- */

err_t reclaim_wait(coreid_t core, struct op *o)
{
	reclaim_begin(core);
	o->after = waiting;
	o->queued = true;
	waiting = o;
	return ERR_OK;
}

static void waiting_wake(void)
{
	while (waiting) {
		struct op *o = waiting;

		waiting = o->after;
		o->queued = false;
		op_ready(o);
	}
}

static bool is_tombstone(const struct share *s, coreid_t core) { return s->given && s->owner == core; }

/* Copies that came back from it are still being dropped here. */
static bool tombstones_held(coreid_t core)
{
	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		if (is_tombstone(s, core) && (s->holder || s->count))
			return true;
	return false;
}

static const struct share *tombstone_smallest(coreid_t core)
{
	const struct share *least = NULL;

	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		if (is_tombstone(s, core) && (!least || is_below(&s->object, &least->object)))
			least = s;
	return least;
}

/* Nobody runs with what it had mapped any more. */
static void sharers_forget(coreid_t core)
{
	struct share *next;

	for (struct share *s = share_next(NULL); s; s = next) {
		next = share_next(s);
		if (!s->own || s->pinned || !sharer_find(s, core))
			continue;
		sharer_remove(s, core);
		share_settle(s);
	}
}

/* All, or one. */
static void blocks_take_back(const struct op *o)
{
	struct share *next;

	sharers_forget((coreid_t)o->slot);

	for (struct share *s = share_next(NULL); s; s = next) {
		next = share_next(s);
		if (is_tombstone(s, (coreid_t)o->slot) && (!o->u.reclaim.each || object_same(&s->object, &o->object)))
			tombstone_undo(s);
	}
	waiting_wake();
}

/* Asks the next core; false: all are asked. */
static bool ask_next(struct op *o)
{
	struct reclaim_op *c = &o->u.reclaim;

	do
		c->asked = group_next(GROUP_ALL, c->asked);
	while (c->asked == monitor.core || (c->asked < CORES_MAX && core_gone(c->asked)));
	if (c->asked == CORES_MAX)
		return false;
	o->peer = c->asked;
	caps_send(o->peer, CAPS_GONE, ERR_OK, o->number, &o->object, caps_object(&o->object, 0, 0, (coreid_t)o->slot),
		  0, 0, 0);
	return true;
}

static void next_block(struct op *o)
{
	const struct share *s = o->u.reclaim.each ? tombstone_smallest((coreid_t)o->slot) : NULL;

	if (s)
		o->object = s->object;
	o->step = s ? RECLAIM_BLOCK : RECLAIM_FLUSH;
}

/* False: it waits. */
static bool reclaim_step(struct op *o)
{
	struct reclaim_op *c = &o->u.reclaim;
	coreid_t core = (coreid_t)o->slot;

	switch (o->step) {
	case RECLAIM_ASK:
	case RECLAIM_ASK_AGAIN:
		if (ask_next(o))
			return false;
		c->each = o->step == RECLAIM_ASK_AGAIN && (c->each || any_from(core));
		/* First the dead one's shares: what is to be taken away below may wait for that. */
		o->step = o->step == RECLAIM_ASK ? RECLAIM_ASK_AGAIN : RECLAIM_FLUSH;
		return true;
	case RECLAIM_NEXT:
		next_block(o);
		return true;
	case RECLAIM_BLOCK:
		if (ask_next(o))
			return false;
		if (!forgotten(core, &o->object)) {
			c->asked = CORES_MAX - 1; /* all others are */
			op_later(o);
			return false;
		}
		o->step = RECLAIM_FLUSH;
		return true;
	default:
		if (tombstones_held(core))
			op_later(o);
		else
			flush_begin(o);
		return false;
	}
}

static void reclaim_run(struct op *o)
{
	if (o->flushed) {
		blocks_take_back(o);
		o->flushed = false;
		o->step = RECLAIM_NEXT;
		if (!tombstone_smallest((coreid_t)o->slot)) {
			op_end(o, ERR_OK, 0);
			return;
		}
	}
	if (o->flush_wanted)
		flush_begin(o);
	else
		while (reclaim_step(o))
			;
}

static void reclaim_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	(void)from, (void)err;
	if (o->step == RECLAIM_ASK_AGAIN && value)
		o->u.reclaim.each = true;
	op_ready(o);
}

void reclaim_begin(coreid_t core)
{
	struct op *o;

	for (o = op_next(NULL); o; o = op_next(o))
		if (o->run == reclaim_run && o->slot == core)
			return;
	if (op_new(NULL, &o)) {
		report("monitor %u: no memory to take back what core %u had", monitor.core, core);
		return;
	}
	o->run = reclaim_run;
	o->reply = reclaim_reply;
	o->slot = core;
	o->u.reclaim.asked = CORES_MAX;
	op_ready(o);
}

/* --- who is asked ---------------------------------------------------------------------------- */

static void forgotten_run(struct op *o)
{
	if (forgotten((coreid_t)o->slot, o->object.type == CAP_NULL ? NULL : &o->object))
		op_end(o, ERR_OK, any_from((coreid_t)o->slot));
	else
		op_later(o);
}

void gone_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct op *o;

	if (caps_core(m) >= monitor.info->cores || caps_core(m) == monitor.core ||
	    (object.type != CAP_NULL && !object_valid(&object))) {
		line_drop(from, m);
		return;
	}
	members_core_stop(caps_core(m));
	caps_core_gone(caps_core(m));
	if (op_new(NULL, &o)) {
		caps_send_done(from, mon_sequence(m->header), ERR_NO_MEMORY, 0);
		return;
	}
	o->run = forgotten_run;
	o->object = object;
	o->slot = caps_core(m);
	o->answer = (struct answer){ .to = TO_CORE, .core = from, .sequence = mon_sequence(m->header) };
	forgotten_run(o);
}
