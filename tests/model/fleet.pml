/*
 * Views of a fleet: a newcomer joins, members die, another becomes coordinator; and one key of the partitioned store,
 * which is written meanwhile.
 *
 * Models: libos/fleet/change.c (change_view, take_over), coordinator.c (bury, admit, follows), member.c (go_over), kv_handover.c (move,
 * give), kv_partitioned.c (mirror_wait, mirror_base).  Members 0 to OLD - 1 are there, number OLD joins.
 *
 * A step is what happens between two waits: one message is taken, one entry is sent.  What a dead coordinator has
 * sent still arrives.  Which members are first and second for the key is any order.  A key's entry is the number of
 * its last write; who has none has 0.
 *
 * Abstracted: that a death is surely one (mon_kill) is one step; what `hear` asks of all is one step, too; appointing a newcomer is
 * a view with the same members.  A member dies only while nothing else that died is still to be buried: two
 * at once may take entries with them.
 *
 * Checks: there is never more than one coordinator; who may answer for the key, and does not write it, has the last write that was
 * acknowledged; in the end all have the same view, it is settled, and the writes are done.
 *
 * run: 3 members and one joins, -DOLD=3
 * run: 2 members and one joins and one dies, -DOLD=2 -DDEATHS=1
 * run: 3 members and one joins and one dies, -DOLD=3 -DDEATHS=1
 * run: 3 members and one joins and two die, -DOLD=3 -DDEATHS=2 -DWRITES=1
 * soak: 3 members and one joins and two die and two writes, -DOLD=3 -DDEATHS=2
 * mutant: a newcomer is told with the others, -DOLD=3 -DDEATHS=1 -DTELL_ALL
 * mutant: a newcomer is told though one has not answered, -DOLD=3 -DDEATHS=1 -DTELL_ANYHOW
 * mutant: writes go to the choices of the present view only, -DOLD=3 -DDEATHS=1 -DNO_BASE
 * mutant: what a view says is believed though it is not settled, -DOLD=3 -DDEATHS=1 -DBELIEVE
 * mutant: what came by the new view is dropped as old, -DOLD=3 -DDEATHS=2 -DWRITES=1 -DNO_STAMP
 * mutant: a write is acknowledged before the second has it, -DOLD=3 -DDEATHS=1 -DEARLY
 * mutant: who is not heard of is taken for dead, -DOLD=3 -DDEATHS=1 -DNO_FENCE
 */
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef WRITES
#define WRITES 2
#endif
#define ALL (OLD + 1)
#define NEW OLD
#define NOBODY 7
#define BIT(m) (1 << (m))
#define IN(v, m) (((v) >> (m)) & 1)

bool alive[ALL];
byte version[ALL]; /* 0: none; coordinator * 8 + count */
byte view[ALL];    /* a bit for each member */
byte settled[ALL]; /* version */
byte base[ALL];    /* the view that was settled before: its members */
byte entry[ALL];
byte stamp[ALL];   /* version of the view by which it was sent here, or written */
byte give[ALL];	   /* to whom the entry is still to be sent, for the new view; bit 7: an answer is due */
byte writing[ALL]; /* number of the write, 0: none */
byte mirror[ALL];  /* to whom that is still to be sent */
byte write_version[ALL];
byte answered[ALL]; /* version of the view that was answered last */
bool leads[ALL];    /* is coordinator */
byte asked[ALL];    /* who has to answer the change that is under way; bit 7: one is */
bool failed[ALL];   /* ... one did not */
byte rank[ALL];	    /* order of choice for the key */
byte acknowledged, writes, deaths;
bool wounded; /* one is dead, and not all know */

chan told[ALL] = [2] of { byte, byte, byte }; /* version, view, settled */

byte i, k, f, s, f2, s2, best;

/* First and second choice in a set of members. */
inline choose(v, first, second)
{
	first = NOBODY; second = NOBODY;
	for (k : 0 .. ALL - 1) {
		if
		:: IN(v, k) && (first == NOBODY || rank[k] < rank[first]) -> second = first; first = k
		:: IN(v, k) && first != NOBODY && rank[k] > rank[first] && (second == NOBODY || rank[k] < rank[second]) ->
			second = k
		:: else
		fi
	}
	k = 0
}

