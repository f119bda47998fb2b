/*
 * One object that several cores share: copy, release, give, return and revoke against each other.
 *
 * Models: monitor/caps (share.c, release.c, carve.c, revoke.c and their messages in wire.h) as docs/capabilities.md,
 * "Other cores", tells them.  CORES cores; core 0 owns the object, a block of RAM in which one child can be made for
 * another core (CARVE) and come back (RETURN).  On each core processes copy, retype and revoke, one request at a time
 * and OPS in all, and delete at any time.
 *
 * Handlers are one step; links keep their order.  Abstracted: rights, slots, several objects (a revoke waits for
 * descendants only, so one child stands for all), moves of ownership, deaths, and the CPU driver, whose own revoke
 * takes everything on one core at once.
 *
 * Checks: when a revoke is answered there is no capability on any core, nor one on its way, but the asker's own; a
 * block is used again, whole or its child, only when no core has a capability to it; what a core gives back was sent
 * to it; every request is answered.
 *
 * run: 3 cores and one request each, -DOPS=1
 * run: 3 cores and two requests of 2 of them, -DOPS=2 -DACTIVE=2
 * soak: 3 cores and two requests each, -DOPS=2
 * mutant: RELEASE gives back all that was sent and not a number, -DOPS=2 -DACTIVE=2 -DNO_COUNT
 * mutant: a revoke does not wait for DROPPED, -DOPS=1 -DNO_WAIT
 * mutant: a revoke does not hold the record, -DOPS=1 -DNO_HOLD
 * mutant: who waited for a revoke is served instead of told to RETRY, -DOPS=1 -DNO_RETRY
 * mutant: what was given away is not taken, -DOPS=1 -DNO_TAKE
 * mutant: each sharer keeps one as if it had asked, -DOPS=1 -DKEEP_ALL
 * mutant: GRANT is counted when it is answered, -DOPS=1 -DLATE_COUNT
 */
#define CORES 3
#define OWNER 0
#ifndef ACTIVE
#define ACTIVE CORES
#endif
#define NOBODY 7
#define COPIES 3 /* of one core, at most */

mtype = { CAPS_SHARE, CAPS_GRANT, CAPS_DONE, CAPS_RETRY, CAPS_RELEASE, CAPS_REVOKE, CAPS_DROP, CAPS_DROPPED,
	  CAPS_CARVE, CAPS_CARVED, CAPS_RETURN, CAPS_TAKE, CAPS_TAKEN };

/* what; a core or a number */
chan link[CORES * CORES] = [6] of { mtype, byte };
chan waiting = [CORES] of { mtype, byte, byte }; /* for the holder: what, from, number */

/* Users' capabilities, and the record. At the owner `count` is of nothing. */
byte copies[CORES];
bit keeper[CORES];
byte count[CORES];
bit child[CORES]; /* the given block, as its own */

/* struct share at the owner */
byte sharer[CORES];
byte holder = NOBODY;
byte awaited; /* DROPPED of these, a set; the adopter's TAKEN counts as CORES */
byte given = NOBODY;
bit reused;

/* Requests under way: what each core's process has asked. */
mtype asked[CORES];
byte argument[CORES], ops[CORES], deletes[CORES];
bit again[CORES];
byte grants; /* on their way */

#define bit_of(p) (1 << (p))
#define to(p) link[me * CORES + (p)]

inline send(receiver, line, n)
{
	assert(nfull(to(receiver)));
	to(receiver)!line, n
}

/* What the owner says to itself needs no line. */
inline answer(asker, said)
{
	if
	:: asker == OWNER && said == CAPS_RETRY -> retry(OWNER)
	:: asker == OWNER && said != CAPS_RETRY -> asked[OWNER] = 0
	:: asker != OWNER -> send(asker, said, 0)
	fi
}

/* --- the owner ------------------------------------------------------------------------ */

inline share(asker, d)
{
	assert(asker == OWNER || sharer[asker] > 0 || asker == given);
	if
	:: d == OWNER -> copies[OWNER]++; answer(asker, CAPS_DONE)
	:: else ->
#ifndef LATE_COUNT
		sharer[d]++;
#endif
		grants++;
		send(d, CAPS_GRANT, asker)
	fi
}

