/*
 * Operations under way, and who waits for what: a holder of a record, room on a link, the
 * next tick.
 *
 * An operation is in at most one list.  ops_run() runs what is ready until nothing is; a
 * message that comes for a record that is held waits in the record's list, in order, so that the next from
 * the same core does not overtake it.  Portable.
 */
#include "libos/x86/context.h"
#include "monitor/caps/share.h"

#include <string.h>

#define CHAINS 64
#define PROCESS_OPS_MAX 256 /* in the names of processes */
#define TICKS_PER_SECOND 1000

/* A line that the link had no room for. */
struct held {
	struct held *next;
	coreid_t core;
	struct mon_message m;
};

static struct op *chain[CHAINS];
static struct op *ready, **ready_end = &ready;
static struct op *later, **later_end = &later;
static struct held *held, **held_end = &held;
static uint32_t last_number;
static unsigned ops, process_ops, helds;
static uint64_t gone[CORES_MAX / 64];

unsigned caps_busy(void) { return ops + helds; }
bool core_gone(coreid_t core) { return gone[core / 64] >> core % 64 & 1; }

void caps_core_back(coreid_t core) { gone[core / 64] &= ~(UINT64_C(1) << core % 64); }

/* --- operations ------------------------------------------------------------------------------ */

struct op *op_find(uint32_t number)
{
	struct op *o = chain[number % CHAINS];

	while (o && o->number != number)
		o = o->chain;
	return number ? o : NULL;
}

struct op *op_next(const struct op *o)
{
	unsigned i = 0;

	if (o && o->chain)
		return o->chain;
	if (o)
		i = o->number % CHAINS + 1;
	while (i < CHAINS && !chain[i])
		i++;
	return i < CHAINS ? chain[i] : NULL;
}

/* Nobody has more than are left for others. */
static bool op_room(uint32_t process)
{
	unsigned count = 0;

	if (process_ops < PROCESS_OPS_MAX / 2)
		return true;
	for (const struct op *o = op_next(NULL); o; o = op_next(o))
		count += o->answer.to == TO_PROCESS && o->answer.process == process;
	return process_ops + count < PROCESS_OPS_MAX;
}

err_t op_new(const struct request *r, struct op **out)
{
	struct op *o;

	if (r && !op_room(r->from.number))
		return ERR_AGAIN;
	o = cell_new(sizeof *o);
	if (!o)
		return ERR_NO_MEMORY;
	if (++last_number == 0)
		last_number = 1;
	o->number = last_number;
	o->peer = o->other = CORE_NONE;
	if (r) {
		o->process = r->from.number;
		o->answer = (struct answer){ .to = TO_PROCESS,
					     .request = (uint8_t)mon_op(r->m.header),
					     .process = r->from.number,
					     .sequence = mon_sequence(r->m.header) };
		process_ops++;
	}
	o->chain = chain[o->number % CHAINS];
	chain[o->number % CHAINS] = o;
	ops++;
	*out = o;
	return ERR_OK;
}

static void answer_give(const struct answer *a, err_t err, uint64_t value)
{
	uint64_t words[MON_PAYLOAD] = { value };

	if (a->to == TO_PROCESS)
		reply_to((struct origin){ monitor.core, a->process }, a->request, a->sequence, err, words);
	else if (a->to == TO_CORE)
		caps_send_done(a->core, a->sequence, err, value);
	else if (a->to == TO_CALLER)
		a->done(a->context, err, value);
}

void op_end(struct op *o, err_t err, uint64_t value)
{
	struct op **at = &chain[o->number % CHAINS];
	struct answer a = o->answer;

	while (*at != o)
		at = &(*at)->chain;
	*at = o->chain;
	pass_forget(o);
	ops--;
	process_ops -= a.to == TO_PROCESS;
	cell_free(o, sizeof *o);
	answer_give(&a, err, value);
}

static void list_add(struct op ***end, struct op *o)
{
	o->after = NULL;
	o->queued = true;
	**end = o;
	*end = &o->after;
}

void op_ready(struct op *o)
{
	if (!o->queued)
		list_add(&ready_end, o);
}

void op_later(struct op *o)
{
	if (!o->queued)
		list_add(&later_end, o);
}

void ops_run(void)
{
	while (ready) {
		struct op *o = ready;

		ready = o->after;
		if (!ready)
			ready_end = &ready;
		o->queued = false;
		o->run(o);
	}
}

/* --- who waits for a record ------------------------------------------------------------------ */

static void share_queue(struct share *s, struct op *o)
{
	o->after = NULL;
	o->queued = true;
	if (s->first)
		s->last->after = o;
	else
		s->first = o;
	s->last = o;
}

