/*
 * Copies of capabilities on other cores.
 *
 * The asker's monitor asks the owner, which counts the copy and sends it on to the
 * receiver's; that one makes it and tells the asker.  What stays on one core needs no owner.
 * A copy that cannot be delivered leaves a keeper that is alone: the sweep lets it go.  Portable.
 */
#include "libos/core/invoke.h"
#include "monitor/agree/agreement.h"
#include "monitor/caps/share.h"

/* --- delivery -------------------------------------------------------------------------------- */

struct delivery {
	uint64_t dest; /* pid; or our side of a channel; or pid of who starts a program */
	uint32_t slot;
	uint8_t target, rights;
};

static err_t deliver(cptr_t source, const struct delivery *d, uint64_t *value)
{
	struct process *p;
	cptr_t slot;
	err_t err;

	*value = 0;
	if (d->target == CAPS_TO_CHANNEL)
		return parcel_put(d->dest, source, d->rights, value);
	if (d->target == CAPS_TO_PROGRAM)
		return program_put(d->dest, source, value);
	p = caps_process(d->dest);
	err = p ? process_slot(p, d->slot, &slot) : ERR_NO_PROCESS;
	return err ? err : cap_restrict(source, slot, d->rights);
}

/* --- the owner ------------------------------------------------------------------------------- */

static bool core_absent(coreid_t core) { return core_gone(core) || (group_formed() && !group_holds(GROUP_ALL, core)); }

static bool is_table(const struct share *s) { return s->object.type != CAP_RAM && s->object.type != CAP_FRAME; }

/*
 * A page table has copies in one process only, which has a member where the table is made: so its cores
 * are all that may remember what was in it.
 */
static bool table_denied(const struct share *s, const struct delivery *d)
{
	if (!is_table(s))
		return false;
	return d->target != CAPS_TO_SLOT || (s->pid ? s->pid != d->dest : !group_holds(d->dest, monitor.core));
}

static void table_belongs(struct share *s, const struct delivery *d)
{
	if (is_table(s))
		s->pid = d->dest;
}

uint64_t caps_table_pid(uint64_t table)
{
	struct object object = { table & ~(uint64_t)(PAGE_SIZE - 1), (uint8_t)table, CAP_PTABLE_BITS };
	const struct share *s = share_find(&object);

	return s ? s->pid : 0;
}

/* Counts the copy, and sends it. The keeper is there. */
static err_t grant_send(struct share *s, coreid_t to, const struct delivery *d, coreid_t asker, uint32_t number)
{
	uint64_t place = 0;
	bool first = !s->sharers;
	err_t err = ERR_OK;

	if (core_absent(to))
		return ERR_CORE_DOWN;
	if (table_denied(s, d))
		return ERR_DENIED;
	if (is_table(s))
		err = kernel_place(TASK_KERNEL, s->keeper, &place);
	if (!err && first)
		err = kernel_share(TASK_KERNEL, s->keeper, true);
	if (!err)
		err = sharer_count(s, to, 1);
	if (!err)
		table_belongs(s, d);
	if (!err)
		caps_send(to, CAPS_GRANT, ERR_OK, number, &s->object, caps_object(&s->object, d->rights, d->target, to),
			  asker | (uint64_t)d->slot << 32, d->dest, place);
	return err;
}

/* The record of what is ours, with its keeper. */
static err_t share_own(const struct object *object, struct share **out)
{
	struct share *s = share_find(object);
	err_t err = s ? ERR_OK : share_new(object, monitor.core, &s);

	*out = s;
	if (!err && s->pinned)
		return ERR_CAP_REMOTE;
	if (!err && !s->keeper && !s->holder)
		err = share_keep(s, 0);
	if (err && s && !s->keeper && !s->holder)
		share_free(s);
	*out = s;
	return err;
}

void share_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	struct delivery d = { m->word[3], (uint32_t)(m->word[2] >> 32), (uint8_t)caps_target(m),
			      (uint8_t)caps_rights(m) };
	uint32_t number = mon_sequence(m->header);
	uint64_t value = 0;
	err_t err;

	if (d.target >= CAPS_TARGETS || caps_core(m) >= monitor.info->cores || d.rights > RIGHT_ALL) {
		line_drop(from, m);
	} else if (!s) {
		caps_send_done(from, number, ERR_CAP_LOOKUP, 0);
	} else if (s->holder || s->frozen) {
		share_wait(s, from, m);
	} else if (!s->own) {
		caps_send(from, CAPS_RETRY, ERR_OK, number, NULL, 0, 0, 0, 0);
	} else if (!sharer_find(s, from)) {
		line_drop(from, m);
	} else if (caps_core(m) == monitor.core) {
		err = deliver(s->keeper, &d, &value);
		caps_send_done(from, number, err, value);
	} else {
		err = grant_send(s, caps_core(m), &d, from, number);
		if (err)
			caps_send_done(from, number, err, 0);
	}
}