inline carve(asker)
{
	if
	:: given == NOBODY ->
		assert(!child[0] && !child[1] && !child[2]);
		given = asker;
		if
		:: asker == OWNER -> child[OWNER] = 1; asked[OWNER] = 0
		:: else -> send(asker, CAPS_CARVED, 0)
		fi
	:: else -> answer(asker, CAPS_DONE) /* taken: an error */
	fi
}

/* Nothing of the object is anywhere: answered, and who waited judges anew. */
inline revoke_end()
{
	/* the CPU driver's own revoke */
	copies[OWNER] = (holder == OWNER && copies[OWNER] -> 1 : 0);
	child[OWNER] = 0;
	given = (given == OWNER -> NOBODY : given);
	assert(grants == 0);
	assert(!child[0] && !child[1] && !child[2] && given == NOBODY);
	assert((holder == 0 || copies[0] == 0) && (holder == 1 || copies[1] == 0) && (holder == 2 || copies[2] == 0));
	assert(copies[holder] <= 1);
	i = holder;
	holder = NOBODY;
	answer(i, CAPS_DONE);
	do
	:: waiting?what, i, number ->
#ifdef NO_RETRY
		if
		:: what == CAPS_SHARE -> share(i, number)
		:: what == CAPS_CARVE -> carve(i)
		:: else -> answer(i, CAPS_RETRY)
		fi
#else
		answer(i, CAPS_RETRY)
#endif
	:: empty(waiting) -> break
	od
}

inline revoke_begin(asker)
{
	holder = asker;
	awaited = 0;
	i = 1;
	do
	:: i < CORES && sharer[i] -> send(i, CAPS_DROP, asker); awaited = awaited | bit_of(i); i++
	:: i < CORES && !sharer[i] -> i++
	:: i >= CORES -> break
	od;
#ifndef NO_TAKE
	if
	:: given != NOBODY && given != OWNER -> send(given, CAPS_TAKE, 0); awaited = awaited | bit_of(CORES)
	:: else
	fi;
#endif
#ifdef NO_WAIT
	awaited = 0;
#endif
	if
	:: awaited == 0 -> revoke_end()
	:: else
	fi
}

inline request(what_asked, who, n)
{
	if
#ifdef NO_HOLD
	:: holder != NOBODY && what_asked == CAPS_REVOKE -> waiting!what_asked, who, n
	:: holder == NOBODY || what_asked != CAPS_REVOKE ->
#else
	:: holder != NOBODY -> waiting!what_asked, who, n
	:: holder == NOBODY ->
#endif
		if
		:: what_asked == CAPS_SHARE -> share(who, n)
		:: what_asked == CAPS_CARVE -> carve(who)
		:: what_asked == CAPS_REVOKE -> revoke_begin(who)
		fi
	fi
}

inline answered(bits)
{
	awaited = awaited & ~(bits);
	if
	:: holder != NOBODY && awaited == 0 -> revoke_end()
	:: else
	fi
}

/* --- whoever has a share ---------------------------------------------------------------- */

inline grant(asker)
{
	grants--;
	keeper[me] = 1;
	count[me]++;
	copies[me]++;
	assert(!reused);
	if
	:: asker == me -> asked[me] = 0
	:: else -> send(asker, CAPS_DONE, me)
	fi
}

/* kept: the asker's own capability */
inline drop(asker)
{
#ifdef KEEP_ALL
	copies[me] = (copies[me] -> 1 : 0);
#else
	copies[me] = (asker == me && copies[me] -> 1 : 0);
#endif
	if
	:: copies[me] -> send(OWNER, CAPS_DROPPED, 1)
	:: else -> keeper[me] = 0; count[me] = 0; send(OWNER, CAPS_DROPPED, 0)
	fi
}

/* The request is made again if the capability is still there. */
inline retry(p)
{
	if
	:: copies[p] -> again[p] = 1
	:: else -> asked[p] = 0
	fi
}

/* --- a core -------------------------------------------------------------------------------- */

