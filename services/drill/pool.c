/* The dPool of a drill fleet: pool.h. */
#include "services/drill/pool.h"

#include <stdlib.h>
#include <string.h>

#include "libos/fleet/dpool_fleet.h"
#include "libos/x86/barrier.h"

#define ELEMENTS 1536
#define MEAN 512 /* of three members; the marks go by it */
#define WORKERS 4
#define FEW 32
#define MANY (ELEMENTS / 2 / WORKERS)
#define TURN_MS 5

static struct dpool pool;

/* One use, by threads of this member. */
struct use {
	struct fleet *fleet;
	cycles_t start, end;
	bool turns;
	uint64_t taken, wait;
	err_t err;
};

struct worker {
	struct use *use;
	struct thread *thread;
	uint32_t random, count;
	uint32_t held[MANY];
};

err_t pool_open(struct fleet *f, const char *scheme)
{
	const struct dpool_scheme *s = dpool_scheme_find(scheme);

	return s ? dpool_fleet_open(&pool, f, s, sizeof(uint32_t), MEAN / 4, MEAN + MEAN / 2) : ERR_ARGUMENT;
}

err_t pool_start(struct fleet *f)
{
	err_t err = ERR_OK;

	for (uint32_t e = 0; e < ELEMENTS && f->view.count == 1 && !err; e++)
		err = dpool_give(&pool, &e);
	return err;
}

void pool_changed(struct fleet *f, const struct fleet_view *old) { dpool_fleet_changed(&pool, f, old); }

err_t pool_scheme(struct rpc_call *call, char *name)
{
	(void)call;
	strcpy(name, pool.scheme->name);
	return ERR_OK;
}

/* --- work ---------------------------------------------------------------------------------------------- */

static bool take(struct worker *w)
{
	struct use *u = w->use;
	cycles_t from = fabric_now(u->fleet->fabric), wait;
	err_t err = dpool_take(&pool, &w->held[w->count]);

	wait = fabric_now(u->fleet->fabric) - from;
	u->wait = wait > u->wait ? wait : u->wait;
	if (err && err != ERR_NOT_FOUND)
		u->err = err;
	w->count += !err;
	u->taken += !err;
	return !err;
}

static bool give(struct worker *w)
{
	err_t err = dpool_give(&pool, &w->held[w->count - 1]);

	if (err)
		w->use->err = err;
	w->count -= !err;
	return !err;
}

/* Marsaglia's xorshift. */
static bool coin(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random >> 16 & 1;
}

/* False: there was nothing to do. */
static bool step(struct worker *w, cycles_t now)
{
	const struct use *u = w->use;
	const struct fleet_view *v = &u->fleet->view;

	if (!u->turns)
		return !w->count || (w->count < FEW && coin(w)) ? take(w) : give(w);
	if ((now - u->start) / fleet_ms(u->fleet, TURN_MS) % v->count == view_rank(v, u->fleet->number))
		return w->count < MANY && take(w);
	return w->count && give(w);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct use *u = w->use;
	struct fabric *f = u->fleet->fabric;
	cycles_t now;

	thread_sleep_until(u->start);
	while ((now = fabric_now(f)) < u->end && !u->err) {
		bool done = step(w, now);

		cpu_pause(); /* an emulated processor lets others have their turn */
		if (done)
			thread_yield();
		else
			thread_sleep_until(now + fleet_ms(u->fleet, 1) / 100);
	}
	while (w->count && give(w))
		;
	return NULL;
}

static err_t work_all(struct use *u)
{
	struct worker *w = calloc(WORKERS, sizeof *w);
	unsigned started = 0;
	err_t err = w ? ERR_OK : ERR_NO_MEMORY;

	for (; started < WORKERS && !err; started += !err) {
		w[started].use = u;
		w[started].random = u->fleet->number * WORKERS + started + 1;
		err = thread_create(&w[started].thread, work, &w[started]);
	}
	if (err)
		u->err = err;
	for (unsigned i = 0; i < started; i++)
		thread_join(w[i].thread, NULL);
	free(w);
	return u->err;
}

err_t pool_use(struct rpc_call *call, uint64_t start, uint64_t ms, bool turns, uint64_t *taken, uint64_t *messages,
	       uint64_t *moved, uint64_t *wait)
{
	struct fleet *f = call->server->tag;
	struct use u = { .fleet = f, .start = start, .end = start + fleet_ms(f, ms), .turns = turns };
	uint64_t asked = pool.stats.asked + pool.stats.pushed, sent = pool.stats.sent;
	err_t err;

	rpc_release(call->server);
	err = work_all(&u);
	*taken = u.taken;
	*messages = pool.stats.asked + pool.stats.pushed - asked;
	*moved = pool.stats.sent - sent;
	*wait = u.wait;
	return err;
}
