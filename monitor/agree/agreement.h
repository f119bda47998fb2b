/*
 * Agreement among monitors: what must be known on a set of cores is proposed to
 * them, and a round brings it there.
 *
 * One-phase: every member hears of it and acknowledges (it cannot refuse).
 * Two-phase: every member is asked first; if all say yes it is committed on all,
 * else aborted on all.  How a round travels is a dissemination scheme
 * (dissemination.h).  A member that dies in the midst counts as one that has agreed:
 * the round ends the same way on all others.
 *
 * A group is a set of cores under a 64-bit name, replicated on its members with a
 * version that each change raises: GROUP_ALL, every core that is up, or the cores of
 * a process that spans several, under its pid.  Portable: runs on metal and in the simulator.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"
#include "libos/core/monitor_proto.h"

#define GROUP_ALL UINT64_C(0)
#define PROPOSAL_WORDS 3 /* a round's message is one line */

/* What a proposal is about; subject.c has the table of what each does. */
enum subject {
	SUBJECT_NOTHING,   /* to be measured */
	SUBJECT_FLUSH,     /* one-phase, a process's cores or all: forget translations */
	SUBJECT_ROOT_SLOT, /* two-phase, a process's cores: a PTABLE3 into each root */
	SUBJECT_JOIN,      /* two-phase, a group's cores: word[0] = core becomes a member */
	SUBJECT_LEAVE,     /* one-phase, a group's cores: word[0] = core is none any more */
	SUBJECT_STOP,      /* one-phase, a process's cores: its members stop running */
	SUBJECT_END,       /* one-phase, a process's cores: what is left of its members goes */
	SUBJECT_EXCLUDE,   /* two-phase, all: word[0] = core is dead */
	SUBJECT_CORE_AT,   /* one-phase, all: core word[0] is reached at APIC id word[1] from now on */
	SUBJECT_KNOWN,     /* one-phase, a group's cores, core word[2] - 1: what became of round word[0]? The error */
	SUBJECT_DECIDE,    /* one-phase, a group's cores: round word[0] ends, word[1] = 1: by commit, 0: by abort */
	SUBJECTS
};

struct proposal {
	uint64_t group;
	uint8_t subject;      /* enum subject */
	coreid_t coordinator; /* who proposed it */
	uint64_t word[PROPOSAL_WORDS];
};

/*
 * What a subject does on a member, the proposer included. Each is done when it returns; none waits.
 * One-phase uses commit alone, which must do no harm when it is done twice: that happens when a core dies.
 */
struct subject_ops {
	err_t (*prepare)(const struct proposal *p); /* NULL: always yes */
	void (*commit)(const struct proposal *p);   /* NULL: nothing to do */
	void (*abort)(const struct proposal *p);
};
extern const struct subject_ops subject_table[SUBJECTS];

/* A round that this core proposed has ended: 0, or the first refusal. Runs on the proposer. */
typedef void round_done(uint64_t context, err_t err, const struct proposal *p);

/*
 * Proposes to a group that this core is a member of. `done` is called when every member has acknowledged, never before
 * these return. ERR_NOT_FOUND: no such group here; ERR_AGAIN: too many rounds are under way (done is not called).
 */
err_t one_phase(const struct proposal *p, round_done *done, uint64_t context);
err_t two_phase(const struct proposal *p, round_done *done, uint64_t context);

/* A part of a group and a way to it: the members at places lo to hi - 1 (places.h), this core among them. */
struct route {
	uint8_t scheme; /* enum mon_dissemination */
	uint16_t lo, hi;
};
/* The same to a part of a group only, and by a scheme of one's choice; ERR_ARGUMENT when the route makes no sense. */
err_t one_phase_over(const struct proposal *p, const struct route *route, round_done *done, uint64_t context);
err_t two_phase_over(const struct proposal *p, const struct route *route, round_done *done, uint64_t context);

/* --- engine.c: for the monitor's loop ---------------------------------------------------- */

/* To be done first: the order of the cores, empty tables. */
void agree_init(void);
/* A line of MON_AGREE from another monitor. */
void agree_message(coreid_t from, const struct mon_message *m);
/* Goes on with what waits for nobody else; true when there was something. Else `next` is when to look again, or 0. */
bool agree_step(cycles_t *next);
/* Rounds that this core has a part in; for the checker, which wants none. */
unsigned agree_busy(void);
/* Lines from a core that made no sense, and all of them. */
unsigned agree_malformed(coreid_t core);

/* --- groups (group.c) ---------------------------------------------------------------- */

/* Is the core a member, as far as is known here? */
bool group_holds(uint64_t group, coreid_t core);
/* Members known here; 0: no such group here. */
unsigned group_count(uint64_t group);
/* The member after `core` in order of numbers, or CORES_MAX; begin with CORES_MAX. */
coreid_t group_next(uint64_t group, coreid_t core);
/* A new group whose only member is this core. ERR_EXISTS, ERR_NO_MEMORY. */
err_t group_make(uint64_t group);
/* Is a join prepared here, and not decided? */
bool group_changes(uint64_t group);
/* Forgets it here. */
void group_drop(uint64_t group);
/*
 * On monitor 0, once: GROUP_ALL is this core and those that are up, who are told. A core that comes
 * later joins by SUBJECT_JOIN. Nothing is to be proposed to all before it is formed.
 */
typedef bool group_member(coreid_t core);
err_t group_form(group_member *up);
bool group_formed(void);
