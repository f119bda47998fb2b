/*
 * Two-phase commit down a tree, with deaths, and how those in doubt learn the outcome.
 *
 * Models: monitor/agree/two_phase.c, dissemination.c (spread, spread_again, spread_without), resolve.c (DOUBT,
 * SUBJECT_KNOWN, SUBJECT_DECIDE, OUTCOME) and what membership.c does with rounds when a core is excluded.  One
 * round among PARTIES cores, whose numbers are their places; core COORDINATOR proposes it.
 *
 * A message handler is one step, as in the monitor (a loop over the functions still to be called, each written once);
 * a core can die before it and at each of its sends.  Links keep their order.  The tree is any: who spreads a range asks any of those in it, each for the part behind it.
 *
 * Abstracted: the exclusion of a dead core is not a round here; each survivor learns of it at any time after the
 * death, one before the other, as the COMMIT of SUBJECT_EXCLUDE comes (the fence makes sure that it is dead before
 * the first).  KNOWN and DECIDE ask each member directly.  A tick comes when nothing else happens.
 *
 * Checks: all survivors that decide decide the same; never to commit when one has refused; the proposer hears of the
 * end after all survivors have heard; no line comes where it makes no sense; nobody waits for ever.
 *
 * run: 3 cores and nobody dies, -DPARTIES=3
 * run: 3 cores and one dies, -DPARTIES=3 -DDEATHS=1
 * run: 3 cores and one dies and core 1 proposes, -DPARTIES=3 -DDEATHS=1 -DCOORDINATOR=1
 * run: 3 cores and two die, -DPARTIES=3 -DDEATHS=2
 * run: 3 cores and two die and core 2 proposes, -DPARTIES=3 -DDEATHS=2 -DCOORDINATOR=2
 * run: 4 cores and nobody dies, -DPARTIES=4
 * run: 4 cores and one dies, -DPARTIES=4 -DDEATHS=1
 * run: 4 cores and one dies and core 2 proposes, -DPARTIES=4 -DDEATHS=1 -DCOORDINATOR=2
 * soak: 4 cores and two die, -DPARTIES=4 -DDEATHS=2
 * mutant: who does not know of the death says that it knows nothing, -DPARTIES=3 -DDEATHS=1 -DNAIVE_KNOWN
 * mutant: a question that comes after the end is taken for a new one, -DPARTIES=3 -DDEATHS=1 -DLATE_PREPARE
 * mutant: a late question makes the dead one the parent, -DPARTIES=4 -DDEATHS=1 -DLATE_PARENT -DALL_YES
 * mutant: in doubt one aborts alone, -DPARTIES=3 -DDEATHS=1 -DABORT_ALONE
 * mutant: a dead one's part is not asked, -DPARTIES=3 -DDEATHS=1 -DNO_PASS_OVER
 * mutant: nobody asks how it ended, -DPARTIES=3 -DDEATHS=1 -DNO_DOUBT
 * mutant: the votes from below are not awaited, -DPARTIES=3 -DEARLY_VOTE
 */
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef COORDINATOR
#define COORDINATOR 0
#endif
#ifndef SET
#define SET byte
#endif
#define CAPACITY 6
#define TICKS 3

mtype = { AGREE_PREPARE, AGREE_COMMIT, AGREE_ABORT, AGREE_ACK, AGREE_DOUBT, AGREE_OUTCOME, KNOWN, DECIDE,
	  KNOWN_ACK, DECIDE_ACK };
mtype = { ROUND_FREE, ROUND_PREPARING, ROUND_PREPARED, ROUND_REFUSED, ROUND_COMMITTING, ROUND_ABORTING };
mtype = { OUTCOME_UNKNOWN, OUTCOME_COMMITTED, OUTCOME_ABORTED, NOT_YET };
/* Functions still to be called. */
mtype = { prepare_begin, ask, check, voted, round_decide, decided, ended, answered, settle, settle_ask, settle_known,
	  decide, resolve_step, reply, out };
mtype = { SEND, GET, VOTE, COMMIT, ABORT, GONE, DIE }; /* what a trace tells */

/* kind, two numbers: lo and hi of a request; kind and error of an acknowledgement. */
chan link[PARTIES * PARTIES] = [CAPACITY] of { mtype, byte, byte };