/* m goes over to another view: whom does it have to give the entry to? */
inline go_over(m, new_version, new_view, new_settled)
{
	choose(new_view, f2, s2);
	choose(view[m], f, s);
	give[m] = 128;
	if
	:: version[m] == 0 -> base[m] = 0 /* newcomer: it has been given everything */
#ifdef BELIEVE
	:: version[m] != 0 ->
#else
	:: version[m] != 0 && version[m] <= new_settled ->
#endif
		base[m] = view[m];
		if
		:: m != f && m != s -> skip
		:: m == f || (m == s && !IN(new_view, f)) ->
			if
			:: f2 != m && f2 != f && f2 != s -> give[m] = give[m] | BIT(f2)
			:: else
			fi;
			if
			:: s2 != NOBODY && s2 != m && s2 != f && s2 != s -> give[m] = give[m] | BIT(s2)
			:: else
			fi
		:: else
		fi
#ifndef BELIEVE
	:: version[m] != 0 && version[m] > new_settled && entry[m] != 0 ->
		if
		:: f2 != m -> give[m] = give[m] | BIT(f2)
		:: else
		fi;
		if
		:: s2 != NOBODY && s2 != m -> give[m] = give[m] | BIT(s2)
		:: else
		fi
	:: version[m] != 0 && version[m] > new_settled && entry[m] == 0
#endif
	fi;
	/* Kept from before, and no choice for it then: dropped. */
	if
	:: version[m] != 0 && version[m] <= new_settled && m != f && m != s && !writing[m] && stamp[m] <= version[m] ->
		entry[m] = 0;
		stamp[m] = 0
	:: else
	fi;
	version[m] = new_version;
	view[m] = new_view;
	if
	:: new_settled > settled[m] -> settled[m] = new_settled
	:: else
	fi;
	f = 0; s = 0; f2 = 0; s2 = 0
}

inline receive_entry(to, number, by)
{
	if
	:: alive[to] && number > entry[to] -> entry[to] = number
	:: else
	fi;
	if
#ifndef NO_STAMP
	:: alive[to] && by > stamp[to] -> stamp[to] = by
#endif
	:: else
	fi
}

/*
 * To whom the write that m is at has to go, by its view; nobody else when the key is another's now. What was being
 * sent is sent, but to the dead.
 */
inline aim(m)
{
	choose(view[m], f, s);
	for (k : 0 .. ALL - 1) {
		if
		:: !alive[k] -> mirror[m] = mirror[m] & ~BIT(k)
		:: else
		fi
	}
	k = 0;
	write_version[m] = version[m];
	if
	:: f == m && s != NOBODY -> mirror[m] = mirror[m] | BIT(s)
	:: else
	fi;
#ifndef NO_BASE
	if
	:: f == m && settled[m] != version[m] ->
		choose(base[m], f2, s2);
		if
		:: f2 != NOBODY && f2 != m && IN(view[m], f2) -> mirror[m] = mirror[m] | BIT(f2)
		:: else
		fi;
		if
		:: s2 != NOBODY && s2 != m && IN(view[m], s2) -> mirror[m] = mirror[m] | BIT(s2)
		:: else
		fi
	:: else
	fi;
#endif
	f = 0; s = 0; f2 = 0; s2 = 0
}

/* The coordinator begins to tell a view. */
inline change(m, new_view, new_version)
{
	asked[m] = 128;
	failed[m] = false;
	for (i : 0 .. ALL - 1) {
		if
#ifdef TELL_ALL
		:: i != m && IN(new_view, i) ->
#else
		:: i != m && IN(new_view, i) && (i != NEW || version[NEW] != 0) ->
#endif
			asked[m] = asked[m] | BIT(i);
			if
			:: alive[i] -> told[i]!new_version, new_view, settled[m]
			:: else
			fi
		:: else
		fi
	}
	i = 0;
	go_over(m, new_version, new_view, settled[m])
}

