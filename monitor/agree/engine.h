/*
 * What the files of agreement share: rounds begin in one_phase.c and two_phase.c, travel by
 * dissemination.c, and what comes is told apart in engine.c.
 */
#pragma once

#include "libos/core/monitor_proto.h"
#include "monitor/agree/group.h"
#include "monitor/agree/round.h"
#include "monitor/agree/wire.h"

/* --- engine.c ------------------------------------------------------------------------ */

/* Of all rounds that this core has proposed and that have ended: lines received, lines written for that. */
extern uint64_t agree_lines, agree_written;

/* A new round of this core's own over the members in [lo, hi); see one_phase(). */
err_t round_begin(const struct proposal *p, const struct route *route, round_done *done, uint64_t context,
		  struct round **out);
/* A record for what another core asks, or NULL. */
struct round *round_take(coreid_t from, const struct mon_message *m);
/* All is acknowledged: the proposer's `done` will be called, or the parent hears of it; the record goes. */
void round_finish(struct round *r);
/* Acknowledges its present kind to whoever asked; the record stays. */
void round_acknowledge(const struct round *r, enum ack_note note);
/* Acknowledges a request that there is no record of. */
void request_acknowledge(coreid_t to, const struct mon_message *m, err_t err, enum ack_note note);
void round_proposal(const struct round *r, struct proposal *p);
static inline void request_proposal(const struct mon_message *m, struct proposal *p)
{
	p->group = m->word[1];
	p->subject = (uint8_t)mon_aux(m->header);
	p->coordinator = round_coordinator(m->word[0]);
	for (unsigned i = 0; i < PROPOSAL_WORDS; i++)
		p->word[i] = m->word[3 + i];
}
/* Is nobody to be served but this core? */
static inline bool request_is_alone(const struct mon_message *m)
{
	return route_hi(m->word[2]) - route_lo(m->word[2]) == 1;
}
/* A join is decided, or a group is made: what was parked for that goes on. */
void engine_group_changed(uint64_t group);

/* --- subject.c -------------------------------------------------------------------------- */

err_t subject_prepare(uint64_t round, const struct proposal *p);
/* On the proposer alone, before anybody hears that it is committed. */
void subject_decided(const struct proposal *p);
/* The error is an answer, and never more than that. */
err_t subject_commit(uint64_t round, const struct proposal *p);
void subject_abort(uint64_t round, const struct proposal *p);

/* --- one_phase.c: requests that were found to be in order ------------------------------------- */

/* `left_out`: there are more in the range, and who asks is to serve them itself. */
void one_phase_hear(coreid_t from, const struct mon_message *m, bool left_out);
/* Without a record: done here, and not passed on. */
void one_phase_alone(coreid_t from, const struct mon_message *m, bool left_out);
/* This core asks all members about a round of a dead coordinator; `done`: it has done itself what is asked. */
void one_phase_relay(struct round *r, bool done);
/* All below have acknowledged. */
void one_phase_served(struct round *r);

/* --- two_phase.c -------------------------------------------------------------------------- */

void two_phase_prepare(coreid_t from, const struct mon_message *m, bool left_out);
/* The usual case, of what it needs to be so: who asked tells one that has voted yes. False: anything else. */
bool two_phase_awaited(coreid_t from, const struct mon_message *m);
/* False: it makes no sense. */
bool two_phase_outcome(coreid_t from, const struct mon_message *m);
/* All below have voted. */
void two_phase_voted(struct round *r);
/* All below have heard of the outcome. */
void two_phase_ended(struct round *r);
/* The coordinator is gone, and this is how it ends for all; nobody else need hear of it from here. The record goes. */
void two_phase_settle(struct round *r, bool commit);