typedef round {
	mtype state = ROUND_FREE;
	byte lo, hi, parent;
	SET asked, awaited;
	mtype kind;
	bit err, prepared;
	mtype outcome = OUTCOME_UNKNOWN; /* struct recent */
	/* of the settler: who has not answered, to what, and what is known so far */
	SET settling;
	mtype settle_kind, known;
	byte ticks;
};
round r[PARTIES];

SET gone[PARTIES]; /* membership_gone */
bit dead[PARTIES];
byte deaths;

/* For the checks. */
bit voted_no[PARTIES];
mtype did[PARTIES] = OUTCOME_UNKNOWN;
bit told;

#define bit_of(p) (1 << (p))
#define has(set, p) (((set) >> (p)) & 1)
#define member(p) (!has(gone[me], p))
#define EVERYBODY ((1 << PARTIES) - 1)
#define is_dead has(gone[me], COORDINATOR)

#ifdef REPLAY
#include "replay.h"
#define may_die false
#else
#define observe(event, p, q, v, w) printf("core %d: %e %d %e %d\n", me, event, p, q, v)
#define RUNS true
#define may_die (deaths < DEATHS)
#endif

inline die()
{
	observe(DIE, 0, 0, 0, 0);
	dead[me] = 1;
	deaths++
}

inline send()
{
	if
	:: !dead[me] && may_die -> die()
	:: !dead[me]
	:: dead[me]
	fi;
	if
	:: dead[me] || !member(to)
	:: else ->
		observe(SEND, to, what, v, w);
		if
		:: dead[to]
		:: else -> assert(nfull(link[me * PARTIES + to])); link[me * PARTIES + to]!what, v, w
		fi
	fi;
	what = 0; v = 0; w = 0
}

/* Where the range of the one asked at `at` ends: at the next one asked, this core's own place, or its range's end. */
inline range_end()
{
	end = at + 1;
	do
	:: end >= r[me].hi || has(r[me].asked, end) || end == me -> break
	:: else -> end++
	od
}

/* Sends to those awaited at places from `at` to `until`. */
inline do_ask()
{
	do
	:: at < until && has(r[me].awaited, at) ->
		range_end();
		to = at; what = r[me].kind; v = at; w = end;
		send();
		at++
	:: at < until && !has(r[me].awaited, at) -> at++
	:: at >= until -> break
	od;
	next = after
}

/* spread(): any heads; the first of those before and behind this core's own place must be one. */
inline spread()
{
	at = r[me].lo;
	end = 0; /* 1: there is a head for those that follow */
	do
	:: at < r[me].hi && at == me -> end = 0; at++
	:: at < r[me].hi && at != me && !member(at) -> at++
	:: at < r[me].hi && at != me && member(at) -> r[me].asked = r[me].asked | bit_of(at); end = 1; at++
	:: at < r[me].hi && at != me && member(at) && end -> at++ /* behind the one asked before */
	:: at >= r[me].hi -> break
	od;
	r[me].awaited = r[me].asked
}

/* subject_prepare, then all below are asked; who refuses asks nobody. */
inline do_prepare_begin()
{
	r[me].state = ROUND_PREPARING;
	r[me].kind = AGREE_PREPARE;
	if
	:: r[me].prepared = 1
#ifndef ALL_YES
	:: r[me].err = 1; voted_no[me] = 1
#endif
	fi;
	observe(VOTE, r[me].prepared, 0, 0, 0);
	if
	:: r[me].prepared -> spread()
	:: else
	fi;
	at = r[me].lo; until = r[me].hi; next = ask; after = check;
#ifdef EARLY_VOTE
	if
	:: me != COORDINATOR -> after = voted
	:: else
	fi
#endif
}

/* All below have answered: served() */
inline do_check()
{
	if
	:: r[me].awaited != 0 || r[me].state == ROUND_FREE -> next = out
	:: r[me].awaited == 0 && r[me].state == ROUND_PREPARING -> next = voted
	:: r[me].awaited == 0 && (r[me].state == ROUND_COMMITTING || r[me].state == ROUND_ABORTING) -> next = ended
	:: else -> next = out
	fi
}

