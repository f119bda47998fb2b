/*
 * How long to poll: the price of a wake-up between two threads, in looks.
 */
#include "libos/fabric/hosted/hosted.h"

#include <time.h>

static cycles_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (cycles_t)t.tv_sec * 1000000000u + (cycles_t)t.tv_nsec;
}

#define WAKE_ROUNDS 64

struct wake_test {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned turn;
};

static void wake_turn(struct wake_test *t, unsigned mine)
{
	pthread_mutex_lock(&t->lock);
	while (t->turn % 2 != mine)
		pthread_cond_wait(&t->changed, &t->lock);
	t->turn++;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static void *wake_peer(void *arg)
{
	for (unsigned i = 0; i < WAKE_ROUNDS; i++)
		wake_turn(arg, 1);
	return NULL;
}

/* Nanoseconds that a sleeping thread takes to run after it was woken. */
static cycles_t wake_cost(void)
{
	struct wake_test t = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	cycles_t start;
	pthread_t peer;

	if (pthread_create(&peer, NULL, wake_peer, &t))
		return 0;
	start = now();
	for (unsigned i = 0; i < WAKE_ROUNDS; i++)
		wake_turn(&t, 0);
	pthread_join(peer, NULL);
	return (now() - start) / (2 * WAKE_ROUNDS);
}

static cycles_t look_cost_of(struct channel *c, unsigned looks)
{
	cycles_t start = now();

	for (unsigned i = 0; i < looks; i++) {
		channel_ready(c);
		cpu_pause();
	}
	return now() - start;
}

uint32_t hosted_looks(void)
{
	enum { LOOKS = 10000 };
	static struct urpc_inbox frame[2];
	struct channel c = { .closed = 0 };

	urpc_init(&c.urpc, frame, sizeof(frame), 0);
	return (uint32_t)(wake_cost() * LOOKS / (look_cost_of(&c, LOOKS) + 1)) + 1;
}
