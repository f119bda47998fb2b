/*
 * A member's inside, shared by the files of the library.
 *
 * Threads: the server's (handlers), the steward (coordinator.c: all that changes the view) and the pulse
 * (pulse.c: heartbeats). They are cooperative, so what they share needs no lock; who waits
 * for another says self_wait, who has changed something that others may wait for, self_wake.
 */
#pragma once

#include "libos/core/monitor_client.h"
#include "libos/fleet/fleet.h"
#include "libos/fleet/fleet_client.h"
#include "libos/fleet/fleet_server.h"
#include "libos/fleet/scale.h"

/* At the coordinator: where a member's calls have come from, all of them, for a while. */
struct fleet_drift {
	uint32_t near;  /* core */
	uint32_t calls; /* at the last look */
	cycles_t since;
	uint32_t vain; /* there was no better place, so many times in a row */
};

/* What we know of another member, beyond the view. */
struct fleet_peer {
	struct fleet_peer *next;
	struct fleet_self *self;
	uint32_t number;
	struct mailbox at;
	struct rpc_client client;
	uint32_t users; /* calls under way */
	bool opening;   /* a thread is at it */
	bool watched;   /* its monitor tells of its end */
	bool dead;      /* it is surely dead: ended by itself, or fenced */
	bool suspect;   /* to be fenced: hung, or closed its channel */
	bool fencing;   /* a thread is at it */
	bool beating;   /* `beat` is under way */
	struct rpc_pending beat;
	uint32_t missed; /* heartbeats, since it was heard of; in late ones */
	struct fleet_pulse told;
	struct fleet_drift drift;
};

/* A process that we have started and that has not joined yet. */
struct fleet_newcomer {
	bool used, joined;
	coreid_t core;
	uint32_t number;
	uint64_t pid;
	cycles_t deadline;
	struct mailbox at;
};

#define FLEET_NEWCOMERS 8 /* at a time */
#define FLEET_ENDS 64     /* deaths told and not yet looked at */

struct fleet_self {
	struct fleet *fleet;
	struct fleet_peer *peers;
	struct fleet_listener {
		fleet_port_fn *fn;
		void *arg;
	} port[FLEET_PORTS];
	struct mutex lock; /* for `changed` only */
	struct cond changed;
	cycles_t ms; /* of fabric time in a millisecond */

	/* the view */
	uint64_t settled;
	bool installing;                       /* callbacks run for it */
	uint64_t parent;                       /* pid of who started us; 0: nobody */
	const char *argument[FLEET_ARGUMENTS]; /* the service's own, for newcomers */
	int arguments;
	bool serving, ending;
	const char *failed; /* what went wrong, when the member ends for that */

	/* steward */
	struct event work;
	struct mon_watcher watcher;
	struct {
		uint64_t pid[FLEET_ENDS]; /* number 0: all of that core */
		uint32_t put, taken;      /* more than FLEET_ENDS apart: some were lost */
		cycles_t at;              /* when the last was told */
	} ends;
	bool coordinator;           /* we act as such */
	bool changing;              /* ... and tell another view */
	uint64_t mourned;           /* view in which somebody was fenced because it was silent; 0: none */
	bool asking;                /* a thread asks a monitor about one that is silent */
	uint32_t rank_doubts;       /* how often our patience has ended without a heartbeat */
	uint32_t rank_waits;        /* ticks without a heartbeat; in late ones */
	uint64_t beats, beats_seen; /* that came; ... until the last tick */
	uint64_t left;              /* pid of the last that left our view, and may not have ended yet */
	struct fleet_newcomer newcomer[FLEET_NEWCOMERS];
	uint32_t next; /* number of the next newcomer */
	uint32_t dismissed;
	bool dismissing; /* ... `dismissed` is to go */
	uint32_t near;   /* who comes for it goes near this core; CORES_MAX: near our last caller */
	bool adapted;    /* the policy, or how many are wanted, has changed: tell the others */
	cycles_t retry;  /* no newcomer before: the last could not be started */
	struct fleet_times times;

	/* drift.c */
	struct fleet_drift drift;
	cycles_t drift_at;
	uint32_t drifter; /* the member for which a place is looked for */
	bool drifting;    /* ... by a thread */

