/*
 * Who has an object taken away: a process or the monitor itself revokes, an owner has its sharers drop, a giver takes
 * back, and what a dead core owned is lost.  How it is done is in clear.c.  Portable.
 */
#include "libos/core/invoke.h"
#include "monitor/caps/share.h"

/* --- who asks -------------------------------------------------------------------------------- */

static void revoke_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	(void)from, (void)value;
	op_end(o, err, 0);
}

static void revoke_ask(struct op *o, const struct object *object)
{
	struct share *s = share_find(object);

	if (!s || s->pinned) {
		op_end(o, ERR_CAP_REMOTE, 0);
	} else if (core_gone(s->owner)) {
		op_end(o, ERR_CORE_DOWN, 0);
	} else if (s->holder || s->frozen) {
		share_hold(s, o);
	} else {
		o->object = *object;
		o->peer = s->owner;
		caps_send(s->owner, CAPS_REVOKE, ERR_OK, o->number, object, caps_object(object, 0, 0, 0), 0, 0, 0);
	}
}

void revoke_run(struct op *o)
{
	struct process *p = process_table_find(&monitor.processes, o->process);
	struct object object;
	struct cap_info info;
	cptr_t slot;
	err_t err = process_alive(p) ? process_slot(p, o->slot, &slot) : ERR_NO_PROCESS;

	if (!err)
		err = cap_identify(slot, &info);
	if (!err && info.rights != RIGHT_ALL)
		err = ERR_CAP_RIGHTS;
	if (err) {
		op_end(o, err, 0);
		return;
	}
	object = object_of(&info);
	if (info.flags & CAP_FLAG_FOREIGN) {
		revoke_ask(o, &object);
	} else {
		clear_begin(o, &object, CLEAR_KEEP_HERE);
		clear_run(o);
	}
}

void caps_revoke_request(struct request *r)
{
	struct op *o = op_asked(r, ERR_OK);

	if (!o)
		return;
	o->slot = (uint32_t)r->m.word[0];
	o->run = revoke_run;
	o->reply = revoke_reply;
	revoke_run(o);
	ops_run();
}

err_t caps_revoke(cptr_t cap, bool stopped, caps_done *done, uint64_t context)
{
	struct object object;
	struct cap_info info;
	struct op *o;
	err_t err = cap_identify(cap, &info);

	if (!err && info.flags & CAP_FLAG_FOREIGN)
		err = ERR_CAP_REMOTE;
	if (!err)
		err = op_new(NULL, &o);
	if (err)
		return err;
	object = object_of(&info);
	o->answer = (struct answer){ .to = TO_CALLER, .done = done, .context = context };
	clear_begin(o, &object, CLEAR_KEEP_HERE);
	o->stopped = stopped;
	o->u.clear.keep = cap;
	clear_run(o);
	ops_run();
	return ERR_OK;
}

/* --- what monitors share by rules of their own ----------------------------------------------- */

static void withdraw_run(struct op *o)
{
	err_t err = pass_do(o, PASS_REVOKE, o->u.clear.keep, NULL);

	if (err != ERR_AGAIN)
		op_end(o, err, 0);
}

void caps_withdraw(cptr_t cap, caps_done *done, uint64_t context)
{
	struct op *o;

	if (op_new(NULL, &o)) {
		done(context, ERR_NO_MEMORY, 0);
		return;
	}
	o->run = withdraw_run;
	o->u.clear.keep = cap;
	o->answer = (struct answer){ .to = TO_CALLER, .done = done, .context = context };
	withdraw_run(o);
	ops_run();
}

/* --- who is asked ---------------------------------------------------------------------------- */

void revoke_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	uint32_t number = mon_sequence(m->header);
	struct op *o;

	if (!s) {
		caps_send_done(from, number, ERR_CAP_LOOKUP, 0);
	} else if (s->holder || s->frozen) {
		share_wait(s, from, m);
	} else if (!s->own) {
		caps_send(from, CAPS_RETRY, ERR_OK, number, NULL, 0, 0, 0, 0);
	} else if (!sharer_find(s, from)) {
		line_drop(from, m);
	} else if (op_new(NULL, &o)) {
		caps_send_done(from, number, ERR_NO_MEMORY, 0);
	} else {
		clear_begin(o, &object, CLEAR_KEEP_ASKER);
		o->answer = (struct answer){ .to = TO_CORE, .core = from, .sequence = number };
		clear_run(o);
	}
}

void drop_refuse(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);

	caps_send(from, CAPS_DROPPED, ERR_NO_MEMORY, mon_sequence(m->header), &object, caps_object(&object, 0, 0, 0), 0,
		  1, 0);
}

void drop_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	struct op *o;

	if (s && share_waits(s, from)) {
		share_wait(s, from, m);
		return;
	}
	if (s && (s->own || s->owner != from)) {
		line_drop(from, m);
		return;
	}
	if (op_new(NULL, &o)) {
		report("monitor %u: no memory to drop what core %u revokes", monitor.core, from);
		drop_refuse(from, m);
		return;
	}
	clear_begin(o, &object, CLEAR_DROP);
	o->peer = from;
	o->stopped = m->word[4] & 1;
	o->answer = (struct answer){ .sequence = mon_sequence(m->header) };
	o->u.clear.keep_number = (uint32_t)m->word[3];
	clear_run(o);
}

void take_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	struct op *o;

	/* Its giver has been told that it is ours, and we have not yet: ADOPT comes on another link. */
	if (s && s->frozen) {
		share_wait(s, from, m);
		return;
	}
	/* It was to be ours, and is not: the giver hears of that from its owner. */
	if (s && !s->own && !s->given && s->owner != from) {
		caps_send(from, CAPS_RETRY, ERR_OK, mon_sequence(m->header), NULL, 0, 0, 0, 0);
		return;
	}
	if (op_new(NULL, &o)) {
		caps_send_done(from, mon_sequence(m->header), ERR_NO_MEMORY, object.base);
		return;
	}
	clear_begin(o, &object, CLEAR_ALL);
	o->answer = (struct answer){ .to = TO_CORE, .core = from, .sequence = mon_sequence(m->header) };
	clear_run(o);
}

/* --- whose owner is dead --------------------------------------------------------------------- */

void share_lost(struct share *s)
{
	struct op *o;

	if (s->given)
		reclaim_begin(s->owner);
	if (s->given && !s->count)
		return;
	if (op_new(NULL, &o)) {
		report("monitor %u: no memory to forget what was core %u's", monitor.core, s->owner);
		return;
	}
	s->lost = true;
	clear_begin(o, &s->object, s->own ? CLEAR_ALL : CLEAR_FORGET);
	o->stopped = !s->own; /* the core that asks for it all has all flush in the end */
	op_ready(o);
}
