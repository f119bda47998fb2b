/*
 * One-phase commit down a tree, with deaths.
 *
 * Models: monitor/agree/one_phase.c, dissemination.c (spread, spread_without) and the one-phase part of resolve.c
 * (RELAY: whoever remembers a dead proposer's round hands it to the lowest living member, which asks all).  One round
 * among PARTIES cores, whose numbers are their places; core COORDINATOR proposes it.
 *
 * Steps, links, trees, exclusion and ticks are as in two_phase.pml.  Abstracted: that a record may be wanting
 * (ACK_ALONE), and that what is remembered may have been overwritten.
 *
 * Checks: the proposer hears of the end after each survivor has heard; a survivor has heard, or none has; while nobody
 * dies each hears exactly once, and exactly one request and one acknowledgement pass for each but the proposer;
 * no line comes where it makes no sense; nobody waits for ever.
 *
 * run: 3 cores and nobody dies, -DPARTIES=3
 * run: 4 cores and nobody dies, -DPARTIES=4
 * run: 3 cores and one dies, -DPARTIES=3 -DDEATHS=1
 * run: 3 cores and two die, -DPARTIES=3 -DDEATHS=2
 * run: 3 cores and two die and core 1 proposes, -DPARTIES=3 -DDEATHS=2 -DCOORDINATOR=1
 * run: 4 cores and one dies, -DPARTIES=4 -DDEATHS=1
 * mutant: those below are not awaited, -DPARTIES=3 -DEARLY_ACK
 * mutant: a dead one's part is not asked, -DPARTIES=3 -DDEATHS=1 -DNO_PASS_OVER
 * mutant: a dead proposer's round is not handed on, -DPARTIES=3 -DDEATHS=1 -DNO_RELAY
 * mutant: each is asked twice, -DPARTIES=3 -DTWICE
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
#define CAPACITY 8
#define TICKS 3

mtype = { AGREE_DO, AGREE_ACK, AGREE_RELAY, AGREE_OUTCOME };
mtype = { ROUND_FREE, ROUND_SPREADING };
mtype = { begin, ask, check, served, resolve_step, relay_begin, reply, out };
mtype = { SEND, GET, COMMIT, GONE, DIE };

chan link[PARTIES * PARTIES] = [CAPACITY] of { mtype, byte, byte };

typedef round {
	mtype state = ROUND_FREE;
	byte lo, hi, parent;
	SET asked, awaited;
	bit recent, relay, relayed; /* struct recent */
	byte ticks;
};
round r[PARTIES];
SET gone[PARTIES];
bit dead[PARTIES];
byte deaths;

/* For the checks. */
byte heard[PARTIES];
bit told;
byte requests, acknowledgements;

#define bit_of(p) (1 << (p))
#define has(set, p) (((set) >> (p)) & 1)
#define member(p) (!has(gone[me], p))
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
		requests = requests + (what == AGREE_DO && !deaths -> 1 : 0);
		acknowledgements = acknowledgements + (what == AGREE_ACK && !deaths -> 1 : 0);
		if
		:: dead[to]
		:: else -> assert(nfull(link[me * PARTIES + to])); link[me * PARTIES + to]!what, v, w
		fi
	fi;
	what = 0; v = 0; w = 0
}

inline range_end()
{
	end = at + 1;
	do
	:: end >= r[me].hi || has(r[me].asked, end) || end == me -> break
	:: else -> end++
	od
}

inline do_ask()
{
	do
	:: at < until && has(r[me].awaited, at) ->
		range_end();
		to = at; what = AGREE_DO; v = at; w = end;
		send();
#ifdef TWICE
		to = at; what = AGREE_DO; v = at; w = end;
		send();
#endif
		at++
	:: at < until && !has(r[me].awaited, at) -> at++
	:: at >= until -> break
	od;
	next = after
}

/* spread(): any heads; the first of those before and behind this core's own place must be one. Who relays asks each. */
inline spread()
{
	at = r[me].lo;
	end = 0;
	do
	:: at < r[me].hi && at == me -> end = 0; at++
	:: at < r[me].hi && at != me && !member(at) -> at++
	:: at < r[me].hi && at != me && member(at) -> r[me].asked = r[me].asked | bit_of(at); end = 1; at++
	:: at < r[me].hi && at != me && member(at) && end && !relaying -> at++
	:: at >= r[me].hi -> break
	od;
	r[me].awaited = r[me].asked
}

/* begin(): first those below are asked, then it is done here; `done`: it is already. */
inline do_begin()
{
	r[me].state = ROUND_SPREADING;
	spread();
	at = r[me].lo; until = r[me].hi; next = ask; after = check
}

inline subject_commit()
{
	if
	:: !dead[me] && !done -> observe(COMMIT, 0, 0, 0, 0); heard[me]++
	:: else
	fi;
	done = true
}

inline do_check()
{
	if
	:: begun -> subject_commit()
	:: else
	fi;
	next = (r[me].awaited == 0 && r[me].state != ROUND_FREE -> served : out);
#ifdef EARLY_ACK
	next = (r[me].state != ROUND_FREE && begun -> served : next)
#endif
}

/* one_phase_served: remember(), or resolve_relayed(); round_finish */
inline do_served()
{
	next = out;
	r[me].recent = 1;
	if
	:: r[me].parent == me && me != COORDINATOR -> r[me].relay = 0; r[me].relayed = 1
	:: r[me].parent == me && me == COORDINATOR ->
		at = 0;
		do
		:: at < PARTIES -> assert(dead[me] || dead[at] || heard[at]); at++
		:: else -> break
		od;
		told = 1
	:: r[me].parent != me ->
		r[me].relay = (is_dead && !r[me].relayed -> 1 : r[me].relay);
		to = r[me].parent; what = AGREE_ACK; v = 0; w = 0; next = reply
	fi;
	r[me].state = ROUND_FREE;
	r[me].asked = 0; r[me].awaited = 0; r[me].lo = 0; r[me].hi = 0; r[me].parent = 0
}

