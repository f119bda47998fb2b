/*
 * Requests that this monitor has sent to another and whose answer is to come.
 *
 * The monitor never waits for an answer: it notes here what to do with it.
 * Portable.
 */
#pragma once

#include "libos/core/monitor_proto.h"
#include "monitor/process_table.h"

#define PENDING_MAX 256 /* a power of two */

struct pending;
/* `reply` has the answer, or only an err_t in its header when none will come. */
typedef void pending_done(struct pending *p, const struct mon_message *reply);

struct pending {
	uint32_t sequence; /* 0: free */
	coreid_t core;     /* that is to answer */
	uint8_t op;
	struct origin origin; /* for whom */
	uint32_t origin_sequence;
	pending_done *done;
	uint64_t context;  /* of `done` */
	cycles_t deadline; /* 0: may take any time */
	bool unanswered;   /* for `done`: nobody has answered, and perhaps somebody will */
};

struct pendings {
	uint32_t last;
	uint32_t used;
	uint32_t timed; /* entries with a deadline */
	struct pending entry[PENDING_MAX];
};

/* A copy of the template with a sequence number of its own, or NULL when there are too many. */
struct pending *pending_new(struct pendings *t, const struct pending *template);
/* May a process have one more? Not more than are left for others. */
bool pending_room(const struct pendings *t, struct origin who);
/* An open request of that kind for `who`, or NULL. */
struct pending *pending_of(struct pendings *t, struct origin who, unsigned op);
/* As if it had never been. */
void pending_drop(struct pendings *t, struct pending *p);
/* Takes the entry that an answer from `core` belongs to out of the table; false when there is none. */
bool pending_take(struct pendings *t, coreid_t core, const struct mon_message *reply, struct pending *out);
/* Ends all that wait for a core, with an error. */
void pending_fail(struct pendings *t, coreid_t core, err_t err);
/* Ends those whose deadline has passed, with ERR_TIMEOUT; returns the next deadline, or 0. */
cycles_t pending_expire(struct pendings *t, cycles_t now);
