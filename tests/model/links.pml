/*
 * Links between monitors: a board that says in one place who has sent, and that its owner sleeps.
 *
 * Models: monitor/links.c (links_kick, hints_poll, link_poll, links_sleep, links_wake), over the ring of
 * libos/fabric/urpc.h, on total-store-order memory as in urpc.pml.  SENDERS monitors send to one, which only receives.
 *
 * Abstracted: a ring has LINES lines, and as many are taken in a turn (TURN_MAX); a message is one store, since
 * urpc.pml has shown the rest; what rides along is left out, so room is learned of from the position alone; each
 * sender has a hint byte of its own, in its own word; links are up.
 *
 * Checks: every message is received, in order; nobody sleeps for ever.
 *
 * run: 2 senders of 2 messages, -DSENDERS=2 -DMESSAGES=2
 * run: 1 sender of 5 messages, -DSENDERS=1 -DMESSAGES=5
 * soak: 1 sender of 12 messages, -DSENDERS=1 -DMESSAGES=12
 * mutant: no fence in links_kick, -DSENDERS=1 -DMESSAGES=2 -DNO_KICK_FENCE
 * mutant: no fence in links_sleep, -DSENDERS=1 -DMESSAGES=2 -DNO_SLEEP_FENCE
 * mutant: no fence after a hint is cleared, -DSENDERS=1 -DMESSAGES=2 -DNO_HINT_FENCE
 * mutant: only a turn that found something asks who waits for room, -DSENDERS=1 -DMESSAGES=5 -DONLY_BUSY
 * mutant: a turn that took all it may is the last one, -DSENDERS=1 -DMESSAGES=5 -DNO_MORE
 */
#define LINES 2
#define BUFFER 4
#define RECEIVER SENDERS

mtype = { LINE, HINT, POSITION, ASLEEP, STARVED };

/* Memory. Rings and positions are by sender; each has a doorbell for `starved`. */
byte sequence[SENDERS * LINES];
byte received[SENDERS];
bit hint[SENDERS], starved[SENDERS], asleep;
chan buffer[SENDERS + 1] = [BUFFER] of { mtype, byte, byte };
bit notified[SENDERS + 1];

#define fence() empty(buffer[me])
#define store(what, at, v) buffer[me]!what, at, v

proctype memory(byte me)
{
	mtype what;
	byte at, v;

end:	do
	:: atomic {
		buffer[me]?what, at, v;
		if
		:: what == LINE -> assert(v <= received[me] + LINES); sequence[at] = v
		:: what == HINT -> hint[at] = v
		:: what == POSITION -> received[at] = v
		:: what == ASLEEP -> asleep = v
		:: what == STARVED -> starved[me] = v
		fi;
		what = 0; at = 0; v = 0
	}
	od
}

inline block() { d_step { notified[me] -> notified[me] = 0 } }

/* --- the one that receives ------------------------------------------------------------ */

/* A hint as its clearer sees it: what it has itself stored and is not in memory yet comes first. */
#define sees_hint(l) (own_hint[l] || hint[l])

inline link_poll(l)
{
	n = 0;
	do
	:: n < LINES && sequence[(l) * LINES + position[l] % LINES] == position[l] + 1 ->
		position[l]++;
		store(POSITION, l, position[l]);
		n++
	:: n < LINES && sequence[(l) * LINES + position[l] % LINES] != position[l] + 1 -> break
	:: n == LINES -> break
	od;
#ifndef NO_MORE
	if
	:: n == LINES -> own_hint[l] = 1 /* there may be more */
	:: else
	fi;
#endif
	/* urpc_peer_starved, with a swap */
	if
#ifdef ONLY_BUSY
	:: n && starved[l] ->
#else
	:: starved[l] ->
#endif
		if
		:: atomic { fence() && starved[l] -> starved[l] = 0; notified[l] = 1 }
		:: atomic { fence() && !starved[l] -> skip }
		fi
#ifdef ONLY_BUSY
	:: !(n && starved[l])
#else
	:: !starved[l]
#endif
	fi
}

inline hints_poll()
{
	l = 0;
	do
	:: l < SENDERS && sees_hint(l) ->
		own_hint[l] = 0;
		store(HINT, l, 0);
#ifndef NO_HINT_FENCE
		fence();
#endif
		link_poll(l);
		l++
	:: l < SENDERS && !sees_hint(l) -> l++
	:: l >= SENDERS -> break
	od
}

proctype receiver(byte me)
{
	byte position[SENDERS], l, n;
	bit own_hint[SENDERS];

end_of_work:
	do
	:: hints_poll();
		store(ASLEEP, 0, 1);
#ifndef NO_SLEEP_FENCE
		fence();
#endif
		l = 0;
		do
		:: l < SENDERS && !sees_hint(l) -> l++
		:: l < SENDERS && sees_hint(l) -> break
		:: l == SENDERS -> break
		od;
		if
		:: l == SENDERS ->
end_of_sleep:		block()
		:: else
		fi;
		store(ASLEEP, 0, 0);
		l = 0; n = 0
	od
}

/* --- those that send ------------------------------------------------------------------- */

inline links_kick()
{
	store(HINT, me, 1);
#ifndef NO_KICK_FENCE
	fence();
#endif
	if
	:: asleep ->
		if
		:: atomic { fence() && asleep -> asleep = 0; notified[RECEIVER] = 1 }
		:: atomic { fence() && !asleep -> skip }
		fi
	:: !asleep
	fi
}

/* links_poll and links_sleep of one who has MESSAGES to send: some that there is room for, a kick; or it sleeps. */
proctype sender(byte me)
{
	byte sent, limit = LINES;
	bool some;

	do
	:: sent == MESSAGES -> break
	:: sent < MESSAGES ->
		limit = received[me] + LINES;
		some = false;
		do
		:: sent < MESSAGES && sent < limit -> sent++; store(LINE, me * LINES + (sent - 1) % LINES, sent); some = true
		:: some || sent == MESSAGES || sent == limit -> break
		od;
		if
		:: some -> links_kick()
		:: else
		fi;
		if
		:: sent < MESSAGES && sent == limit ->
			store(STARVED, me, 1);
			fence();
			if
			:: received[me] + LINES > sent
			:: received[me] + LINES <= sent -> block()
			fi;
			store(STARVED, me, 0)
		:: else
		fi
	od
}

init
{
	byte i;

	atomic {
		do
		:: i < SENDERS -> run memory(i); run sender(i); i++
		:: else -> break
		od;
		run memory(RECEIVER);
		run receiver(RECEIVER)
	};
	/* When nothing happens any more all has been received. */
	i = 0;
	atomic {
		timeout ->
		do
		:: i < SENDERS -> assert(received[i] == MESSAGES); i++
		:: else -> break
		od
	}
}
