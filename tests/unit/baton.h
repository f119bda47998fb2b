/*
 * libos/thread/thread.h for tests on the hosted fabric, as far as the stubs' runtime uses it.
 *
 * A party is a process: its threads are pthreads that hand a baton round, so that one runs at a
 * time and only waiting or yielding lets another run, as with cooperative threads.
 */
#pragma once

#include <pthread.h>

#include "libos/fabric/hosted/hosted.h"
#include "libos/thread/thread.h"

struct party {
	pthread_mutex_t baton;
	pthread_cond_t changed; /* something that a thread may wait for */
	uint32_t wanting;       /* threads that could run */
	struct fabric_hosted hosted;
	struct fabric_ops ops; /* the hosted fabric's, but they give the baton away while they block */
	const struct fabric_ops *inner;
};

/* The calling thread becomes the first of a new party. */
void party_enter(struct party *p, struct hosted_world *w);
/* Its threads have ended, and its channels are closed. */
void party_leave(struct party *p);
