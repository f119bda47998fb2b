/*
 * The checker: compares what all cores have, one core after the other, one fact after the other.
 *
 * Each core looks at its own first: what the CPU driver finds, a record for each object
 * that is REMOTE or FOREIGN, flags and keeper as the record says.  Then it asks others: is the owner
 * aware of what I have, the sharer of what I gave it, the giver of its tombstone; and does
 * nobody else own what I own.  Meant for a system at rest: what is on its way counts as a violation.  Portable.
 */
#include "monitor/agree/agreement.h"
#include "monitor/caps/share.h"

enum { WALK_HERE, WALK_RECORDS, WALK_ROOTS };

/* --- here ------------------------------------------------------------------------------------ */

static bool is_counted(unsigned type) { return type != CAP_NOTIFICATION; }

static unsigned flags_wanted(const struct share *s)
{
	if (s->own)
		return s->sharers || s->giver != CORE_NONE || s->pinned ? CAP_FLAG_REMOTE : 0u;
	return s->given ? CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN : CAP_FLAG_FOREIGN;
}

static bool record_wrong(const struct share *s)
{
	const unsigned looked = CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN;
	struct cap_info info;

	if (s->pinned)
		return false;
	if (s->holder || s->frozen || s->first)
		return true;
	if (cap_identify(s->keeper, &info) || info.rights != RIGHT_ALL)
		return true;
	return info.type != s->object.type || info.bits != s->object.bits || info.base != s->object.base ||
	       (info.flags & looked) != flags_wanted(s);
}

static uint64_t nodes_unknown(void)
{
	struct cap_info at = { .type = CAP_NULL };
	uint64_t found = 0;

	while (!kernel_next(TASK_KERNEL, &at, true, UINT64_MAX, NULL) && at.type != CAP_NULL) {
		struct object object = object_of(&at);
		const struct share *s = share_find(&object);

		if (!is_counted(at.type) || (s && s->own == !(at.flags & CAP_FLAG_FOREIGN)))
			continue;
		if (found++ == 0)
			report("monitor %u: nobody answers for a shared object of type %u at %x, flags %u",
			       monitor.core, at.type, at.base, at.flags);
	}
	return found;
}

static uint64_t walk_here(void)
{
	uint64_t found = 0, kernel = 0;

	if (kernel_check(TASK_KERNEL, &kernel))
		kernel = 1;
	for (const struct share *s = share_next(NULL); s; s = share_next(s)) {
		if (!record_wrong(s))
			continue;
		if (found++ == 0)
			report("monitor %u: a record is not true: type %u at %x, owner %u", monitor.core,
			       s->object.type, s->object.base, s->owner);
	}
	return kernel + found + nodes_unknown();
}

/* --- what belongs to this core: nodes of its own that lie in no other of its own ------------- */

/* The first at or behind `base`; false: there is none. */
static bool root_next(uint64_t base, struct object *out)
{
	struct cap_info at = { .type = CAP_NULL, .base = base };

	while (!kernel_next(TASK_KERNEL, &at, false, UINT64_MAX, NULL) && at.type != CAP_NULL) {
		if (at.flags & CAP_FLAG_FOREIGN || !is_counted(at.type))
			continue;
		*out = object_of(&at);
		return true;
	}
	return false;
}

/* What fills the RAM that it is made of does not lie around that. */
static bool covers(const struct object *a, const struct object *b)
{
	return b->base - a->base < SIZE_OF_BITS(a->bits) &&
	       (a->bits > b->bits || (a->bits == b->bits && (a->type == CAP_RAM || a->type == b->type)));
}

/* Is the block, in one of our own, given away? */
static bool given_within(const struct object *root, const struct object *block)
{
	struct cap_info at = { .type = root->type, .bits = root->bits, .base = root->base };

	while (!kernel_next(TASK_KERNEL, &at, true, root->base + SIZE_OF_BITS(root->bits), NULL) &&
	       at.type != CAP_NULL) {
		struct object o = object_of(&at);

		if (at.flags & CAP_FLAG_FOREIGN && covers(&o, block))
			return true;
	}
	return false;
}

static bool block_claimed(const struct object *block)
{
	struct object root;
	uint64_t base = 0;

	for (; root_next(base, &root) && root.base <= block->base; base = root.base + SIZE_OF_BITS(root.bits))
		if (covers(&root, block) && !given_within(&root, block))
			return true;
	return false;
}

/* --- who is asked ---------------------------------------------------------------------------- */

static bool is_so(coreid_t from, unsigned question, const struct object *o, uint64_t count)
{
	const struct share *s = share_find(o);
	const struct sharer *h = s && s->own ? sharer_find(s, from) : NULL;

	switch (question) {
	case CAPS_IS_HOLDER:
		return h && h->count == count;
	case CAPS_IS_SHARED:
		return s && !s->own && s->owner == from && s->count == count;
	case CAPS_IS_GIVEN:
		return s && s->own && s->giver == from;
	case CAPS_IS_GIVER:
		return s && s->given && s->owner == from;
	default:
		return !block_claimed(o);
	}
}

void is_message(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);

	if (m->word[2] >= CAPS_QUESTIONS || object.bits >= 52)
		line_drop(from, m);
	else
		caps_send_done(from, mon_sequence(m->header), ERR_OK,
			       !is_so(from, (unsigned)m->word[2], &object, m->word[3]));
}

