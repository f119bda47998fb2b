/*
 * The URPC ring with its doorbell, on total-store-order memory.
 *
 * Models: libos/fabric/urpc.h, urpc.c (send, receive, window, kick, sleep, starve), channel_urpc.c (tend) and
 * channel.c (channel_send_lines, room_sleep, receive_sleeping).  Two sides, each one thread.
 *
 * Memory: what a side stores goes into its store buffer, in order, and comes to memory at any later time; loads look
 * at memory at once, since no side reads what it has itself in its buffer but its own position, which has one writer;
 * a fence, and each swap, waits until the buffer is empty.
 *
 * Abstracted: a ring has LINES lines, not 32; positions count messages and do not wrap (so ride_is_fresh always
 * holds); a line is two stores, the payload and the last word; a store buffer holds BUFFER stores; polling before
 * sleeping is left out, which leaves more to the doorbell; closing and hint boards (links.pml) are left out.  A
 * notification is sticky, as the CPU driver's are.
 *
 * Checks: each message is received once and in order; a line is overwritten only after it was read; nobody sleeps
 * for ever (an end that is none: spin's "invalid end state").
 *
 * run: stream 5 messages one way, -DSTREAM=5
 * run: 4 calls and answers, -DCALLS=4
 * run: both sides send 2 and receive 2, three times, -DEXCHANGE=3
 * run: both sides send one and receive one, five times, -DEXCHANGE=5 -DBATCH=1
 * mutant: no fence in urpc_kick, -DCALLS=2 -DNO_KICK_FENCE
 * mutant: no fence before sleeping, -DCALLS=2 -DNO_SLEEP_FENCE
 * mutant: no fence in room_sleep, -DSTREAM=5 -DNO_STARVE_FENCE
 * mutant: the position moves before the line is read, -DSTREAM=5 -DEARLY_POSITION
 * mutant: the last word is stored before the payload, -DSTREAM=3 -DEARLY_LAST
 * mutant: a window of one line more, -DSTREAM=5 -DWIDE
 * mutant: nobody asks whether the peer starves, -DSTREAM=5 -DNO_TEND
 */
#define LINES 2
#define START LINES /* URPC_START: a line of zeroes is no message */
#ifndef BUFFER
#define BUFFER 4
#endif
#ifdef WIDE
#define WINDOW (LINES + 1)
#else
#define WINDOW LINES
#endif
#ifndef BATCH
#define BATCH 2
#endif

mtype = { PAYLOAD, LAST, RECEIVED, ASLEEP, STARVED };

/* Memory: the inbox of side s has lines s * LINES to s * LINES + LINES - 1. */
byte payload[2 * LINES], sequence[2 * LINES], rides[2 * LINES];
byte received[2];
bit asleep[2], starved[2];
chan buffer[2] = [BUFFER] of { mtype, byte, byte, byte };

bit notified[2];

/* struct urpc */
byte sent[2], limit[2], acknowledged[2], position[2]; /* position: own->at.received, as its one writer knows it */

/* What the checks need: the next position whose line the side has not read. */
byte unread[2];

#define peer (1 - me)
#define line_of(side, at) ((side) * LINES + (at) % LINES)
#define inbox_has(at) (sequence[line_of(me, at)] == (at))

inline fence() { empty(buffer[me]) }

inline store(what, at, v, w) { buffer[me]!what, at, v, w }

inline notify() { notified[peer] = 1 }

/* fabric->ops->block */
inline block()
{
	d_step { notified[me] -> notified[me] = 0 }
}

inline window_move(news)
{
	if
	:: news > limit[me] - WINDOW && news <= sent[me] -> limit[me] = news + WINDOW
	:: else
	fi
}

inline urpc_window_open()
{
	d_step {
		acknowledged[me] = position[me];
		window_move(rides[line_of(me, position[me] - 1)])
	};
	if
	:: d_step { limit[me] - sent[me] < WINDOW / 2 -> window_move(received[peer]) }
	:: else
	fi
}

inline urpc_publish()
{
#ifdef EARLY_LAST
	store(LAST, line_of(peer, sent[me]), sent[me], acknowledged[me]);
	store(PAYLOAD, line_of(peer, sent[me]), sent[me], 0);
#else
	store(PAYLOAD, line_of(peer, sent[me]), sent[me], 0);
	store(LAST, line_of(peer, sent[me]), sent[me], acknowledged[me]);
#endif
	sent[me]++
}

/* ok: it was sent. */
inline urpc_send(ok)
{
	if
	:: sent[me] == limit[me] -> urpc_window_open()
	:: else
	fi;
	if
	:: sent[me] != limit[me] -> urpc_publish(); ok = true
	:: else -> ok = false
	fi
}

