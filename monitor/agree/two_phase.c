/*
 * Two-phase commit: every member is asked first; if all are for it, it is committed on
 * all, else aborted on all.
 *
 *                    asked            all below voted        told                 all below ended
 *   of a member:    (none) --yes--> PREPARING --yes--> PREPARED --commit--> COMMITTING --> (gone)
 *                      |                |                  |  '--abort--> ABORTING ----> (gone)
 *                      '------no------> REFUSED <--no------'                 ^
 *                                          '----------abort------------------'
 *   of the proposer:  PREPARING --all yes--> COMMITTING --> FINISHED
 *                         '------a no------> ABORTING ----> FINISHED
 *
 * Who refuses does not ask those below, and one who hears of a no from below says no;
 * all who were asked are told the outcome by the same ways.  A member that has voted
 * and loses the coordinator asks what became of the round (membership.c).  Portable.
 */
#include "monitor/agree/dissemination.h"
#include "monitor/agree/engine.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

static void round_commit(struct round *r)
{
	struct proposal p;

	round_proposal(r, &p);
	r->state = ROUND_COMMITTING;
	r->kind = AGREE_COMMIT;
	if (r->parent == monitor.core)
		subject_decided(&p);
	if (!round_is_leaf(r))
		spread_again(r);
	subject_commit(r->id, &p);
	outcome_note(r->id, true);
}

static void round_abort(struct round *r)
{
	struct proposal p;

	round_proposal(r, &p);
	r->state = ROUND_ABORTING;
	r->kind = AGREE_ABORT;
	if (!round_is_leaf(r))
		spread_again(r);
	if (r->prepared)
		subject_abort(r->id, &p);
	outcome_note(r->id, false);
}

static void round_decide(struct round *r, bool commit)
{
	if (commit)
		round_commit(r);
	else
		round_abort(r);
	if (r->waiting == 0)
		two_phase_ended(r);
}

/* --- the proposer -------------------------------------------------------------------------- */

err_t two_phase_over(const struct proposal *p, const struct route *route, round_done *done, uint64_t context)
{
	struct proposal own = *p;
	struct round *r;
	err_t err = round_begin(p, route, done, context, &r);

	if (err)
		return err;
	own.coordinator = monitor.core;
	r->state = ROUND_PREPARING;
	r->kind = AGREE_PREPARE;
	r->err = (uint16_t)subject_prepare(r->id, &own);
	r->prepared = r->err == ERR_OK;
	if (r->prepared)
		spread(r);
	if (r->waiting == 0)
		two_phase_voted(r);
	return ERR_OK;
}

err_t two_phase(const struct proposal *p, round_done *done, uint64_t context)
{
	return two_phase_over(p, &(struct route){ DISSEMINATE_NUMA, 0, (uint16_t)places }, done, context);
}

/* --- a member --------------------------------------------------------------------------------- */

void two_phase_voted(struct round *r)
{
	if (r->parent == monitor.core) {
		round_decide(r, r->err == ERR_OK);
		return;
	}
	r->state = r->err && !r->spoken ? ROUND_REFUSED : ROUND_PREPARED;
	round_acknowledge(r, r->left_out ? ACK_ALONE : ACK_PLAIN);
	r->lines = 0;
	if (r->spoken)
		r->err = ERR_OK;
}

/* Asked for this core alone, by one who asks those below too, since who asked first is gone. */
static bool asked_alone(const struct round *r, coreid_t from, const struct mon_message *m)
{
	return from != r->parent && route_hi(m->word[2]) - route_lo(m->word[2]) == 1;
}

/*
 * Asked again. Who asked first is still answered when all below have voted: if it is that one's line which comes
 * late, nobody waits for the answer; the other has one now.  From then on this core speaks for itself alone:
 * one below may have had no record for who asked first, and have said yes to the other since.
 */
static void prepare_again(struct round *r, coreid_t from, const struct mon_message *m)
{
	bool alone = asked_alone(r, from, m);

	if (r->state == ROUND_PREPARED || r->state == ROUND_REFUSED || alone)
		request_acknowledge(from, m, r->err, ACK_PLAIN);
	if (r->state == ROUND_PREPARING && alone && !r->err)
		r->spoken = true;
}

void two_phase_prepare(coreid_t from, const struct mon_message *m, bool left_out)
{
	struct round *r = round_find(m->word[0]);
	enum outcome outcome;
	struct proposal p;

	monitor.stirred = true;

	if (r) {
		prepare_again(r, from, m);
		return;
	}
	/*
	 * Of a dead coordinator's rounds none is begun any more; with this no it can only be aborted. And one that has
	 * ended here is not begun again: somebody has asked, and died before others asked in its place.
	 */
	outcome = membership_lost ? outcome_noted(m->word[0]) : OUTCOME_UNKNOWN;
	if (!membership_dead(round_coordinator(m->word[0])) && outcome == OUTCOME_UNKNOWN)
		r = round_take(from, m);
	if (!r) {
		request_acknowledge(from, m, outcome == OUTCOME_COMMITTED ? ERR_OK : ERR_AGAIN, ACK_PLAIN);
		return;
	}
	request_proposal(m, &p);
	r->left_out = left_out;
	r->state = ROUND_PREPARING;
	r->err = (uint16_t)subject_prepare(r->id, &p);
	r->prepared = r->err == ERR_OK;
	if (r->prepared && !round_is_leaf(r))
		spread(r);
	if (r->waiting == 0)
		two_phase_voted(r);
}

static void told(struct round *r, coreid_t from, const struct mon_message *m)
{
	r->parent = (uint16_t)from;
	r->record = (uint8_t)route_record(m->word[2]);
	/* The error was the vote; hearing of the outcome is none. */
	r->err = ERR_OK;
	r->lines = 0;
	round_decide(r, agree_kind(m->header) == AGREE_COMMIT);
}

bool two_phase_awaited(coreid_t from, const struct mon_message *m)
{
	struct round *r = round_find(m->word[0]);

	if (!r || r->state != ROUND_PREPARED || r->parent != from || route_record(m->word[2]) >= ROUNDS_MAX)
		return false;
	told(r, from, m);
	return true;
}

bool two_phase_outcome(coreid_t from, const struct mon_message *m)
{
	struct round *r = round_find(m->word[0]);
	bool commit = agree_kind(m->header) == AGREE_COMMIT;

	/* It has ended here, or was refused for want of a record; or it was not looked at yet. */
	if (!r || (r->state == ROUND_PARKED && !commit)) {
		if (r)
			round_free(r);
		request_acknowledge(from, m, ERR_OK, ACK_PLAIN);
		return true;
	}
	if (r->state == ROUND_PARKED || r->state == ROUND_SPREADING || (r->state == ROUND_REFUSED && commit))
		return false;
	/*
	 * Told already, and by another, when a head above has died: both the head that is left and who serves in the
	 * dead one's place tell those below.  The first to tell waits for those below here, and nothing ends before it
	 * has; this one need not.
	 */
	if (r->state == ROUND_COMMITTING || r->state == ROUND_ABORTING) {
		if (from != r->parent)
			request_acknowledge(from, m, ERR_OK, ACK_PLAIN);
		return true;
	}
	told(r, from, m);
	return true;
}

void two_phase_settle(struct round *r, bool commit)
{
	set_clear(r->asked);
	set_clear(r->awaited);
	if (commit)
		round_commit(r);
	else
		round_abort(r);
	round_free(r);
}

void two_phase_ended(struct round *r) { round_finish(r); }