/* --- asking ---------------------------------------------------------------------------------- */

static void ask(struct op *o, coreid_t core, enum caps_question question, const struct object *object, uint64_t count)
{
	o->object = *object;
	o->peer = core;
	/* What is a dead core's is about to be forgotten. */
	if (core_gone(core)) {
		op_ready(o);
		return;
	}
	caps_send(core, CAPS_IS, ERR_OK, o->number, object, caps_object(object, 0, 0, 0), question, count, 0);
}

/* Asks about the next thing in a record; false: all is asked. */
static bool record_ask(struct op *o, const struct share *s)
{
	unsigned n = o->u.walk.sub++;
	const struct sharer *h = s->sharers;

	if (s->pinned)
		return false;
	if (!s->own && n == 0 && s->count) {
		ask(o, s->owner, CAPS_IS_HOLDER, &s->object, s->count);
		return true;
	}
	if (!s->own && n <= 1 && s->given) {
		o->u.walk.sub = 2;
		ask(o, s->owner, CAPS_IS_GIVEN, &s->object, 0);
		return true;
	}
	if (!s->own)
		return false;
	if (n == 0 && s->giver != CORE_NONE && !core_gone(s->giver)) {
		ask(o, s->giver, CAPS_IS_GIVER, &s->object, 0);
		return true;
	}
	for (unsigned i = 1; h && i < (n ? n : 1); i++)
		h = h->next;
	if (n == 0)
		o->u.walk.sub = 2;
	if (h)
		ask(o, h->core, CAPS_IS_SHARED, &s->object, h->count);
	return h;
}

static bool records_ask(struct op *o)
{
	struct walk_op *w = &o->u.walk;
	const struct share *s = share_next(NULL);

	for (unsigned i = 0; s && i < w->index; i++)
		s = share_next(s);
	for (; s; s = share_next(s)) {
		if (record_ask(o, s))
			return true;
		w->index++;
		w->sub = 0;
	}
	return false;
}

/* Each of ours to each other core. */
static bool roots_ask(struct op *o)
{
	struct walk_op *w = &o->u.walk;
	struct object root;

	while (root_next(w->base, &root)) {
		w->core = group_next(GROUP_ALL, w->core);
		if (w->core == monitor.core)
			w->core = group_next(GROUP_ALL, w->core);
		if (w->core < CORES_MAX) {
			ask(o, w->core, CAPS_IS_MINE, &root, 0);
			return true;
		}
		w->base = root.base + SIZE_OF_BITS(root.bits);
	}
	return false;
}

static void walk_run(struct op *o)
{
	if (o->step == WALK_HERE) {
		o->u.walk = (struct walk_op){ .found = walk_here(), .core = CORES_MAX };
		o->step = WALK_RECORDS;
	}
	if (o->step == WALK_RECORDS) {
		if (records_ask(o))
			return;
		o->step = WALK_ROOTS;
	}
	if (!roots_ask(o))
		op_end(o, ERR_OK, o->u.walk.found);
}

static void walk_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	if (!err && value && !o->u.walk.found)
		report("monitor %u: core %u sees an object of type %u at %x otherwise", monitor.core, from,
		       o->object.type, o->object.base);
	if (!err)
		o->u.walk.found += value != 0;
	op_ready(o);
}

static err_t walk_begin(const struct answer *answer)
{
	struct op *o;
	err_t err = op_new(NULL, &o);

	if (err)
		return err;
	o->run = walk_run;
	o->reply = walk_reply;
	o->answer = *answer;
	op_ready(o);
	return ERR_OK;
}

void walk_message(coreid_t from, const struct mon_message *m)
{
	err_t err = walk_begin(&(struct answer){ .to = TO_CORE, .core = from, .sequence = mon_sequence(m->header) });

	if (err)
		caps_send_done(from, mon_sequence(m->header), err, 0);
}

/* --- all cores, one after the other ---------------------------------------------------------- */

static void cores_reply(struct op *o, coreid_t from, err_t err, uint64_t value)
{
	(void)from;
	if (err && err != ERR_CORE_DOWN)
		value = 1;
	o->u.walk.found += value;
	op_ready(o);
}

static void here_done(uint64_t context, err_t err, uint64_t value)
{
	struct op *o = op_find((uint32_t)context);

	if (o)
		cores_reply(o, monitor.core, err, value);
}

static void cores_run(struct op *o)
{
	struct walk_op *w = &o->u.walk;
	err_t err = ERR_OK;

	w->core = group_next(GROUP_ALL, w->core);
	if (w->core >= CORES_MAX) {
		op_end(o, ERR_OK, w->found);
		return;
	}
	if (w->core == monitor.core) {
		err = walk_begin(&(struct answer){ .to = TO_CALLER, .done = here_done, .context = o->number });
	} else {
		o->peer = w->core;
		caps_send(w->core, CAPS_WALK, ERR_OK, o->number, NULL, 0, 0, 0, 0);
	}
	if (err)
		op_end(o, err, 0);
}

void caps_walk_request(struct request *r)
{
	struct op *o = op_asked(r, ERR_OK);

	if (!o)
		return;
	o->run = cores_run;
	o->reply = cores_reply;
	o->u.walk.core = CORES_MAX;
	cores_run(o);
	ops_run();
}