/* --- the receiver ---------------------------------------------------------------------------- */

static void asker_tell(coreid_t asker, coreid_t from, uint32_t number, err_t err, uint64_t value)
{
	struct op *o = asker == monitor.core ? op_find(number) : NULL;

	if (asker != monitor.core)
		caps_send_done(asker, number, err, value);
	else if (o && o->reply && (o->peer == from || o->other == from))
		o->reply(o, from, err, value);
}

static err_t share_foreign(const struct object *object, coreid_t owner, uint64_t place, struct share **out)
{
	err_t err = share_new(object, owner, out);

	if (err)
		return err;
	err = share_keep(*out, place);
	if (err)
		share_free(*out);
	return err;
}

void grant_refuse(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);

	caps_send(from, CAPS_RELEASE, ERR_OK, 0, &object, caps_object(&object, 0, 0, 0), 0, 1, 0);
	if ((coreid_t)m->word[2] < monitor.info->cores)
		asker_tell((coreid_t)m->word[2], from, mon_sequence(m->header), ERR_NO_MEMORY, 0);
}

void grant_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	struct delivery d = { m->word[3], (uint32_t)(m->word[2] >> 32), (uint8_t)caps_target(m),
			      (uint8_t)caps_rights(m) };
	coreid_t asker = (coreid_t)m->word[2];
	uint64_t value = 0;
	err_t err = ERR_OK;

	if (s && share_waits(s, from)) {
		share_wait(s, from, m);
		return;
	}
	if (d.target >= CAPS_TARGETS || asker >= monitor.info->cores || d.rights > RIGHT_ALL ||
	    (s && (s->own || s->owner != from))) {
		line_drop(from, m);
		return;
	}
	if (!s)
		err = share_foreign(&object, from, m->word[4], &s);
	if (err) {
		caps_send(from, CAPS_RELEASE, ERR_OK, 0, &object, caps_object(&object, 0, 0, 0), 0, 1, 0);
	} else {
		s->count++;
		table_belongs(s, &d);
		err = deliver(s->keeper, &d, &value);
		if (err)
			sweep_soon();
	}
	asker_tell(asker, from, mon_sequence(m->header), err, value);
}

/* --- the asker ------------------------------------------------------------------------------- */

static void copy_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	(void)from;
	op_end(o, err, value);
}

static void copy_ask(struct op *o, struct share *s, const struct delivery *d)
{
	o->peer = s->owner;
	o->other = o->u.copy.core;
	caps_send(s->owner, CAPS_SHARE, ERR_OK, o->number, &s->object,
		  caps_object(&s->object, d->rights, d->target, o->u.copy.core), monitor.core | (uint64_t)d->slot << 32,
		  d->dest, 0);
}

static void copy_own(struct op *o, const struct cap_info *info, const struct delivery *d)
{
	struct object object = object_of(info);
	struct share *s;
	err_t err = share_own(&object, &s);

	if (!err && !share_hold(s, o))
		return;
	if (!err) {
		s->holder = NULL;
		o->other = o->u.copy.core;
		err = grant_send(s, o->u.copy.core, d, monitor.core, o->number);
		if (err)
			share_settle(s);
	}
	if (err)
		op_end(o, err, 0);
}

static void copy_foreign(struct op *o, const struct cap_info *info, const struct delivery *d)
{
	struct object object = object_of(info);
	struct share *s = share_find(&object);

	if (!s || s->pinned)
		op_end(o, ERR_CAP_REMOTE, 0);
	else if (s->frozen || s->holder)
		share_hold(s, o);
	else if (core_absent(o->u.copy.core) || core_gone(s->owner))
		op_end(o, ERR_CORE_DOWN, 0);
	else
		copy_ask(o, s, d);
}

static err_t copy_source(const struct op *o, cptr_t *source, struct cap_info *info)
{
	struct process *p = o->process ? process_table_find(&monitor.processes, o->process) : NULL;
	err_t err = ERR_OK;

	*source = o->u.copy.source;
	if (o->process)
		err = process_alive(p) ? process_slot(p, o->slot, source) : ERR_NO_PROCESS;
	return err ? err : cap_identify(*source, info);
}

static void copy_run(struct op *o)
{
	const struct copy_op *c = &o->u.copy;
	struct cap_info info;
	struct delivery d = { c->dest, c->slot, c->target, 0 };
	uint64_t value = 0;
	cptr_t source;
	err_t err = copy_source(o, &source, &info);

	if (!err && c->target == CAPS_TO_CHANNEL && !(info.rights & RIGHT_GRANT))
		err = ERR_CAP_RIGHTS;
	if (!err && c->core != monitor.core && !object_shareable(info.type))
		err = ERR_CAP_TYPE;
	if (!err && info.flags & CAP_FLAG_CLEARING)
		err = ERR_CAP_BUSY;
	d.rights = info.rights & c->rights;
	if (!err && c->core == monitor.core)
		err = deliver(source, &d, &value);
	if (err || c->core == monitor.core)
		op_end(o, err, value);
	else if (info.flags & CAP_FLAG_FOREIGN)
		copy_foreign(o, &info, &d);
	else
		copy_own(o, &info, &d);
}

