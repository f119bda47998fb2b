/*
 * What takes an object away on all cores: one state machine, at the owner for what is its own, at
 * a sharer for what it has of it.  Who has it run is in revoke.c.
 *
 * It holds the record; clears what is shared below the object, one object after the other, at
 * their owners; has all sharers drop what they have; and revokes here.  When the CPU driver finds
 * something shared below again, it starts over.  It waits for operations on descendants only.  Portable.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/caps/share.h"

enum { STEP_HOLD, STEP_BELOW, STEP_SHARERS, STEP_REVOKE, STEP_DELETE };

#define CLEAR_TRIES 100 /* a tick apart */

void clear_begin(struct op *o, const struct object *object, enum clear_why why)
{
	o->object = *object;
	o->run = clear_run;
	o->step = STEP_HOLD;
	o->u.clear = (struct clear_op){ .why = (uint8_t)why };
}

static bool clear_own(const struct op *o) { return o->u.clear.why <= CLEAR_ALL; }

/* --- the end --------------------------------------------------------------------------------- */

static void keeper_gone(struct share *s)
{
	if (s->keeper)
		slot_free(s->keeper);
	s->keeper = 0;
}

/* A user's capability is left, and the revoke has taken our own: that is made anew where it is needed. */
static void kept_here(struct op *o, struct share *s, err_t err)
{
	struct cap_info info;

	if (s->keeper && s->keeper != o->u.clear.keep && cap_identify(s->keeper, &info))
		keeper_gone(s);
	if (!s->keeper && (s->giver != CORE_NONE || s->sharers)) {
		if (share_keep(s, 0))
			report("monitor %u: nothing is left of an object of type %u at %x", monitor.core,
			       s->object.type, s->object.base);
		else
			kernel_share(TASK_KERNEL, s->keeper, true);
	}
	share_release(s);
	if (!s->keeper)
		share_free(s);
	else
		share_settle(s);
	op_end(o, err, 0);
}

static void all_gone(struct op *o, struct share *s, err_t err)
{
	coreid_t giver = s->giver;

	share_release(s);
	if (!s->keeper) {
		if (giver != CORE_NONE && !core_gone(giver) && !(o->answer.to == TO_CORE && o->answer.core == giver))
			caps_send(giver, CAPS_RETURN, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0), 0, 0, 0);
		share_free(s);
	}
	op_end(o, err, 0);
}

static void dropped(struct op *o, struct share *s, err_t err)
{
	const struct clear_op *c = &o->u.clear;

	if (c->why == CLEAR_DROP)
		caps_send(o->peer, CAPS_DROPPED, err, o->answer.sequence, &s->object, caps_object(&s->object, 0, 0, 0),
			  0, c->kept, 0);
	else if (!core_gone(s->owner))
		caps_send(s->owner, CAPS_RELEASE, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0), 0, s->count,
			  0);
	share_release(s);
	if (!c->kept)
		s->count = 0;
	if (!s->keeper)
		share_free(s);
	op_end(o, err, 0);
}

static void clear_end(struct op *o, struct share *s, err_t err)
{
	switch (o->u.clear.why) {
	case CLEAR_KEEP_HERE:
		kept_here(o, s, err);
		break;
	case CLEAR_KEEP_ASKER:
		share_release(s);
		share_settle(s);
		op_end(o, err, 0);
		break;
	case CLEAR_ALL:
		all_gone(o, s, err);
		break;
	default:
		dropped(o, s, err);
	}
}

/* There is no such object here, or not any more. */
static void clear_nothing(struct op *o)
{
	struct object object = o->object;
	coreid_t owner = o->peer;
	uint32_t number = o->answer.sequence;
	bool drop = o->u.clear.why == CLEAR_DROP;

	op_end(o, ERR_OK, 0);
	if (drop)
		caps_send(owner, CAPS_DROPPED, ERR_OK, number, &object, caps_object(&object, 0, 0, 0), 0, 0, 0);
}

/* --- what is shared below -------------------------------------------------------------------- */

static void below_done(uint64_t context, err_t err, uint64_t value)
{
	struct op *o = op_find((uint32_t)context);

	(void)value;
	if (!o)
		return;
	o->u.clear.failed |= err == ERR_NO_MEMORY;
	if (err)
		report("monitor %u: a revoke found what it could not take: error %u", monitor.core, (unsigned)err);
	op_ready(o);
}

static void take_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	struct share *s = share_find(&o->u.clear.taken);

	(void)value;
	o->peer = CORE_NONE;
	o->u.clear.failed |= err == ERR_NO_MEMORY;
	if (!err && s && s->given && s->owner == from)
		tombstone_undo(s);
	op_ready(o);
}

