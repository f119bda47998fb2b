/*
 * The death of a core, for capabilities: its answers are not awaited, what was its own is forgotten,
 * and what was given to it comes back (reclaim.c).  Who lets others wait is doubted.  Portable.
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

/* It stays a sharer till its members' processes are stopped everywhere: what it had mapped is in their tables. */
static void sharer_lose(struct share *s, coreid_t core)
{
	move_core_gone(s, core);
	sharer_find(s, core)->awaited = false;
	reclaim_begin(core);
}

static void records_lose(coreid_t core)
{
	struct share *next;

	for (struct share *s = share_next(NULL); s; s = next) {
		next = share_next(s);
		if (s->pinned)
			continue;
		if (s->own && sharer_find(s, core)) {
			sharer_lose(s, core);
		} else if (!s->own && s->owner == core) {
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
	for (const struct share *s = share_next(NULL); s; s = share_next(s)) {
		if (s->frozen && s->first) {
			waits = true;
			doubt(s->owner);
		}
		for (const struct sharer *h = s->sharers; h && s->holder; h = h->next) {
			waits = waits || h->awaited;
			if (h->awaited && s->holder->age > AGE_DOUBTED)
				doubt(h->core);
		}
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
