/*
 * One-phase commit: every member hears of it and acknowledges; none can refuse.
 *
 *     (none) --asked--> SPREADING --all below have acknowledged--> FINISHED, or acknowledged and gone
 *
 * Whoever is asked passes the request on, does what it says, and acknowledges when
 * all below have.  One who has nobody below does it and acknowledges: no record.
 * What was done is remembered, should the coordinator die before all have heard of it
 * (resolve.c).  Portable.
 */
#include "monitor/agree/dissemination.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

/* asked -> SPREADING, and on at once if there is nobody below. */
static void begin(struct round *r, bool done)
{
	struct proposal p;

	round_proposal(r, &p);
	r->state = ROUND_SPREADING;
	r->kind = AGREE_DO;
	spread(r);
	if (!done)
		r->err = (uint16_t)subject_commit(r->id, &p);
	if (r->waiting == 0)
		one_phase_served(r);
}

/* --- the proposer -------------------------------------------------------------------------- */

err_t one_phase_over(const struct proposal *p, const struct route *route, round_done *done, uint64_t context)
{
	struct round *r;
	err_t err = round_begin(p, route, done, context, &r);

	if (!err)
		begin(r, false);
	return err;
}

err_t one_phase(const struct proposal *p, round_done *done, uint64_t context)
{
	return one_phase_over(p, &(struct route){ DISSEMINATE_NUMA, 0, (uint16_t)places }, done, context);
}

void one_phase_relay(struct round *r, bool done) { begin(r, done); }

/* --- a member --------------------------------------------------------------------------------- */

static void remember(uint64_t id, uint64_t group, unsigned subject, const uint64_t *word)
{
	struct recent *e = recent_add(id, group, subject, word);

	if (membership_gone(round_coordinator(id)))
		resolve_ended(e);
}

/* SPREADING -> gone, or FINISHED. */
void one_phase_served(struct round *r)
{
	if (r->parent == monitor.core && round_coordinator(r->id) != monitor.core)
		resolve_relayed(r);
	else
		remember(r->id, r->group, r->subject, r->word);
	round_finish(r);
}

/* What most members do for a round: no record, nobody below. */
static __attribute__((always_inline)) inline void leaf(coreid_t from, const struct mon_message *m, enum ack_note note,
						       bool gone)
{
	struct proposal p;
	struct recent *e;
	err_t err;

	request_proposal(m, &p);
	err = subject_commit(m->word[0], &p);
	e = recent_add(m->word[0], m->word[1], p.subject, &m->word[3]);
	if (gone)
		resolve_ended(e);
	request_acknowledge(from, m, err, note);
}

void one_phase_alone(coreid_t from, const struct mon_message *m, bool left_out)
{
	leaf(from, m, left_out ? ACK_ALONE : ACK_PLAIN, membership_gone(round_coordinator(m->word[0])));
}

/* Asked again, since whoever asked first is gone: from now on that one is answered. */
static void parent_change(struct round *r, coreid_t from, const struct mon_message *m)
{
	r->parent = (uint16_t)from;
	r->record = (uint8_t)route_record(m->word[2]);
}

/* Asked before, or with others below, or by way of who is left of a dead coordinator. */
static __attribute__((noinline)) void hear_other(coreid_t from, const struct mon_message *m, struct round *r,
						 bool left_out)
{
	bool alone = request_is_alone(m);

	monitor.stirred = true;

	/*
	 * Done already, and who asks for this core alone asks the others too: whoever asked first is still answered
	 * when those below have.  Two that settle the same round do not wait for each other either.
	 */
	if ((r && (alone || r->parent == monitor.core)) ||
	    (!r && membership_gone(round_coordinator(m->word[0])) && recent_find(m->word[0]))) {
		request_acknowledge(from, m, ERR_OK, ACK_PLAIN);
	} else if (r) {
		parent_change(r, from, m);
	} else if (alone || !(r = round_take(from, m))) {
		one_phase_alone(from, m, left_out || !alone);
	} else {
		begin(r, false);
	}
}

void one_phase_hear(coreid_t from, const struct mon_message *m, bool left_out)
{
	struct round *r = round_find(m->word[0]);

	if (r || left_out || !request_is_alone(m) || membership_dead(round_coordinator(m->word[0])))
		hear_other(from, m, r, left_out);
	else
		leaf(from, m, ACK_PLAIN, false);
}