inline handle()
{
	if
	:: what == CAPS_SHARE -> request(CAPS_SHARE, from, number)
	:: what == CAPS_CARVE -> request(CAPS_CARVE, from, number)
	:: what == CAPS_REVOKE -> request(CAPS_REVOKE, from, number)
	:: what == CAPS_RELEASE ->
#ifdef NO_COUNT
		sharer[from] = 0
#else
		assert(number <= sharer[from]);
		sharer[from] = sharer[from] - number
#endif
	:: what == CAPS_DROPPED ->
		sharer[from] = (number -> sharer[from] : 0);
		answered(bit_of(from))
	:: what == CAPS_TAKEN -> given = NOBODY; answered(bit_of(CORES))
	:: what == CAPS_RETURN -> given = NOBODY
	:: what == CAPS_GRANT -> grant(number)
	:: what == CAPS_DROP -> drop(number)
	:: what == CAPS_TAKE -> child[me] = 0; send(OWNER, CAPS_TAKEN, 0)
	:: what == CAPS_CARVED -> child[me] = 1; asked[me] = 0
	:: what == CAPS_DONE ->
#ifdef LATE_COUNT
		sharer[number] = (me == OWNER -> sharer[number] + 1 : sharer[number]);
#endif
		asked[me] = 0
	:: what == CAPS_RETRY -> retry(me)
	fi
}

inline ask()
{
	again[me] = 0;
	if
	:: me == OWNER -> request(asked[me], OWNER, argument[me])
	:: else -> send(OWNER, asked[me], argument[me])
	fi
}

proctype core(byte me)
{
	mtype what;
	byte from, number, i;

end_of_work:
	do
	:: atomic {
		nempty(link[me]) || nempty(link[CORES + me]) || nempty(link[2 * CORES + me]) ->
		if
		:: nempty(link[me]) -> from = 0
		:: nempty(link[CORES + me]) -> from = 1
		:: nempty(link[2 * CORES + me]) -> from = 2
		fi;
		link[from * CORES + me]?what, number;
		handle();
		what = 0; from = 0; number = 0; i = 0
	   }
	/* a process asks; on a core that has a capability */
	:: atomic {
		me < ACTIVE && asked[me] == 0 && copies[me] && ops[me] < OPS ->
		ops[me]++;
		if
		:: asked[me] = CAPS_REVOKE
		:: asked[me] = CAPS_CARVE
		:: copies[(me + 1) % CORES] < COPIES -> asked[me] = CAPS_SHARE; argument[me] = (me + 1) % CORES
		:: copies[(me + 2) % CORES] < COPIES -> asked[me] = CAPS_SHARE; argument[me] = (me + 2) % CORES
		fi;
		ask();
		what = 0; number = 0; i = 0
	   }
	:: atomic {
		again[me] ->
		if
		:: copies[me] -> ask()
		:: else -> again[me] = 0; asked[me] = 0
		fi;
		what = 0; number = 0; i = 0
	   }
	/* DELETE is the CPU driver's own; the sweep finds the keeper alone */
	:: atomic { copies[me] && deletes[me] < 2 -> deletes[me]++; copies[me]-- }
	:: atomic {
		me != OWNER && keeper[me] && !copies[me] ->
		send(OWNER, CAPS_RELEASE, count[me]);
		keeper[me] = 0;
		count[me] = 0
	   }
	:: atomic {
		child[me] && deletes[me] < 2 ->
		deletes[me]++;
		child[me] = 0;
		if
		:: me == OWNER -> given = NOBODY
		:: else -> send(OWNER, CAPS_RETURN, 0)
		fi
	   }
	/* The owner has no capability and knows no sharer: the block becomes something else. */
	:: atomic {
		me == OWNER && !reused && !copies[OWNER] && !sharer[1] && !sharer[2] && holder == NOBODY &&
		given == NOBODY ->
		assert(!copies[1] && !copies[2] && !keeper[1] && !keeper[2] && !grants);
		assert(!child[0] && !child[1] && !child[2]);
		reused = 1
	   }
	od
}

init
{
	byte i;

	atomic {
		copies[OWNER] = 1;
		/* Some core may have a copy already. */
		if
		:: skip
		:: sharer[1] = 1; keeper[1] = 1; count[1] = 1; copies[1] = 1
		:: sharer[1] = 1; keeper[1] = 1; count[1] = 1; copies[1] = 1;
		   sharer[2] = 1; keeper[2] = 1; count[2] = 1; copies[2] = 1
		fi;
		run core(0);
		run core(1);
		run core(2)
	};
	/* Nothing happens any more: all was answered, and the counts are the same. */
	atomic {
		timeout ->
		do
		:: i < CORES ->
			assert(asked[i] == 0 && !again[i]);
			assert(i == OWNER || sharer[i] == count[i]);
			assert(i == OWNER || keeper[i] == (copies[i] > 0));
			i++
		:: else -> break
		od;
		assert(holder == NOBODY && awaited == 0 && grants == 0)
	}
}