	/* load */
	struct fleet_scale scale;
	cycles_t load_at;
	uint64_t load_cycles;
	uint32_t load;
	uint32_t mean; /* of all members, as the coordinator said last */

	/* balance.c */
	cycles_t balance_at;
	uint32_t balance_vain, balance_clients, balance_turn;
};

/* --- member.c ------------------------------------------------------------------------- */

/* Waits, in any thread, until somebody has said self_wake, or the deadline. */
void self_wait(struct fleet_self *s, cycles_t deadline);
void self_wake(struct fleet_self *s);
/* Goes over to the view: callbacks and all. ERR_OK also when we have it already. */
err_t self_install(struct fleet_self *s, const struct fleet_view *v);
/* The member ends: the process exits soon, with a word to the log if `why`. */
void self_end(struct fleet_self *s, const char *why);

/* --- peers.c ---------------------------------------------------------------------------- */

/* What is known of that member of the view, made if need be; NULL: no such member, or no memory. */
struct fleet_peer *peer_of(struct fleet_self *s, uint32_t number);
/* Forgets those that are not in the view any more and that nobody uses. */
void peers_prune(struct fleet_self *s);
/* A message of that member's has come: it lives. */
void peer_heard(struct fleet_self *s, uint32_t number);
/* Sees to it that the member is surely dead. False: it could not be done now. */
bool peer_fence(struct fleet_self *s, struct fleet_peer *p);
/* Tries until it is so, or we end. */
void peer_fence_wait(struct fleet_self *s, struct fleet_peer *p);
/* The same to one that is silent, if it has run for so many ms all the same: else it may wait for its processor. */
bool peer_fence_hung(struct fleet_self *s, struct fleet_peer *p, unsigned ms);

/* --- control.c -------------------------------------------------------------------------- */

extern const struct fleet_handlers fleet_control;

/* --- coordinator.c ------------------------------------------------------------------------ */

void steward_main(struct fleet_self *s);
/* In the dispatcher's scheduler: a process has ended. */
void steward_gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status);
/* --- change.c: one view after the other, by the coordinator -------------------------------------- */

/* Tells all members the next view; returns when all that live have gone over to it. */
void change_view(struct fleet_self *s, struct fleet_view *next);
/* We are the lowest that lives: fences those below, hears what the others have, and makes a view. */
void change_coordinator(struct fleet_self *s);

/* --- pulse.c ---------------------------------------------------------------------------------- */

void *pulse_main(void *self);
/* This member's load of late. */
struct fleet_pulse pulse_own(struct fleet_self *s);
/* The coordinator's view gets the loads that the members told last. */
void pulse_collect(struct fleet_self *s);

/* --- place.c -------------------------------------------------------------------------------------- */

/*
 * A core for a new member: the emptiest, and of those the nearest to core `near`. CORES_MAX: there is none that has
 * not got a member.
 */
coreid_t place_choose(const struct fleet_self *s, uint32_t near);
/* Is `to` empty, and in a smaller neighbourhood (thread, core, package) of `near` than `from` is? */
bool place_nearer(coreid_t to, coreid_t from, coreid_t near);
/* How many cores are up. */
unsigned place_cores(void);

/* --- drift.c -------------------------------------------------------------------------------------- */

/* At the coordinator, now and then: does a member belong elsewhere? It is dismissed, and another started there. */
void drift_look(struct fleet_self *s, cycles_t now);

/* --- balance.c ------------------------------------------------------------------------------------ */

/* Now and then: if this member has more to do than the others one of its clients is to look for a member again. */
void balance_look(struct fleet_self *s, cycles_t now);

/* --- announce.c: how clients find members ----------------------------------------------------------- */

/* This member serves; who asks for the fleet may get it. */
err_t announce_member(struct fleet *f);
/* The name service is told of this member's load, if that has changed. Does not wait. False: it knows no such one. */
bool announce_load(struct fleet *f, uint32_t load);
/*
 * Opens `c` to the member of the fleet of that name that the name service's policy chooses, not that of process
 * `avoid`; if there is no name service, or no such name, to the nearest. Leaves it as it is if it leads there.
 */
err_t announce_open(struct rpc_client *c, const char *name, uint64_t avoid);