/* two_phase_voted */
inline do_voted()
{
	if
	:: r[me].parent == me -> commit = !r[me].err; next = round_decide
	:: else ->
		r[me].state = (r[me].err -> ROUND_REFUSED : ROUND_PREPARED);
		to = r[me].parent; what = AGREE_ACK; v = AGREE_PREPARE; w = r[me].err; next = reply
	fi
}

/* round_commit, round_abort: first all that were asked are told */
inline do_round_decide()
{
	r[me].state = (commit -> ROUND_COMMITTING : ROUND_ABORTING);
	r[me].kind = (commit -> AGREE_COMMIT : AGREE_ABORT);
	r[me].awaited = r[me].asked;
	at = 0; until = PARTIES; next = ask; after = decided
}

/* What is decided here must be what every survivor that has decided knows. */
inline agrees(outcome, other)
{
	did[me] = outcome;
	at = 0;
	do
	:: at < PARTIES ->
		assert(dead[at] || did[at] != other);
		assert(dead[at] || outcome != OUTCOME_COMMITTED || !voted_no[at]);
		at++
	:: else -> break
	od
}

inline do_decided()
{
	if
	:: dead[me]
	:: !dead[me] && commit -> observe(COMMIT, 0, 0, 0, 0); agrees(OUTCOME_COMMITTED, OUTCOME_ABORTED)
	:: !dead[me] && !commit && r[me].prepared ->
		observe(ABORT, 0, 0, 0, 0);
		agrees(OUTCOME_ABORTED, OUTCOME_COMMITTED)
	:: else
	fi;
	r[me].outcome = (commit -> OUTCOME_COMMITTED : OUTCOME_ABORTED);
	next = check;
	if
	:: settled -> round_free(); next = out
	:: else
	fi
}

inline round_free()
{
	r[me].state = ROUND_FREE;
	r[me].asked = 0; r[me].awaited = 0; r[me].lo = 0; r[me].hi = 0;
	r[me].err = 0; r[me].prepared = 0; r[me].parent = 0; r[me].kind = 0
}

/* two_phase_ended, round_finish: who asked is told, or it is the proposer who hears that all have heard. */
inline do_ended()
{
	if
	:: r[me].parent != me ->
		to = r[me].parent; what = AGREE_ACK; v = r[me].kind; w = r[me].err; next = reply
	:: else ->
		at = 0;
		do
		:: at < PARTIES ->
			assert(dead[me] || dead[at] || at == me ||
			       (did[me] == OUTCOME_COMMITTED -> did[at] == OUTCOME_COMMITTED :
				!r[at].prepared || did[at] == OUTCOME_ABORTED));
			at++
		:: else -> break
		od;
		told = 1;
		next = out
	fi;
	round_free()
}

/* --- what comes ------------------------------------------------------------------------ */

/* Of a dead one's rounds none is begun any more; and a question that comes after the end is an old one. */
#ifdef LATE_PREPARE
#define refuses is_dead
#else
#define refuses (is_dead || r[me].outcome != OUTCOME_UNKNOWN)
#endif

/*
 * Asked already, and now for itself alone: by one who asks those below too, since who asked first is dead. What comes
 * late from the dead one changes nothing.
 */
#ifdef LATE_PARENT
#define alone_is_enough false
#else
#define alone_is_enough (from != r[me].parent)
#endif

inline two_phase_prepare()
{
	if
	:: r[me].state != ROUND_FREE ->
#ifdef LATE_PARENT
		r[me].parent = from;
#endif
		if
		:: r[me].state == ROUND_PREPARED || r[me].state == ROUND_REFUSED || (b - a == 1 && alone_is_enough) ->
			to = from; what = AGREE_ACK; v = AGREE_PREPARE; w = r[me].err; next = reply
		:: else -> next = out
		fi
	:: r[me].state == ROUND_FREE && refuses ->
		to = from; what = AGREE_ACK; v = AGREE_PREPARE; w = (r[me].outcome != OUTCOME_COMMITTED); next = reply
	:: r[me].state == ROUND_FREE && !refuses ->
		r[me].lo = a; r[me].hi = b; r[me].parent = from; next = prepare_begin
	fi
}