inline urpc_kick()
{
	acknowledged[me] = position[me];
#ifndef NO_KICK_FENCE
	fence();
#endif
	if
	:: asleep[peer] -> /* urpc_claim_wakeup: a swap */
		if
		:: atomic { empty(buffer[me]) && asleep[peer] -> asleep[peer] = 0; notify() }
		:: atomic { empty(buffer[me]) && !asleep[peer] -> skip }
		fi
	:: !asleep[peer]
	fi
}

/* channel_urpc_tend, the part of a peer that waits for room: urpc_peer_starved */
inline tend()
{
#ifndef NO_TEND
	if
	:: starved[peer] ->
		if
		:: atomic { empty(buffer[me]) && starved[peer] -> starved[peer] = 0; notify() }
		:: atomic { empty(buffer[me]) && !starved[peer] -> skip }
		fi
	:: !starved[peer]
	fi
#else
	skip
#endif
}

inline room_sleep(ok)
{
	store(STARVED, me, 1, 0);
#ifndef NO_STARVE_FENCE
	fence();
#endif
	urpc_window_open();
	if
	:: sent[me] == limit[me] -> tend(); block()
	:: else
	fi;
	store(STARVED, me, 0, 0)
}

inline channel_send_lines(lines)
{
	done = 0;
	do
	:: done < lines ->
		urpc_send(ok);
		if
		:: ok -> done++
		:: else ->
			tend();
			urpc_kick();
			urpc_window_open();
			do
			:: sent[me] == limit[me] -> tend(); room_sleep(ok); urpc_window_open()
			:: else -> break
			od
		fi
	:: else -> break
	od;
	urpc_kick()
}

/* urpc_receive, of a message that is there. */
inline take()
{
#ifdef EARLY_POSITION
	store(RECEIVED, me, position[me] + 1, 0);
	d_step {
		assert(payload[line_of(me, position[me])] == position[me]);
		unread[me] = position[me] + 1
	};
#else
	d_step {
		assert(payload[line_of(me, position[me])] == position[me]);
		unread[me] = position[me] + 1
	};
	store(RECEIVED, me, position[me] + 1, 0);
#endif
	position[me]++
}

inline receive_sleeping()
{
	do
	:: inbox_has(position[me]) -> take(); break
	:: !inbox_has(position[me]) ->
		store(ASLEEP, me, 1, 0);
#ifndef NO_SLEEP_FENCE
		fence();
#endif
		tend();
		if
		:: inbox_has(position[me])
		:: !inbox_has(position[me]) -> block()
		fi;
		store(ASLEEP, me, 0, 0)
	od
}

/* channel_receive_wait */
inline receive_wait(lines)
{
	done = 0;
	do
	:: done < lines ->
		if
		:: inbox_has(position[me]) -> take()
		:: !inbox_has(position[me]) -> tend(); receive_sleeping()
		fi;
		done++
	:: else -> break
	od
}

/* The stores of a side come to memory. */
proctype memory(bit me)
{
	mtype what;
	byte at, v, w;

end:	do
	:: atomic {
		buffer[me]?what, at, v, w;
		if
		:: what == PAYLOAD -> assert(v < unread[peer] + LINES); payload[at] = v
		:: what == LAST -> sequence[at] = v; rides[at] = w
		:: what == RECEIVED -> received[me] = v
		:: what == ASLEEP -> asleep[me] = v
		:: what == STARVED -> starved[me] = v
		fi;
		what = 0; at = 0; v = 0; w = 0
	}
	od
}

proctype side(bit me)
{
	byte done, rounds;
	bool ok;

#ifdef STREAM
	if
	:: me == 0 -> channel_send_lines(STREAM)
	:: else -> receive_wait(STREAM)
	fi
#endif
#ifdef CALLS
	do
	:: rounds < CALLS ->
		if
		:: me == 0 -> channel_send_lines(1); receive_wait(1)
		:: else -> receive_wait(1); channel_send_lines(1)
		fi;
		rounds++
	:: else -> break
	od
#endif
#ifdef EXCHANGE
	do
	:: rounds < EXCHANGE -> channel_send_lines(BATCH); receive_wait(BATCH); rounds++
	:: else -> break
	od
#endif
}

inline side_init(me)
{
	received[me] = START;
	position[me] = START;
	unread[me] = START;
	sent[me] = START;
	limit[me] = START + WINDOW;
	acknowledged[me] = START
}

init
{
	atomic {
		side_init(0);
		side_init(1);
		run memory(0);
		run memory(1);
		run side(0);
		run side(1)
	}
}
