/*
 * The fabric between threads of one Linux process, for unit tests and for the
 * native benchmark.
 *
 * A world has names; each thread that takes part has a struct fabric_hosted of
 * its own.  Channels are URPC over ordinary memory, the doorbell a condition
 * variable.  Not linked into Skerry's programs.
 */
#pragma once

#include <pthread.h>

#include "libos/fabric/fabric.h"

#define HOSTED_SERVICES 16
#define HOSTED_NAME 16

struct hosted_connect;

struct hosted_service {
	char name[HOSTED_NAME + 1];
	struct fabric_hosted *owner;    /* NULL: free */
	struct hosted_connect *waiting; /* connections to be accepted, oldest first */
	uint32_t waiters;               /* ... their number, for looks without the lock */
	bool shared;                    /* other parties may have the name too */
	struct mailbox mailbox;
};

struct hosted_world {
	pthread_mutex_t lock; /* of everything in the world but the channels' frames */
	pthread_cond_t changed;
	struct hosted_service service[HOSTED_SERVICES];
	uint32_t numbers; /* of services, given out so far */
	unsigned turn;    /* of those that share a name */
	uint64_t parties; /* that have joined so far */
};

/* One party. */
struct fabric_hosted {
	struct fabric fabric;
	struct hosted_world *world;
	uint64_t pid;
	struct wait_set *sets; /* of this party */
	uint64_t notified;     /* for tests: how often it was woken */
};

void hosted_world_init(struct hosted_world *w);
void hosted_world_destroy(struct hosted_world *w);
/* Joins a world; measures how long to poll, once per process. */
void hosted_join(struct fabric_hosted *f, struct hosted_world *w);
/* Leaves it: whoever waits for its services is refused. Its channels are closed already. */
void hosted_leave(struct fabric_hosted *f);
/* Looks at an idle channel that take as long as waking a thread: measures it. */
uint32_t hosted_looks(void);