inline two_phase_outcome()
{
	assert(!(r[me].state == ROUND_REFUSED && kind == AGREE_COMMIT));
	if
	:: r[me].state == ROUND_FREE -> to = from; what = AGREE_ACK; v = kind; w = 0; next = reply
	:: r[me].state == ROUND_PREPARING || r[me].state == ROUND_PREPARED || r[me].state == ROUND_REFUSED ->
		r[me].parent = from;
		r[me].err = 0;
		commit = (kind == AGREE_COMMIT);
		next = round_decide
	:: r[me].state == ROUND_COMMITTING || r[me].state == ROUND_ABORTING ->
#ifdef LATE_PARENT
		r[me].parent = from; next = out
#else
		to = from; what = AGREE_ACK; v = kind; w = 0; next = (b - a == 1 && from != r[me].parent -> reply : out)
#endif
	fi
}

inline acknowledged()
{
	next = out;
	if
	:: r[me].state == ROUND_FREE || r[me].kind != a || !has(r[me].awaited, from) ->
#ifndef EARLY_VOTE
		assert(is_dead || (a == AGREE_PREPARE && r[me].kind != AGREE_PREPARE))
#else
		skip
#endif
	:: else ->
		r[me].err = r[me].err | b;
		r[me].awaited = r[me].awaited & ~bit_of(from);
		next = check
	fi
}

/* exclude_one, with spread_without; then what was asked of it to settle, then what is in doubt now */
inline exclude()
{
	observe(GONE, from, 0, 0, 0);
	gone[me] = gone[me] | bit_of(from);
	later = answered;
	next = out;
	if
	:: r[me].state != ROUND_FREE && has(r[me].asked, from) ->
		at = from;
		range_end();
		until = end;
		at++;
		commit = has(r[me].awaited, from); /* now, or with the outcome? */
#ifndef NO_PASS_OVER
		do
		:: at < until && member(at) && !has(r[me].asked, at) ->
			r[me].asked = r[me].asked | bit_of(at);
			if
			:: commit ->
				r[me].awaited = r[me].awaited | bit_of(at);
				to = at; what = r[me].kind; v = at; w = at + 1;
				send()
			:: else
			fi;
			at++
		:: at < until && (!member(at) || has(r[me].asked, at)) -> at++
		:: at >= until -> break
		od;
#endif
		r[me].asked = r[me].asked & ~bit_of(from);
		r[me].awaited = r[me].awaited & ~bit_of(from);
		if
		:: commit -> next = check
		:: else
		fi
	:: else
	fi
}

/* --- resolve.c -------------------------------------------------------------------------- */

inline outcome_known()
{
	if
	:: r[me].state == ROUND_COMMITTING -> outcome = OUTCOME_COMMITTED
	:: r[me].state == ROUND_ABORTING || r[me].state == ROUND_REFUSED -> outcome = OUTCOME_ABORTED
	:: else -> outcome = r[me].outcome
	fi
}

/* decide(), with two_phase_settle */
inline do_decide()
{
	next = out;
	if
	:: r[me].state == ROUND_PREPARING || r[me].state == ROUND_PREPARED || r[me].state == ROUND_REFUSED ->
		r[me].asked = 0;
		settled = true;
		next = round_decide
	:: r[me].state == ROUND_FREE && r[me].outcome == OUTCOME_UNKNOWN ->
		r[me].outcome = (commit -> OUTCOME_COMMITTED : OUTCOME_ABORTED)
	:: else
	fi
}

/* SUBJECT_KNOWN, SUBJECT_DECIDE: one_phase, to each directly */
inline do_settle_ask()
{
	r[me].settling = EVERYBODY & ~gone[me] & ~bit_of(me);
	at = 0;
	do
	:: at < PARTIES && has(r[me].settling, at) ->
		to = at; what = r[me].settle_kind; v = commit;
		send();
		at++
	:: at < PARTIES && !has(r[me].settling, at) -> at++
	:: at >= PARTIES -> break
	od;
	if
	:: r[me].settle_kind == KNOWN ->
		outcome_known();
		r[me].known = outcome;
		next = (r[me].settling -> out : settle_known)
	:: else ->
		next = decide;
		if
		:: r[me].settling == 0 -> r[me].settle_kind = 0; r[me].known = 0
		:: else
		fi
	fi
}

/* settle(), if this core is not at it */
inline do_settle()
{
	if
	:: r[me].settle_kind == 0 -> r[me].settle_kind = KNOWN; commit = false; next = settle_ask
	:: else -> next = out
	fi
}

