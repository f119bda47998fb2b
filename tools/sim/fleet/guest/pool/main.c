/*
 * A fleet whose members take elements from a dPool and give them back, with a ledger of who has which.
 *
 * Each member has a few threads that do so, by one of three loads (--load). even: who takes gives back. skewed: one
 * member takes, the others give. stream: half of the members take, half give. What is taken to be given by others goes
 * by a queue of the simulator's that costs nothing. When the clients have done, the coordinator empties the pool, and
 * each element must come once.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/dpool_whole.h"
#include "libos/thread/thread.h"
#include "tools/sim/fleet/host.h"

#include <string.h>

#define ELEMENTS 4096
#define WORKERS 4
#define HELD_MOST 32  /* by a thread */
#define WORK_NS 1000  /* done with what was taken */
#define PAUSE_NS 4000 /* when there is nothing to do */

#define OWNER "owner"   /* table: pid of who has the element; 0: it is in the pool */
#define QUEUED "queued" /* table: the elements that are to be given by others */
#define IN "queue in"   /* counters: of those that were ever put there, and taken from there */
#define OUT "queue out"
#define QUEUE UINT64_MAX /* as owner */

static struct dpool_whole whole;
static struct fleet *fleet;

static uint64_t owner_of(uint32_t e) { return host_tally(OWNER, e, 0); }
static void owner_set(uint32_t e, uint64_t pid) { host_tally(OWNER, e, (int64_t)(pid - owner_of(e))); }

/* --- the pool's books ------------------------------------------------------------------------------ */

static uint32_t books(struct dpool *p, void *elements, uint32_t room)
{
	uint32_t count = 0;

	(void)p;
	for (uint32_t e = 0; e < ELEMENTS; e++) {
		if (owner_of(e) != process_self_pid() && owner_of(e) != QUEUE)
			continue;
		if (count < room)
			memcpy((uint32_t *)elements + count, &e, sizeof e);
		count++;
	}
	return count;
}

static bool missing(struct dpool_whole *w, const void *held, uint32_t count)
{
	static bool there[ELEMENTS];
	const uint32_t *e = held;
	bool all = true;

	memset(there, 0, sizeof there);
	for (uint32_t i = 0; i < count; i++)
		there[e[i]] = true;
	for (uint32_t i = 0; i < ELEMENTS; i++)
		if (!there[i])
			all &= !dpool_restore(&w->pool, &i);
	return all;
}

/* --- work ------------------------------------------------------------------------------------------ */

static uint32_t held[WORKERS][HELD_MOST], held_count[WORKERS];

/* What the others have told of the pool's messages so far is in the counters; ours goes there too. */
static void stats_tell(void)
{
	static uint64_t messages, elements;
	uint64_t now = whole.pool.stats.asked + whole.pool.stats.pushed;

	if (host_clients_done())
		return;
	host_count("messages", (int64_t)(now - messages));
	messages = now;
	host_count("elements", (int64_t)(whole.pool.stats.sent - elements));
	elements = whole.pool.stats.sent;
}

static bool element_take(uint32_t *e)
{
	uint64_t from = fabric_now(fleet->fabric);
	err_t err = dpool_whole_hold(&whole, e);

	if (err == ERR_NOT_FOUND)
		return false;
	if (err)
		host_violation("a take: %s", error_text(err));
	if (owner_of(*e) == QUEUE || (owner_of(*e) && host_lives(owner_of(*e))))
		host_violation("element %u is given twice: %lx has it", *e, owner_of(*e));
	owner_set(*e, process_self_pid());
	dpool_settle(&whole.pool, e);
	if (!host_clients_done())
		host_answered("take", from);
	stats_tell();
	return true;
}

/* It counts as ours till the pool has it. */
static void element_give(uint32_t e)
{
	err_t err = dpool_keep(&whole.pool, &e);

	if (err)
		host_violation("an element that is to be given: %s", error_text(err));
	owner_set(e, 0);
	err = dpool_give(&whole.pool, &e);
	if (err)
		host_violation("a give: %s", error_text(err));
	dpool_settle(&whole.pool, &e);
	stats_tell();
}

static void queue_put(uint32_t e)
{
	uint64_t at = host_count(IN, 1) - 1;

	host_tally(QUEUED, at, (int64_t)(e - host_tally(QUEUED, at, 0)));
	owner_set(e, QUEUE);
}