/* Is the key m's, by its own view, and has it one? */
#define SERVES(m) (alive[m] && version[m] != 0 && FIRST(m))
#define BEFORE(m, o) (!IN(view[m], o) || (o) == (m) || rank[m] < rank[o])
#if OLD == 2
#define FIRST(m) (BEFORE(m, 0) && BEFORE(m, 1) && BEFORE(m, 2))
#define LEADERS ((leads[0] && alive[0]) + (leads[1] && alive[1]) + (leads[2] && alive[2]))
#else
#define FIRST(m) (BEFORE(m, 0) && BEFORE(m, 1) && BEFORE(m, 2) && BEFORE(m, 3))
#define LEADERS \
	((leads[0] && alive[0]) + (leads[1] && alive[1]) + (leads[2] && alive[2]) + (leads[3] && alive[3]))
#endif
/* A write acknowledged is there; asked of who may answer for the key. */
#define KEPT(m) (!SERVES(m) || writing[m] || entry[m] >= acknowledged)

/* None of those before m lives. */
#define LOWEST(m) ((m) == 0 || ((m) == 1 && !alive[0]) || ((m) == 2 && !alive[0] && !alive[1]) || \
		   ((m) == 3 && !alive[0] && !alive[1] && !alive[2]))

inline end_change(m)
{
	asked[m] = 0;
	if
	:: !failed[m] -> settled[m] = version[m];
		wounded = false;
		for (i : 0 .. ALL - 1) { wounded = wounded || (IN(view[m], i) && !alive[i]) }
		i = 0
	:: else
	fi
}