/* known(): all have said what they know. What is not known yet is asked again at the next tick. */
inline do_settle_known()
{
	if
	:: r[me].known == NOT_YET -> r[me].settle_kind = 0; r[me].known = 0; next = out
	:: else ->
		commit = (r[me].known == OUTCOME_COMMITTED);
		r[me].settle_kind = DECIDE;
		next = settle_ask
	fi
}

/* The first answer that is not nothing counts, as of a round's errors. */
inline do_answered()
{
	next = out;
	if
	:: r[me].settle_kind != 0 && has(r[me].settling, from) ->
		if
		:: r[me].settle_kind == KNOWN && r[me].known == OUTCOME_UNKNOWN && kind == KNOWN_ACK -> r[me].known = a
		:: else
		fi;
		r[me].settling = r[me].settling & ~bit_of(from);
		if
		:: r[me].settling == 0 && r[me].settle_kind == KNOWN -> next = settle_known
		:: r[me].settling == 0 && r[me].settle_kind == DECIDE -> r[me].settle_kind = 0; r[me].known = 0
		:: else
		fi
	:: else
	fi
}

/* The lowest living member, who settles. */
inline settler()
{
	to = 0;
	do
	:: member(to) -> break
	:: else -> to++
	od
}

/* resolve_step, resolve_round, doubt_say */
inline do_resolve_step()
{
	next = out;
#ifndef NO_DOUBT
	if
	:: me == COORDINATOR || r[me].state == ROUND_FREE || (!is_dead && member(r[me].parent))
	:: me != COORDINATOR && is_dead && r[me].state == ROUND_REFUSED -> commit = false; next = decide
	:: me != COORDINATOR && r[me].state != ROUND_FREE && (is_dead || !member(r[me].parent)) &&
	   (r[me].state == ROUND_PREPARED || r[me].state == ROUND_PREPARING ||
	    (!is_dead && r[me].state == ROUND_REFUSED)) ->
#ifdef ABORT_ALONE
		commit = false; next = decide
#else
		to = COORDINATOR;
		if
		:: is_dead -> settler()
		:: else
		fi;
		what = AGREE_DOUBT; v = 0; w = 0;
		next = (to == me -> settle : reply)
#endif
	:: else
	fi
#endif
}

inline doubt_hear()
{
	outcome_known();
	if
	:: !is_dead && (me != COORDINATOR || (outcome == OUTCOME_UNKNOWN && r[me].state != ROUND_FREE)) -> next = out
	:: (me == COORDINATOR && (outcome != OUTCOME_UNKNOWN || r[me].state == ROUND_FREE)) ||
	   (is_dead && outcome != OUTCOME_UNKNOWN) ->
		to = from; what = AGREE_OUTCOME; v = (outcome == OUTCOME_COMMITTED); w = 0; next = reply
	:: else -> next = settle
	fi
}

/* resolve_known: who does not know of the death may still hear of the outcome, so its "nothing" says nothing. */
inline known_hear()
{
	outcome_known();
#ifndef NAIVE_KNOWN
	if
	:: outcome == OUTCOME_UNKNOWN && !is_dead -> outcome = NOT_YET
	:: else
	fi;
#endif
	to = from; what = KNOWN_ACK; v = outcome; w = 0; next = reply
}

/* resolve_decide */
inline decide_hear()
{
	later = reply;
	commit = a;
	next = (is_dead -> decide : out)
}

/* --- a core --------------------------------------------------------------------------------- */

inline handle()
{
	if
	:: kind == AGREE_PREPARE -> two_phase_prepare()
	:: kind == AGREE_COMMIT || kind == AGREE_ABORT -> two_phase_outcome()
	:: kind == AGREE_ACK -> acknowledged()
	:: kind == AGREE_DOUBT -> doubt_hear()
	:: kind == AGREE_OUTCOME -> commit = a; next = decide
	:: kind == KNOWN -> known_hear()
	:: kind == DECIDE -> decide_hear()
	:: kind == KNOWN_ACK || kind == DECIDE_ACK -> next = answered
	fi
}