static err_t take_send(struct op *o, const struct share *s)
{
	if (core_gone(s->owner))
		return reclaim_wait(s->owner, o);
	o->peer = s->owner;
	o->reply = take_reply;
	o->u.clear.taken = s->object;
	caps_send(s->owner, CAPS_TAKE, ERR_OK, o->number, &s->object, caps_object(&s->object, 0, 0, 0), 0, 0, 0);
	return ERR_OK;
}

static err_t below_begin(struct op *parent, const struct object *object, enum clear_why why)
{
	struct op *o;
	err_t err = op_new(NULL, &o);

	if (err)
		return err;
	clear_begin(o, object, why);
	o->stopped = parent->stopped;
	o->answer = (struct answer){ .to = TO_CALLER, .done = below_done, .context = parent->number };
	op_ready(o);
	return ERR_OK;
}

/* The first that is shared. ERR_AGAIN: it is being cleared, we will be run. ERR_OK: there is none. */
static err_t below(struct op *o)
{
	struct cap_info at = { .type = o->object.type, .bits = o->object.bits, .base = o->object.base };
	uint64_t end = o->object.base + SIZE_OF_BITS(o->object.bits);
	struct object object;
	struct share *s;
	err_t err = kernel_next(TASK_KERNEL, &at, true, end, NULL);

	if (err || at.type == CAP_NULL)
		return err;
	object = object_of(&at);
	s = share_find(&object);
	if (!s || s->pinned)
		err = ERR_CAP_REMOTE;
	else if (s->own)
		err = below_begin(o, &object, CLEAR_ALL);
	else if (s->given)
		err = take_send(o, s);
	else
		err = below_begin(o, &object, CLEAR_FORGET);
	if (err == ERR_CAP_REMOTE)
		report("monitor %u: a revoke cannot take an object of type %u at %x, flags %u", monitor.core, at.type,
		       at.base, at.flags);
	return err ? err : ERR_AGAIN;
}

/* --- sharers --------------------------------------------------------------------------------- */

static void sharers_ask(struct op *o, struct share *s)
{
	struct clear_op *c = &o->u.clear;

	c->asked = true;
	for (struct sharer *h = s->sharers; h; h = h->next) {
		bool keep = c->why == CLEAR_KEEP_ASKER && h->core == o->answer.core;

		if (core_gone(h->core))
			continue;
		h->awaited = true;
		c->awaited++;
		caps_send(h->core, CAPS_DROP, ERR_OK, o->number, &s->object, caps_object(&s->object, 0, 0, 0), 0,
			  keep ? o->answer.sequence : 0, o->stopped);
	}
}

void dropped_message(coreid_t from, const struct mon_message *m)
{
	struct share *s = share_answered(from, m);
	struct op *o;

	if (!s)
		return;
	o = s->holder;
	o->u.clear.failed |= caps_err(m->header) == ERR_NO_MEMORY;
	if (!m->word[3])
		sharer_remove(s, from);
	if (--o->u.clear.awaited == 0)
		op_ready(o);
}

/* --- here ------------------------------------------------------------------------------------ */

/* The capability that stays, if the process and it are still there. */
static bool keep_find(const struct op *asker, cptr_t *out)
{
	struct process *p = asker->process ? process_table_find(&monitor.processes, asker->process) : NULL;

	if (!asker->process) {
		*out = asker->u.clear.keep;
		return true;
	}
	return process_alive(p) && !process_slot(p, asker->slot, out);
}

/* A pass in the name of a capability of a process takes our own, too. That is made anew; false: it cannot. */
static bool keeper_again(const struct op *o, struct share *s)
{
	cptr_t keeper = s->keeper;

	s->keeper = 0;
	if (share_keep(s, o->u.clear.place)) {
		s->keeper = keeper;
		return false;
	}
	slot_free(keeper);
	return true;
}

/* In whose name, or 0: our own. */
static cptr_t revoke_with(struct op *o, struct share *s)
{
	struct clear_op *c = &o->u.clear;
	const struct op *asker = c->why == CLEAR_KEEP_HERE ? o : op_find(c->keep_number);
	struct cap_info info;
	cptr_t cap = 0;

	if (asker && keep_find(asker, &cap))
		return cap;
	c->keep_number = 0;
	if (c->why == CLEAR_KEEP_HERE)
		return 0;
	/* Whose it was is gone since the pass before. */
	if (c->why == CLEAR_DROP && cap_identify(s->keeper, &info))
		keeper_again(o, s);
	return s->keeper;
}

