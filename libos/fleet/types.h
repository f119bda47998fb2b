/*
 * Fleets: the plain types that members, clients and commands tell each other.
 *
 * All are copied as they are into messages: no pointers, no padding.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/fabric/mailbox.h"

#define FLEET_NAME 16     /* bytes of a fleet's name */
#define FLEET_MEMBERS 128 /* of one fleet */
#define FLEET_MIRRORS 3

/*
 * One member. Its number is its alone as long as the fleet lives. Load and queue are what it told the
 * coordinator last; they reach the others with the next view.
 */
struct fleet_member {
	struct mailbox at; /* all its interfaces are served there */
	uint32_t number;
	uint32_t load;  /* permille of what it can do */
	uint32_t queue; /* calls that wait there */
	uint32_t state; /* enum fleet_state */
};

/* Joining: it takes over state and does not serve yet. Leaving: it hands over what it has. */
enum fleet_state { FLEET_JOINING, FLEET_SERVING, FLEET_LEAVING };

/* When a fleet grows and shrinks. Times in milliseconds. All in the coordinator's hand, and in every view. */
struct fleet_policy {
	uint32_t least, most; /* members */
	uint32_t high, low;   /* mean load, permille: above it grows, below it shrinks */
	uint32_t rise, fall;  /* for so long the load must have been above, or below */
	uint32_t beat;        /* between two heartbeats */
	uint32_t patience;    /* heartbeats that may go without an answer; then the member is taken for hung */
	uint32_t mirrors;     /* of each entry of a partitioned store, up to FLEET_MIRRORS: so many may die at once */
	uint32_t unused;
};

/*
 * Of the whole fleet. The version's upper half is the number of the coordinator that made the view, so it
 * grows even where two coordinators' views cross.
 */
struct fleet_head {
	uint64_t version;
	uint64_t settled; /* an earlier one that all its members are known to have gone over to */
	uint32_t next;    /* number of the next member to come */
	uint32_t wanted;  /* how many members there shall be; who dies is replaced */
	struct fleet_policy policy;
};

/* What a member answers to a heartbeat. */
struct fleet_pulse {
	uint64_t version; /* of its view */
	uint32_t load, queue;
	uint32_t near;  /* core where its last call came from */
	uint32_t calls; /* that were noted, since it lives */
};

/*
 * The last death and the last change, as the coordinator saw them: fabric time, 0: none yet. Of one death: the
 * coordinator heard of it (or lost patience); it was surely dead; the others were told; its replacement served.
 */
struct fleet_times {
	uint64_t deaths;
	uint64_t seen, fenced, told, replaced;
	uint64_t grown, shrunk; /* the load asked for it */
	uint64_t settled;       /* version of the view that all members are known to have */
};