/* One function after the other, to the end of the handler. */
inline work()
{
	do
	:: next == prepare_begin -> do_prepare_begin()
	:: next == ask -> do_ask()
	:: next == check -> do_check()
	:: next == voted -> do_voted()
	:: next == round_decide -> do_round_decide()
	:: next == decided -> do_decided()
	:: next == ended -> do_ended()
	:: next == answered -> do_answered()
	:: next == settle -> do_settle()
	:: next == settle_ask -> do_settle_ask()
	:: next == settle_known -> do_settle_known()
	:: next == decide -> do_decide()
	:: next == resolve_step -> do_resolve_step()
	:: next == reply -> send(); next = out
	:: next == out && later == answered -> next = answered; later = resolve_step
	:: next == out && later == resolve_step -> next = resolve_step; later = 0; settled = false
	:: next == out && later == reply -> to = from; what = DECIDE_ACK; v = 0; w = 0; next = reply; later = 0
	:: next == out && later == 0 -> break
	od;
	from = 0; a = 0; b = 0; at = 0; end = 0; until = 0; to = 0; v = 0; w = 0;
	kind = 0; what = 0; outcome = 0; next = 0; after = 0; commit = false; settled = false
}

#define busy(p) (!dead[p] && (r[p].state != ROUND_FREE || r[p].settle_kind != 0))

#define comes_from(p) (p < PARTIES && nempty(link[(p % PARTIES) * PARTIES + me]))
#define learns_of(p) (p < PARTIES && dead[p % PARTIES] && member(p))

#define any(what) (what(0) || what(1) || what(2) || what(3) || what(4) || what(5) || what(6) || what(7))
#define one_of(what) \
	if \
	:: what(0) -> from = 0 \
	:: what(1) -> from = 1 \
	:: what(2) -> from = 2 \
	:: what(3) -> from = 3 \
	:: what(4) -> from = 4 \
	:: what(5) -> from = 5 \
	:: what(6) -> from = 6 \
	:: what(7) -> from = 7 \
	fi

proctype core(byte me)
{
	byte from, a, b, at, end, until, to, v, w;
	mtype kind, what, outcome, next, after, later;
	bool commit, settled;

	if
	:: atomic { me == COORDINATOR -> r[me].hi = PARTIES; r[me].parent = me; next = prepare_begin; work() }
	:: me != COORDINATOR
	fi;
end_of_work:
	do
	:: atomic {
		!dead[me] && RUNS && any(comes_from) ->
		one_of(comes_from);
		link[from * PARTIES + me]?kind, a, b;
		next = out;
		if
		:: member(from) -> observe(GET, from, kind, a, b); handle()
		:: else
		fi;
		work()
	   }
	:: atomic {
		!dead[me] && RUNS && any(learns_of) ->
		one_of(learns_of);
		exclude();
		work()
	   }
	:: atomic { timeout && busy(me) && RUNS && r[me].ticks < TICKS -> r[me].ticks++; next = resolve_step; work() }
	:: atomic { !dead[me] && may_die -> die() }
	od
}

#ifndef REPLAY
/* Nothing happens any more: nobody is left in the midst of something, and all know the same. */
inline check_end()
{
	at = 0;
	do
	:: at < PARTIES ->
		assert(dead[at] || !busy(at));
		assert(dead[at] || did[at] == OUTCOME_UNKNOWN || all == OUTCOME_UNKNOWN || did[at] == all);
		assert(deaths || no || did[at] == OUTCOME_COMMITTED);
		if
		:: !dead[at] && did[at] != OUTCOME_UNKNOWN -> all = did[at]
		:: else
		fi;
		at++
	:: else -> break
	od;
	at = 0;
	do
	:: at < PARTIES -> assert(dead[at] || all != OUTCOME_COMMITTED || did[at] == OUTCOME_COMMITTED); at++
	:: else -> break
	od;
	assert(dead[COORDINATOR] || told)
}

#define idle(p) (p >= PARTIES || !busy(p % PARTIES) || r[p % PARTIES].ticks == TICKS)

init
{
	byte at, no;
	mtype all = OUTCOME_UNKNOWN;

	atomic {
		at = 0;
		do
		:: at < PARTIES -> run core(at); at++
		:: else -> break
		od
	};
	atomic {
		timeout && idle(0) && idle(1) && idle(2) && idle(3) ->
		at = 0;
		do
		:: at < PARTIES -> no = no | voted_no[at]; at++
		:: else -> break
		od;
		check_end()
	}
}
#endif