void copy_begin(struct op *o, const struct copy_op *c)
{
	o->run = copy_run;
	o->reply = copy_reply;
	o->u.copy = *c;
	copy_run(o);
}

static err_t copy_check(uint64_t core, uint64_t slot, uint64_t rights)
{
	if (core >= monitor.info->cores)
		return ERR_CORE_ID;
	if (rights > RIGHT_ALL)
		return ERR_ARGUMENT;
	return slot == 0 || slot > UINT32_MAX ? ERR_SLOT_LOOKUP : ERR_OK;
}

void caps_copy_request(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct process *p = origin_process(r->from);
	struct op *o = op_asked(r, copy_check(w[0], w[2], w[3]));

	if (!o)
		return;
	o->slot = (uint32_t)w[1];
	copy_begin(o, &(struct copy_op){ .dest = p->pid,
					 .core = (coreid_t)w[0],
					 .slot = (uint32_t)w[2],
					 .rights = (uint8_t)w[3],
					 .target = CAPS_TO_SLOT });
	ops_run();
}

err_t caps_copy_to(cptr_t cap, unsigned rights, coreid_t core, uint64_t pid, uint32_t slot, caps_done *done,
		   uint64_t context)
{
	struct op *o;
	err_t err = copy_check(core, slot, rights);

	if (!err)
		err = op_new(NULL, &o);
	if (err)
		return err;
	o->answer = (struct answer){ .to = TO_CALLER, .done = done, .context = context };
	copy_begin(o, &(struct copy_op){ .source = cap,
					 .dest = pid,
					 .core = core,
					 .slot = slot,
					 .rights = (uint8_t)rights,
					 .target = CAPS_TO_SLOT });
	ops_run();
	return ERR_OK;
}

/* --- fetch: the core that has the capability asks in our name -------------------------------- */

static void fetch_run(struct op *o)
{
	const struct copy_op *c = &o->u.copy;

	o->peer = c->core;
	caps_send(c->core, CAPS_FETCH, ERR_OK, o->number, NULL, (uint64_t)c->rights << 16,
		  o->slot | (uint64_t)c->slot << 32, c->dest, 0);
}

static void fetch_begin(struct op *o, uint32_t there, const struct copy_op *c)
{
	o->slot = there;
	o->u.copy = *c;
	o->run = fetch_run;
	o->reply = copy_reply;
	fetch_run(o);
}

err_t caps_fetch_from(coreid_t core, uint32_t there, unsigned rights, uint64_t pid, uint32_t here, caps_done *done,
		      uint64_t context)
{
	struct op *o;
	err_t err = copy_check(core, here, rights);

	if (!err && core_absent(core))
		err = ERR_CORE_DOWN;
	if (!err)
		err = op_new(NULL, &o);
	if (err)
		return err;
	o->answer = (struct answer){ .to = TO_CALLER, .done = done, .context = context };
	fetch_begin(o, there, &(struct copy_op){ .dest = pid, .core = core, .slot = here, .rights = (uint8_t)rights });
	return ERR_OK;
}

void caps_fetch_request(struct request *r)
{
	const uint64_t *w = r->m.word;
	struct process *p = origin_process(r->from);
	struct copy_op c;
	struct op *o;
	err_t err = copy_check(w[0], w[2], w[3]);

	if (!err && w[0] != monitor.core && core_absent((coreid_t)w[0]))
		err = ERR_CORE_DOWN;
	o = op_asked(r, err);
	if (!o)
		return;
	o->slot = (uint32_t)w[1];
	c = (struct copy_op){ .dest = p->pid, .core = (coreid_t)w[0], .slot = (uint32_t)w[2], .rights = (uint8_t)w[3] };
	if (w[0] == monitor.core) {
		copy_begin(o, &c);
	} else {
		fetch_begin(o, (uint32_t)w[1], &c);
	}
	ops_run();
}

void fetch_message(coreid_t from, const struct mon_message *m)
{
	struct process *p = caps_process(m->word[3]);
	struct op *o;
	err_t err = p ? op_new(NULL, &o) : ERR_NO_PROCESS;

	if (err) {
		caps_send_done(from, mon_sequence(m->header), err, 0);
		return;
	}
	o->process = p->number;
	o->slot = (uint32_t)m->word[2];
	o->answer = (struct answer){ .to = TO_CORE, .core = from, .sequence = mon_sequence(m->header) };
	copy_begin(o, &(struct copy_op){ .dest = m->word[3],
					 .core = from,
					 .slot = (uint32_t)(m->word[2] >> 32),
					 .rights = (uint8_t)caps_rights(m),
					 .target = CAPS_TO_SLOT });
}