bool share_hold(struct share *s, struct op *o)
{
	if (s->holder == o)
		return true;
	if (s->holder || s->frozen) {
		share_queue(s, o);
		return false;
	}
	s->holder = o;
	return true;
}

void share_release(struct share *s)
{
	struct op *o = s->first;

	s->holder = NULL;
	s->first = s->last = NULL;
	while (o) {
		struct op *next = o->after;

		o->queued = false;
		op_ready(o);
		o = next;
	}
}

/* Askers look again at what they have; what an owner or a giver says is done now. */
static void waited_run(struct op *o)
{
	struct mon_message m = o->u.m;
	coreid_t from = o->peer;
	unsigned what = caps_what(m.header);

	op_end(o, ERR_OK, 0);
	if (what == CAPS_SHARE || what == CAPS_CARVE || what == CAPS_REVOKE)
		caps_send(from, CAPS_RETRY, ERR_OK, mon_sequence(m.header), NULL, 0, 0, 0, 0);
	else
		message_handle(from, &m);
}

/* There is no memory for a message to wait in: whoever waits for its answer has that now. */
static void waiter_refuse(coreid_t from, const struct mon_message *m)
{
	struct object object = caps_object_of(m);
	unsigned what = caps_what(m->header);
	uint32_t number = mon_sequence(m->header);

	report("monitor %u: no memory for what core %u asks to wait in", monitor.core, from);
	if (what == CAPS_DROP)
		drop_refuse(from, m);
	else if (what == CAPS_GRANT)
		grant_refuse(from, m);
	else if (what == CAPS_FREEZE)
		caps_send(from, CAPS_FROZEN, ERR_NO_MEMORY, number, &object, caps_object(&object, 0, 0, 0), 0, 0, 0);
	else
		caps_send_done(from, number, ERR_NO_MEMORY, 0);
}

void share_wait(struct share *s, coreid_t from, const struct mon_message *m)
{
	struct op *o;

	if (op_new(NULL, &o)) {
		waiter_refuse(from, m);
		return;
	}
	o->run = waited_run;
	o->peer = from;
	o->u.m = *m;
	share_queue(s, o);
}

/* --- sending --------------------------------------------------------------------------------- */

static bool held_for(coreid_t core)
{
	for (const struct held *h = held; h; h = h->next)
		if (h->core == core)
			return true;
	return false;
}

static void held_add(coreid_t core, const struct mon_message *m)
{
	struct held *h = cell_new(sizeof *h);

	if (!h) {
		report("monitor %u: no memory for a message to core %u", monitor.core, core);
		return;
	}
	h->core = core;
	h->m = *m;
	*held_end = h;
	held_end = &h->next;
	helds++;
}

void caps_send_line(coreid_t core, const struct mon_message *m)
{
	if (core >= monitor.info->cores || core == monitor.core || core_gone(core))
		return;
	if ((helds && held_for(core)) || link_send(core, m))
		held_add(core, m);
}

void caps_send(coreid_t core, unsigned what, err_t err, uint32_t number, const struct object *o, uint64_t word1,
	       uint64_t w2, uint64_t w3, uint64_t w4)
{
	struct mon_message m = { .header = caps_header(what, err, number),
				 .word = { o ? o->base : 0, word1, w2, w3, w4 } };

	caps_send_line(core, &m);
}

void caps_send_done(coreid_t core, uint32_t number, err_t err, uint64_t value)
{
	struct mon_message m = { .header = caps_header(CAPS_DONE, err, number), .word = { value } };

	caps_send_line(core, &m);
}

/* Takes out what can be sent, and all for `dead`. */
static void held_retry(coreid_t dead)
{
	struct held **at = &held;
	uint64_t full[CORES_MAX / 64] = { 0 };

	while (*at) {
		struct held *h = *at;
		uint64_t bit = UINT64_C(1) << h->core % 64;

		if (h->core != dead && (full[h->core / 64] & bit || link_send(h->core, &h->m))) {
			full[h->core / 64] |= bit;
			at = &h->next;
			continue;
		}
		*at = h->next;
		cell_free(h, sizeof *h);
		helds--;
	}
	held_end = at;
}

void held_forget(coreid_t core)
{
	gone[core / 64] |= UINT64_C(1) << core % 64;
	held_retry(core);
}

unsigned held_count(void) { return helds; }

bool ops_tick(cycles_t *next)
{
	struct op *o = later;

	if (helds)
		held_retry(CORE_NONE);
	later = NULL;
	later_end = &later;
	while (o) {
		struct op *after = o->after;

		o->queued = false;
		op_ready(o);
		o = after;
	}
	ops_run();
	if (helds || later)
		*next = context_now() + monitor.info->tsc_hz / TICKS_PER_SECOND;
	return false;
}