inline one_phase_hear()
{
	if
	:: (r[me].state != ROUND_FREE && (b - a == 1 || r[me].parent == me)) ||
	   (r[me].state == ROUND_FREE && is_dead && r[me].recent) ->
		to = from; what = AGREE_ACK; v = 0; w = 0; next = reply
	:: r[me].state != ROUND_FREE && b - a > 1 && r[me].parent != me -> r[me].parent = from; next = out
	:: r[me].state == ROUND_FREE && !(is_dead && r[me].recent) ->
		r[me].lo = a; r[me].hi = b; r[me].parent = from; begun = true; next = begin
	fi
}

inline acknowledged()
{
	next = out;
	if
	:: r[me].state == ROUND_FREE || !has(r[me].awaited, from) -> assert(is_dead)
	:: else ->
		r[me].awaited = r[me].awaited & ~bit_of(from);
		next = check
	fi
}

inline exclude()
{
	observe(GONE, from, 0, 0, 0);
	gone[me] = gone[me] | bit_of(from);
	next = out;
	later = resolve_step;
	/* resolve_coordinator */
	r[me].relay = (from == COORDINATOR && r[me].recent && !r[me].relayed -> 1 : r[me].relay);
	if
	:: r[me].state != ROUND_FREE && has(r[me].asked, from) ->
		at = from;
		range_end();
		until = end;
		at++;
		commit = has(r[me].awaited, from);
#ifndef NO_PASS_OVER
		do
		:: at < until && member(at) && !has(r[me].asked, at) ->
			r[me].asked = r[me].asked | bit_of(at);
			if
			:: commit ->
				r[me].awaited = r[me].awaited | bit_of(at);
				to = at; what = AGREE_DO; v = at; w = at + 1;
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

/* --- resolve.c ------------------------------------------------------------------------ */

inline settler()
{
	to = 0;
	do
	:: member(to) -> break
	:: else -> to++
	od
}

/* relay_say */
inline do_resolve_step()
{
	next = out;
#ifndef NO_RELAY
	if
	:: r[me].relay && is_dead ->
		settler();
		what = AGREE_RELAY; v = 0; w = 0;
		next = (to == me -> relay_begin : reply)
	:: else
	fi
#endif
}

/* Asks all members, under the name that the round had; not while there is a record of it. */
inline do_relay_begin()
{
	if
	:: r[me].state != ROUND_FREE -> next = out
	:: else ->
		r[me].lo = 0; r[me].hi = PARTIES; r[me].parent = me;
		relaying = true;
		begun = true;
		done = r[me].recent;
		next = begin
	fi
}

inline relay_hear()
{
	if
	:: !is_dead -> next = out
	:: is_dead && r[me].recent && r[me].relayed -> to = from; what = AGREE_OUTCOME; v = 0; w = 0; next = reply
	:: else -> next = relay_begin
	fi
}

/* --- a core --------------------------------------------------------------------------------- */

inline handle()
{
	if
	:: kind == AGREE_DO -> one_phase_hear()
	:: kind == AGREE_ACK -> acknowledged()
	:: kind == AGREE_RELAY -> relay_hear()
	:: kind == AGREE_OUTCOME -> r[me].relay = 0; next = out
	fi
}

inline work()
{
	do
	:: next == begin -> do_begin()
	:: next == ask -> do_ask()
	:: next == check -> do_check()
	:: next == served -> do_served()
	:: next == resolve_step -> do_resolve_step()
	:: next == relay_begin -> do_relay_begin()
	:: next == reply -> send(); next = out
	:: next == out && later == resolve_step -> next = resolve_step; later = 0
	:: next == out && later == 0 -> break
	od;
	from = 0; a = 0; b = 0; at = 0; end = 0; until = 0; to = 0; v = 0; w = 0;
	kind = 0; what = 0; next = 0; after = 0; commit = false; begun = false; done = false; relaying = false
}

#define busy(p) (!dead[p] && (r[p].state != ROUND_FREE || r[p].relay))
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
	mtype kind, what, next, after, later;
	bool commit, begun, done, relaying;

	if
	:: atomic { me == COORDINATOR -> r[me].hi = PARTIES; r[me].parent = me; begun = true; next = begin; work() }
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
	:: atomic { !dead[me] && RUNS && any(learns_of) -> one_of(learns_of); exclude(); work() }
	:: atomic { timeout && busy(me) && RUNS && r[me].ticks < TICKS -> r[me].ticks++; next = resolve_step; work() }
	:: atomic { !dead[me] && may_die -> die() }
	od
}

#ifndef REPLAY
#define idle(p) (p >= PARTIES || !busy(p % PARTIES) || r[p % PARTIES].ticks == TICKS)

/* Nothing happens any more. */
inline check_end()
{
	at = 0;
	do
	:: at < PARTIES ->
		assert(!busy(at));
		assert(deaths || heard[at] == 1);
		some = some | (!dead[at] && heard[at]);
		at++
	:: else -> break
	od;
	at = 0;
	do
	:: at < PARTIES -> assert(dead[at] || !some || heard[at]); at++
	:: else -> break
	od;
	assert(dead[COORDINATOR] || told);
	assert(deaths || (requests == PARTIES - 1 && acknowledgements == PARTIES - 1))
}

init
{
	byte at;
	bit some;

	atomic {
		at = 0;
		do
		:: at < PARTIES -> run core(at); at++
		:: else -> break
		od
	};
	atomic { timeout && idle(0) && idle(1) && idle(2) && idle(3) -> check_end() }
}
#endif