proctype member(byte m)
{
end:	do
	/* told a view */
	:: d_step { alive[m] && give[m] == 0 && nempty(told[m]) ->
		byte nv, nw, ns;
		told[m]?nv, nw, ns;
		if
		:: nv > version[m] -> go_over(m, nv, nw, ns)
		:: else
		fi;
		nv = 0; nw = 0; ns = 0 }
	/* hands over, one after the other; then answers */
	:: d_step { alive[m] && (give[m] & 127) ->
		for (i : 0 .. ALL - 1) {
			if
			:: IN(give[m], i) ->
				give[m] = give[m] & ~BIT(i);
				receive_entry(i, entry[m], version[m]);
				break
			:: else
			fi
		}
		i = 0 }
	:: d_step { alive[m] && give[m] == 128 -> give[m] = 0; answered[m] = version[m] }

	/* a write, where the key is */
	:: d_step { SERVES(m) && !writing[m] && writes < WRITES ->
		writes++;
		writing[m] = writes;
		entry[m] = writes;
		stamp[m] = version[m];
		aim(m) }
	:: d_step { alive[m] && writing[m] && mirror[m] && write_version[m] == version[m] ->
		for (i : 0 .. ALL - 1) {
			if
			:: IN(mirror[m], i) && alive[i] ->
				mirror[m] = mirror[m] & ~BIT(i);
				receive_entry(i, writing[m], version[m]);
				break
			:: else
			fi
		}
		i = 0 }
	:: d_step { alive[m] && writing[m] && write_version[m] != version[m] -> aim(m) }
#ifdef EARLY
	:: d_step { alive[m] && writing[m] ->
#else
	/* where the key is another's now, the entry has been given away when that is done */
	:: d_step { alive[m] && writing[m] && !mirror[m] && write_version[m] == version[m] && (FIRST(m) || give[m] == 0) ->
#endif
		if
		:: writing[m] > acknowledged -> acknowledged = writing[m]
		:: else
		fi;
		writing[m] = 0; mirror[m] = 0; write_version[m] = 0 }

	/* the coordinator: who has answered, who is dead */
	:: d_step { alive[m] && (asked[m] & 127) ->
		best = asked[m];
		for (i : 0 .. ALL - 1) {
			if
			:: IN(asked[m], i) && !alive[i] -> asked[m] = asked[m] & ~BIT(i); failed[m] = true; break
			:: IN(asked[m], i) && answered[i] == version[m] -> asked[m] = asked[m] & ~BIT(i); break
			:: else
			fi
		}
		i = 0;
		best = 0 }
	:: d_step { alive[m] && asked[m] == 128 && give[m] == 0 ->
		if
#ifdef TELL_ANYHOW
		:: IN(view[m], NEW) && m != NEW && alive[NEW] && answered[NEW] != version[m] ->
#else
		:: !failed[m] && IN(view[m], NEW) && m != NEW && alive[NEW] && answered[NEW] != version[m] ->
#endif
			told[NEW]!version[m], view[m], settled[m];
			asked[m] = asked[m] | BIT(NEW)
		:: IN(view[m], NEW) && m != NEW && !alive[NEW] -> failed[m] = true; end_change(m)
		:: else -> end_change(m)
		fi }
	/* buries the dead */
	:: d_step { alive[m] && leads[m] && !asked[m] && give[m] == 0 ->
		best = view[m];
		for (i : 0 .. ALL - 1) {
			if
			:: IN(view[m], i) && !alive[i] -> best = best & ~BIT(i)
			:: else
			fi
		}
		i = 0;
		if
		:: best != view[m] -> change(m, best, version[m] + 1)
		/* admits the newcomer */
		:: best == view[m] && alive[NEW] && !IN(view[m], NEW) -> change(m, best | BIT(NEW), version[m] + 1)
		:: else
		fi;
		best = 0 }
	/* takes over */
#ifdef NO_FENCE
	:: d_step { alive[m] && version[m] != 0 && !leads[m] && m == 1 && give[m] == 0 && deaths > 0 ->
#else
	:: d_step { alive[m] && version[m] != 0 && !leads[m] && LOWEST(m) && give[m] == 0 ->
#endif
		best = m;
		for (i : 0 .. ALL - 1) {
			if
			:: IN(view[m], i) && alive[i] && version[i] > version[best] -> best = i
			:: else
			fi;
			if
			:: IN(view[m], i) && alive[i] && settled[i] > settled[m] -> settled[m] = settled[i]
			:: else
			fi
		}
		best = view[best];
		for (i : 0 .. ALL - 1) {
			if
			:: i < m || !alive[i] -> best = best & ~BIT(i)
			/* told none: ended */
			:: i > m && alive[i] && (version[i] == 0 || !IN(view[m], i)) -> alive[i] = false; best = best & ~BIT(i)
			:: else
			fi
		}
		i = 0;
		leads[m] = true;
		change(m, best, m * 8 + 1);
		best = 0 }

	/* dies */
	:: d_step { alive[m] && deaths < DEATHS && !wounded && m != NEW -> alive[m] = false; deaths++; wounded = true }
	:: atomic { !alive[m] -> break }
	od
}

active proctype watch()
{
end:	do
	:: atomic { LEADERS > 1 -> assert(false) }
	:: atomic { !(KEPT(0) && KEPT(1) && KEPT(2)) -> assert(false) }
#if OLD == 3
	:: atomic { !KEPT(3) -> assert(false) }
#endif
	/* Nothing happens any more: all is done. */
	:: atomic { timeout ->
		for (i : 0 .. ALL - 1) {
			if
			:: alive[i] && version[i] != 0 ->
				assert(writing[i] == 0 && give[i] == 0 && asked[i] == 0);
				if
				:: leads[i] -> assert(settled[i] == version[i])
				:: else
				fi;
				for (k : 0 .. ALL - 1) {
					assert(!(alive[k] && version[k] != 0) || view[k] == view[i])
				}
			:: else
			fi
		}
		i = 0; k = 0;
		assert(LEADERS == 1);
		break }
	od
}

init {
	atomic {
		for (i : 0 .. ALL - 1) {
			alive[i] = true;
			rank[i] = NOBODY
		}
		/* any order of choice */
		for (best : 0 .. ALL - 1) {
			if
			:: rank[0] == NOBODY -> rank[0] = best
			:: rank[1] == NOBODY -> rank[1] = best
			:: rank[2] == NOBODY -> rank[2] = best
#if OLD == 3
			:: rank[3] == NOBODY -> rank[3] = best
#endif
			fi
		}
		best = 0;
		for (i : 0 .. OLD - 1) {
			version[i] = 1;
			settled[i] = 1;
			view[i] = BIT(OLD) - 1
		}
		leads[0] = true;
		for (i : 0 .. ALL - 1) { run member(i) }
		i = 0
	}
}