static bool queue_take(uint32_t *e)
{
	if (host_count(IN, 0) == host_count(OUT, 0))
		return false;
	*e = (uint32_t)host_tally(QUEUED, host_count(OUT, 1) - 1, 0);
	owner_set(*e, process_self_pid());
	return true;
}

/* Takes or gives back its own. False: it could do nothing. */
static bool step_even(unsigned worker)
{
	uint32_t *count = &held_count[worker];
	bool more = *count == 0 || (*count < HELD_MOST && host_random(2));

	if (more)
		return element_take(&held[worker][*count]) && ++*count;
	element_give(held[worker][--*count]);
	return true;
}

/* Takes for others, or gives what others took. */
static bool step_apart(bool takes)
{
	uint32_t e;

	if (takes && host_count(IN, 0) - host_count(OUT, 0) < ELEMENTS / 2) {
		if (!element_take(&e))
			return false;
		queue_put(e);
		return true;
	}
	if (takes || !queue_take(&e))
		return false;
	element_give(e);
	return true;
}

static bool step(unsigned worker)
{
	unsigned rank = view_rank(&fleet->view, fleet->number), members = fleet->view.count;

	if (members == 1 || host_load("even"))
		return step_even(worker);
	return step_apart(host_load("skewed") ? rank + 1 == members : rank % 2 == 1);
}

static void rest(unsigned worker)
{
	uint32_t e;

	while (held_count[worker])
		element_give(held[worker][--held_count[worker]]);
	while (queue_take(&e))
		element_give(e);
}

static void *work(void *arg)
{
	unsigned worker = (unsigned)(uintptr_t)arg;

	while (!host_count("at work", 0))
		thread_sleep_until(fabric_now(fleet->fabric) + PAUSE_NS);
	while (!host_clients_done()) {
		bool done = step(worker);

		if (done)
			host_work(WORK_NS);
		thread_sleep_until(fabric_now(fleet->fabric) + (done ? 1 : PAUSE_NS));
	}
	rest(worker);
	return NULL;
}

/* --- the end: all are taken, each once -------------------------------------------------------------- */

static void count_all(void)
{
	uint32_t e, taken = 0;

	while (taken < ELEMENTS) {
		if (element_take(&e))
			taken++;
		else
			thread_sleep_until(fabric_now(fleet->fabric) + PAUSE_NS);
	}
	if (element_take(&e))
		host_violation("there are more elements than there were: %u", e);
	host_count("counted", 1);
}

static void *counter(void *unused)
{
	while (!host_count("to be counted", 0) || view_rank(&fleet->view, fleet->number))
		thread_sleep_until(fabric_now(fleet->fabric) + fleet_ms(fleet, 1));
	count_all();
	return unused;
}

/* --- the fleet ----------------------------------------------------------------------------------------- */

static err_t init(struct fleet *f)
{
	const struct dpool_scheme *scheme = NULL;
	uint32_t mean = ELEMENTS / (uint32_t)host_option("members");

	fleet = f;
	for (unsigned i = 0; i < DPOOL_SCHEMES; i++)
		if (host_scheme(dpool_schemes[i].name))
			scheme = &dpool_schemes[i];
	if (!scheme)
		host_violation("--scheme names none of dPool's");
	return dpool_whole_open(&whole, f, scheme, sizeof(uint32_t), mean / 4, mean + mean / 2, books, missing);
}

static err_t begin(struct fleet *f)
{
	err_t err = dpool_whole_start(&whole);
	struct thread *t;

	for (uint32_t e = 0; e < ELEMENTS && f->view.count == 1 && !err; e++)
		err = dpool_restore(&whole.pool, &e);
	for (uintptr_t i = 0; i < WORKERS && !err; i++)
		err = thread_create(&t, work, (void *)i);
	return err ? err : thread_create(&t, counter, NULL);
}

static void changed(struct fleet *f, const struct fleet_view *old)
{
	(void)f;
	dpool_whole_changed(&whole, old);
}

static const struct fleet_ops ops = { .name = "pool", .init = init, .start = begin, .changed = changed };

int main(int argc, char **argv)
{
	(void)argv;
	return fleet_main(argc > 2 ? argc : 1, argv, &ops);
}
