/*
 * The death of a core, for capabilities: its answers are not awaited, what was its own is forgotten,
 * and what was given to it comes back.
 *
 * A block comes back when no core has anything of it any more: each other core is asked
 * whether it has forgotten what was the dead one's, then all flush.  Who is asked
 * before it has heard of the death forgets then.  Portable.
 */
#include "monitor/caps/caps.h"
#include "monitor/agree/agreement.h"
#include "monitor/agree/membership.h"
#include "monitor/caps/share.h"

/* --- what was its own ------------------------------------------------------------------------ */

/* The old owner died while it moved: the heir may be it already, or never. Never, when its giver was not told yet. */
static void frozen_lost(struct share *s, coreid_t core)
{
	bool never = s->given && !s->told;

	s->frozen = s->told = false;
	share_release(s);
	if (never)
		return;
	if (s->given)
		s->owner = s->heir;
	if (s->heir == monitor.core) {
		if (s->heir_giver != core)
			caps_send(s->heir_giver, CAPS_RETURN, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0),
				  0, 0, 0);
	} else {
		caps_send(s->heir, CAPS_RELEASE, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0), 0, UINT32_MAX,
			  0);
	}
}

static void records_lose(coreid_t core)
{
	struct share *next;

	for (struct share *s = share_next(NULL); s; s = next) {
		next = share_next(s);
		if (s->pinned)
			continue;
		if (sharer_find(s, core)) {
			move_core_gone(s, core);
			sharer_remove(s, core);
		}
		if (s->own) {
			share_settle(s);
		} else if (s->owner == core) {
			if (s->frozen)
				frozen_lost(s, core);
			share_lost(s);
		}
	}
}

/* Who waits for its answer does so in vain. */
static void ops_lose(coreid_t core)
{
	struct op *next;

	for (struct op *o = op_next(NULL); o; o = next) {
		next = op_next(o);
		if ((o->peer == core || o->other == core) && o->reply && !o->queued)
			o->reply(o, core, ERR_CORE_DOWN, 0);
	}
}

/* --- who does not answer --------------------------------------------------------------------- */

#define AGE_DOUBTED 2 /* ticks */

static void doubt(coreid_t core)
{
	if (core < CORES_MAX && core != monitor.core && !core_gone(core))
		membership_doubt(core);
}

bool ops_watch(void)
{
	bool waits = false;

	for (struct op *o = op_next(NULL); o; o = op_next(o)) {
		bool old = o->age > AGE_DOUBTED;

		o->age += !old;

		if (o->queued || !o->reply || (o->peer == CORE_NONE && o->other == CORE_NONE))
			continue;
		waits = true;
		if (old) {
			doubt(o->peer);
			doubt(o->other);
		}
	}
	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		for (const struct sharer *h = s->sharers; h && s->holder; h = h->next) {
			waits = waits || h->awaited;
			if (h->awaited && s->holder->age > AGE_DOUBTED)
				doubt(h->core);
		}
	return waits;
}

/* --- the death ------------------------------------------------------------------------------- */

void caps_core_gone(coreid_t core)
{
	if (core >= CORES_MAX || core_gone(core))
		return;
	held_forget(core);
	ops_lose(core);
	records_lose(core);
	ops_run();
}

/* --- what was given to it -------------------------------------------------------------------- */

static struct op *waiting; /* for a block to come back */

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

/* Are copies that came back from it still being dropped here? */
static bool blocks_held(coreid_t core)
{
	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		if (s->given && s->owner == core && (s->holder || s->count))
			return true;
	return false;
}

static void blocks_take_back(coreid_t core)
{
	struct share *next;

	for (struct share *s = share_next(NULL); s; s = next) {
		next = share_next(s);
		if (s->given && s->owner == core)
			tombstone_undo(s);
	}
}

/* Asks one core after the other; `slot` is the dead one, `other` the last that was asked. */
static void reclaim_run(struct op *o)
{
	if (o->flushed && blocks_held(o->slot)) {
		op_later(o);
		return;
	}
	if (o->flushed) {
		blocks_take_back(o->slot);
		op_end(o, ERR_OK, 0);
		waiting_wake();
		return;
	}
	if (o->flush_wanted || o->step) {
		flush_begin(o);
		return;
	}
	do
		o->peer = group_next(GROUP_ALL, o->u.copy.core);
	while (o->u.copy.core = o->peer, o->peer == monitor.core || (o->peer < CORES_MAX && core_gone(o->peer)));
	if (o->peer < CORES_MAX) {
		caps_send(o->peer, CAPS_GONE, ERR_OK, o->number, NULL, (uint64_t)o->slot << 32, 0, 0, 0);
		return;
	}
	o->step = 1;
	flush_begin(o);
}

static void reclaim_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	(void)from, (void)err, (void)value;
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
	o->u.copy.core = CORES_MAX;
	op_ready(o);
}

/* --- who is asked ---------------------------------------------------------------------------- */

static void forgotten_run(struct op *o)
{
	for (const struct share *s = share_next(NULL); s; s = share_next(s))
		if (!s->own && !s->given && !s->pinned && s->owner == o->slot) {
			op_later(o);
			return;
		}
	op_end(o, ERR_OK, 0);
}

void gone_message(coreid_t from, const struct mon_message *m)
{
	struct op *o;

	if (caps_core(m) >= monitor.info->cores || caps_core(m) == monitor.core) {
		line_drop(from, m);
		return;
	}
	caps_core_gone(caps_core(m));
	if (op_new(NULL, &o)) {
		caps_send_done(from, mon_sequence(m->header), ERR_NO_MEMORY, 0);
		return;
	}
	o->run = forgotten_run;
	o->slot = caps_core(m);
	o->answer = (struct answer){ .to = TO_CORE, .core = from, .sequence = mon_sequence(m->header) };
	forgotten_run(o);
}
