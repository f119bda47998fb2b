/*
 * Letting go: deleting what the CPU driver may not delete alone, and finding out what nobody uses.
 *
 * The sweep looks at the keepers when the CPU driver has signalled that a shared object has
 * lost its last but one capability.  A block that was taken over is not shared, and nobody
 * says when the last thing made of it goes: while there are such blocks the sweep
 * comes a few times a second.  Portable.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/caps/share.h"

/* --- deleting -------------------------------------------------------------------------------- */

static void slot_drop_run(struct op *o)
{
	err_t err = pass_do(o, PASS_DELETE, o->u.clear.keep, NULL);

	if (err == ERR_AGAIN)
		return;
	if (!err || err == ERR_CAP_LOOKUP)
		slot_free(o->u.clear.keep);
	op_end(o, err, 0);
}

void slot_drop(cptr_t slot, caps_done *done, uint64_t context)
{
	struct op *o;

	if (op_new(NULL, &o)) {
		report("monitor %u: no memory to delete a capability", monitor.core);
		return;
	}
	if (done)
		o->answer = (struct answer){ .to = TO_CALLER, .done = done, .context = context };
	o->run = slot_drop_run;
	o->u.clear.keep = slot;
	slot_drop_run(o);
}

static void delete_run(struct op *o)
{
	struct process *p = process_table_find(&monitor.processes, o->process);
	cptr_t slot;
	err_t err = process_alive(p) ? process_slot(p, o->slot, &slot) : ERR_NO_PROCESS;

	if (!err)
		err = pass_do(o, PASS_DELETE, slot, NULL);
	if (err != ERR_AGAIN)
		op_end(o, err, 0);
}

void caps_delete_request(struct request *r)
{
	struct op *o = op_asked(r, ERR_OK);

	if (!o)
		return;
	o->slot = (uint32_t)r->m.word[0];
	o->run = delete_run;
	delete_run(o);
	ops_run();
}

/* --- what a sharer gives back ---------------------------------------------------------------- */

void release_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	struct sharer *h = s && s->own ? sharer_find(s, from) : NULL;

	if (!h) {
		line_drop(from, m);
		return;
	}
	h->count -= m->word[3] < h->count ? (uint32_t)m->word[3] : h->count;
	if (!h->count && !h->awaited) {
		sharer_remove(s, from);
		share_settle(s);
	}
}

void return_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);

	if (!s || !s->given || s->owner != from)
		line_drop(from, m);
	else
		tombstone_undo(s);
}

void share_settle(struct share *s)
{
	if (!s->own || s->sharers || s->holder || s->pinned)
		return;
	if (s->giver != CORE_NONE) {
		sweep_soon();
		return;
	}
	kernel_share(TASK_KERNEL, s->keeper, false);
	slot_drop(s->keeper, NULL, 0);
	s->keeper = 0;
	share_free(s);
}

/* --- the sweep ------------------------------------------------------------------------------- */

/* The keeper is alone, and goes: then whoever counts on us hears of it. */
static void keeper_run(struct op *o)
{
	struct share *s = share_find(&o->object);
	err_t err = pass_do(o, PASS_DELETE, s->keeper, NULL);

	if (err == ERR_AGAIN)
		return;
	slot_free(s->keeper);
	s->keeper = 0;
	if (!s->own)
		caps_send(s->owner, CAPS_RELEASE, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0), 0, s->count,
			  0);
	else if (!core_gone(s->giver))
		caps_send(s->giver, CAPS_RETURN, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0), 0, 0, 0);
	share_free(s);
	op_end(o, ERR_OK, 0);
}

static void keeper_drop(struct share *s)
{
	struct op *o;

	if (op_new(NULL, &o))
		return;
	o->object = s->object;
	o->run = keeper_run;
	s->holder = o;
	if (s->own)
		kernel_share(TASK_KERNEL, s->keeper, false);
	keeper_run(o);
}

static void sole_found(struct share *s)
{
	if (s->own && s->sharers) {
		move_begin(s);
	} else if (s->given) {
		if (s->count)
			caps_send(s->owner, CAPS_RELEASE, ERR_OK, 0, &s->object, caps_object(&s->object, 0, 0, 0), 0,
				  s->count, 0);
		s->count = 0;
	} else if (!s->own || s->giver != CORE_NONE) {
		keeper_drop(s);
	}
}

bool sweep_step(void)
{
	struct share *next;
	bool adopted = false;

	for (struct share *s = share_next(NULL); s; s = next) {
		bool sole = false;

		next = share_next(s);
		adopted = adopted || s->giver != CORE_NONE;
		if (s->pinned || s->holder || s->frozen || !s->keeper)
			continue;
		if (!kernel_sole(TASK_KERNEL, s->keeper, &sole) && sole)
			sole_found(s);
	}
	ops_run();
	return adopted;
}

void caps_process_gone(struct process *p)
{
	(void)p;
	sweep_soon();
}
