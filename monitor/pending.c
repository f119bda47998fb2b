/*
 * The table of open requests to other monitors. An answer is believed only when
 * core, operation and sequence are those of an open request. Portable, and tested
 * on the host.
 */
#include "monitor/pending.h"
#include "kernel/abi/error.h"

#include <string.h>

struct pending *pending_new(struct pendings *t, const struct pending *template)
{
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		uint32_t sequence = t->last + 1 + i;
		struct pending *p = &t->entry[sequence % PENDING_MAX];

		if (p->sequence || sequence == 0)
			continue;
		t->last = sequence;
		*p = *template;
		p->sequence = sequence;
		t->used++;
		t->timed += p->deadline != 0;
		return p;
	}
	return NULL;
}

struct pending *pending_of(struct pendings *t, struct origin who, unsigned op)
{
	for (unsigned i = 0; i < PENDING_MAX && t->used; i++) {
		struct pending *p = &t->entry[i];

		if (p->sequence && p->op == op && origin_same(p->origin, who))
			return p;
	}
	return NULL;
}

bool pending_room(const struct pendings *t, struct origin who)
{
	unsigned count = 0;

	if (t->used < PENDING_MAX / 2 || who.number == 0)
		return true;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		count += t->entry[i].sequence && origin_same(t->entry[i].origin, who);
	return count < PENDING_MAX - t->used;
}

void pending_drop(struct pendings *t, struct pending *p)
{
	p->sequence = 0;
	t->used--;
	t->timed -= p->deadline != 0;
}

bool pending_take(struct pendings *t, coreid_t core, const struct mon_message *reply, struct pending *out)
{
	uint32_t sequence = mon_sequence(reply->header);
	struct pending *p = &t->entry[sequence % PENDING_MAX];

	if (sequence == 0 || p->sequence != sequence || p->core != core || p->op != mon_op(reply->header))
		return false;
	*out = *p;
	pending_drop(t, p);
	return true;
}

static void pending_end(struct pendings *t, struct pending *p, err_t err)
{
	struct mon_message reply = { .header = mon_header(p->op, MON_REPLY, (unsigned)err, p->sequence) };
	struct pending was = *p;

	was.unanswered = true;
	pending_drop(t, p);
	was.done(&was, &reply);
}

void pending_fail(struct pendings *t, coreid_t core, err_t err)
{
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &t->entry[i];

		if (p->sequence && p->core == core)
			pending_end(t, p, err);
	}
}

cycles_t pending_expire(struct pendings *t, cycles_t now)
{
	cycles_t next = 0;

	for (unsigned i = 0; i < PENDING_MAX && t->timed; i++) {
		struct pending *p = &t->entry[i];

		if (p->sequence == 0 || p->deadline == 0)
			continue;
		if (p->deadline <= now)
			pending_end(t, p, ERR_TIMEOUT);
		else if (next == 0 || p->deadline < next)
			next = p->deadline;
	}
	return next;
}