/* Revokes; ERR_CAP_REMOTE: something shared is below again. */
static err_t revoke_here(struct op *o, struct share *s)
{
	struct clear_op *c = &o->u.clear;
	struct cap_info object = { .type = o->object.type, .bits = o->object.bits, .base = o->object.base };
	cptr_t cap = revoke_with(o, s);
	struct cap_info found;
	err_t err;

	if (clear_own(o) && s->keeper && !s->sharers && !s->pinned && s->giver == CORE_NONE)
		kernel_share(TASK_KERNEL, s->keeper, false);
	if (c->keep_number && !c->place && o->object.type != CAP_RAM && o->object.type != CAP_FRAME)
		kernel_place(TASK_KERNEL, s->keeper, &c->place);
	err = cap ? pass_do(o, PASS_REVOKE, cap, &object) : ERR_CAP_LOOKUP;
	if (err == ERR_CAP_LOOKUP && c->keep_number) {
		c->keep_number = 0; /* its slot holds something else by now: it does not stay */
		op_ready(o);
		return ERR_AGAIN;
	}
	if (!err && c->keep_number)
		c->kept = keeper_again(o, s);
	/* A user's revoke of what is around it has taken all between two passes: it was not shared any more. */
	if (err == ERR_CAP_LOOKUP && c->why != CLEAR_KEEP_HERE && cap_identify(s->keeper, &found)) {
		keeper_gone(s);
		err = ERR_OK;
	}
	return err;
}

static bool delete_wanted(const struct op *o, const struct share *s)
{
	const struct clear_op *c = &o->u.clear;

	return c->why == CLEAR_ALL || (c->why >= CLEAR_DROP && !c->kept && !s->given);
}

static err_t delete_here(struct op *o, struct share *s)
{
	err_t err;

	if (!s->keeper || !delete_wanted(o, s))
		return ERR_OK;
	if (clear_own(o))
		kernel_share(TASK_KERNEL, s->keeper, false);
	err = pass_do(o, PASS_DELETE, s->keeper, NULL);
	if (!err || err == ERR_CAP_LOOKUP)
		keeper_gone(s);
	return err == ERR_CAP_LOOKUP ? ERR_OK : err;
}

/* --- the machine ----------------------------------------------------------------------------- */

/*
 * The CPU driver has found what nobody shares: the capability that another revoke is about to leave over, say, in a
 * process that has died. That is over in a moment, or it is not what we know how to take.
 */
static err_t stuck(struct op *o)
{
	if (o->u.clear.tries++ == CLEAR_TRIES)
		return ERR_CAP_REMOTE;
	op_later(o);
	return ERR_AGAIN;
}

/* ERR_AGAIN: they are asked, or dead, and what they had mapped is still in page tables. */
static err_t sharers_gone(struct op *o, struct share *s)
{
	struct clear_op *c = &o->u.clear;

	if (clear_own(o) && !c->asked)
		sharers_ask(o, s);
	if (c->awaited)
		return ERR_AGAIN;
	c->asked = false;
	if (!clear_own(o) || !sharer_dead(s))
		return ERR_OK;
	reclaim_wait(sharer_dead(s)->core, o);
	return ERR_AGAIN;
}

/* Somebody has no memory to do its part. Who asks hears of it; what the monitor does for itself it tries again. */
static err_t try_later(struct op *o)
{
	struct clear_op *c = &o->u.clear;

	if (o->process || o->answer.to == TO_CORE)
		return ERR_NO_MEMORY;
	c->failed = c->asked = false;
	o->step = STEP_BELOW;
	op_later(o);
	return ERR_AGAIN;
}

static err_t step(struct op *o, struct share *s)
{
	struct clear_op *c = &o->u.clear;
	err_t err = ERR_OK;

	if (c->failed && !c->awaited)
		return ERR_NO_MEMORY;
	switch (o->step) {
	case STEP_BELOW:
		/* In another's block what is ours was given to us: its owner asks for it in so many words. */
		err = clear_own(o) ? below(o) : ERR_OK;
		if (!err && c->again)
			err = stuck(o);
		c->again = false;
		break;
	case STEP_SHARERS:
		err = sharers_gone(o, s);
		break;
	case STEP_REVOKE:
		err = revoke_here(o, s);
		if (err == ERR_CAP_REMOTE) {
			c->again = true;
			o->step = STEP_HOLD; /* and then below */
			err = ERR_OK;
		}
		break;
	case STEP_DELETE:
		err = delete_here(o, s);
		break;
	}
	return err;
}

void clear_run(struct op *o)
{
	struct share *s = share_find(&o->object);
	err_t err = ERR_OK;

	if (!s && o->u.clear.why == CLEAR_KEEP_HERE)
		err = share_new(&o->object, monitor.core, &s);
	if (err) {
		op_end(o, err, 0);
		return;
	}
	if (!s || s->own != clear_own(o)) {
		clear_nothing(o);
		return;
	}
	if (o->step == STEP_HOLD && !share_hold(s, o)) {
		if (o->process)
			o->run = revoke_run; /* its capability may be gone by then */
		return;
	}
	if (o->step == STEP_HOLD)
		o->step = STEP_BELOW;
	while (o->step <= STEP_DELETE) {
		err = step(o, s);
		if (err == ERR_NO_MEMORY)
			err = try_later(o);
		if (err == ERR_AGAIN)
			return;
		if (err)
			break;
		o->step++;
	}
	clear_end(o, s, err);
}
