/*
 * The pool of process numbers: ids.h.
 *
 * What a lost member had in its shard is brought back by the coordinator, in a thread of its own: views go on
 * changing meanwhile. The members' books are their records (dpool.h), so it begins when no records move, and
 * begins again if a view has come in between. Who finds no number anywhere asks the coordinator whether that
 * is all there is: it answers when nothing is left to be brought back.
 */
#include "services/proc/ids.h"

#include "libos/fleet/dpool_fleet.h"
#include "services/proc/records.h"

#include <string.h>

#define SCHEME "bulk"
#define RETRY_MS 10

static struct fleet *fleet;
static struct dpool pool;
static uint64_t lost;     /* members that have gone */
static uint64_t regained; /* ... of which what they had is back, or with others */
static struct event news;
static struct mutex lock = MUTEX_INIT;    /* for `whole` */
static struct cond whole;                 /* regained */
static struct mutex looking = MUTEX_INIT; /* of those who find nothing, one at a time looks farther */
static struct {
	uint64_t view, unheard, lost; /* when shards were begun to be heard */
	bool done;
} hearing;

/* --- after deaths ---------------------------------------------------------------------------------- */

static uint32_t books(struct dpool *p, void *ids, uint32_t room)
{
	(void)p;
	return records_ids(ids, room);
}

static void missing(struct dpool *p, const void *held, uint32_t count)
{
	static uint64_t there[PROC_ID_MAX / 64 + 1];
	const uint32_t *id = held;

	/* Somebody could not be heard, or records may have moved: not now. */
	if (p->stats.unheard != hearing.unheard || fleet->view.head.version != hearing.view || !fleet_still(fleet))
		return;
	memset(there, 0, sizeof there);
	for (uint32_t i = 0; i < count; i++)
		if (id[i] <= PROC_ID_MAX)
			there[id[i] / 64] |= UINT64_C(1) << id[i] % 64;
	hearing.done = true;
	for (uint32_t i = PROC_ID_MAX; i; i--)
		if (!(there[i / 64] >> i % 64 & 1) && dpool_restore(p, &i))
			hearing.done = false;
}

/* Until another view, if there is one to come; else, as where memory was short, for a while. */
static void rebuild_later(void)
{
	if (fleet->view.head.version != hearing.view)
		return;
	if (pool.stats.unheard != hearing.unheard)
		fleet_wait_change(fleet, hearing.view);
	else
		thread_sleep_until(fabric_now(fleet->fabric) + fleet_ms(fleet, RETRY_MS));
}

static void rebuild(void)
{
	fleet_wait_still(fleet);
	hearing.view = fleet->view.head.version;
	hearing.unheard = pool.stats.unheard;
	hearing.lost = lost;
	hearing.done = false;
	dpool_rebuild(&pool, missing);
	if (!hearing.done) {
		rebuild_later();
		return;
	}
	regained = hearing.lost;
	cond_broadcast(&whole);
}

static bool coordinates(void)
{
	const struct fleet_member *first = view_coordinator(&fleet->view);

	return first && first->number == fleet->number;
}

static void *keeper(void *unused)
{
	for (;;) {
		if (lost != regained && coordinates())
			rebuild();
		else
			event_wait(&news, 0);
	}
	return unused;
}

/* Somebody who has that view found nothing: tells, when nothing is to be brought back, how often something was. */
static err_t whole_asked(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
			 size_t *answered)
{
	uint64_t version, state;

	(void)arg, (void)from, (void)what;
	if (bytes != sizeof version || *answered < sizeof state)
		return ERR_MESSAGE;
	memcpy(&version, data, sizeof version);
	fleet_wait_view(fleet, version);
	mutex_lock(&lock);
	rpc_release(&fleet->server);
	while (lost != regained && coordinates())
		cond_wait(&whole, &lock, 0);
	mutex_unlock(&lock);
	if (!coordinates())
		return ERR_AGAIN;
	state = (uint64_t)fleet->number << 32 | regained;
	memcpy(answer, &state, sizeof state);
	*answered = sizeof state;
	return ERR_OK;
}

/* --- for the others ------------------------------------------------------------------------------- */

err_t ids_init(struct fleet *f)
{
	err_t err = dpool_fleet_open(&pool, f, dpool_scheme_find(SCHEME), sizeof(uint32_t), 0, 1);

	fleet = f;
	pool.books = books;
	event_init(&news);
	cond_init(&whole);
	fleet_listen(f, FLEET_PORT_OWN, whole_asked, NULL);
	return err;
}

err_t ids_start(struct fleet *f)
{
	struct thread *t;
	err_t err = thread_create(&t, keeper, NULL);

	if (err)
		return err;
	thread_detach(t);
	/* The lowest are taken first. */
	for (uint32_t id = f->view.count == 1 ? PROC_ID_MAX : 0; id && !err; id--)
		err = dpool_restore(&pool, &id);
	return err;
}

void ids_changed(struct fleet *f, const struct fleet_view *old)
{
	for (uint32_t i = 0; i < old->count; i++)
		lost += !view_get(&f->view, old->member[i].number);
	event_signal(&news);
	cond_broadcast(&whole);
	dpool_fleet_changed(&pool, f, old);
}

/* All that could be asked have none. Are there none? Then *state stays as it is from one look to the next. */
static void look(uint64_t version, bool unheard, uint64_t *state)
{
	const struct fleet_member *first = view_coordinator(&fleet->view);
	size_t bytes = sizeof *state;

	if (unheard || !first ||
	    fleet_ask(fleet, first->number, FLEET_PORT_OWN, 0, &version, sizeof version, state, &bytes))
		fleet_wait_change(fleet, version);
}

static err_t take_none(uint32_t *id)
{
	uint64_t state = UINT64_MAX, before;
	err_t err;

	do {
		uint64_t version = fleet->view.head.version, unheard = pool.stats.unheard;

		before = state;
		err = dpool_hold(&pool, id);
		if (err == ERR_NOT_FOUND) {
			unheard = pool.stats.unheard - unheard;
			if (unheard)
				state = UINT64_MAX;
			look(version, unheard, &state);
		}
	} while (err == ERR_NOT_FOUND && (state == UINT64_MAX || state != before));
	return err;
}

err_t id_take(uint32_t *id)
{
	err_t err = dpool_hold(&pool, id);

	if (err != ERR_NOT_FOUND)
		return err;
	mutex_lock(&looking);
	err = take_none(id);
	mutex_unlock(&looking);
	return err ? ERR_NO_MEMORY : ERR_OK;
}

void id_settle(uint32_t id) { dpool_settle(&pool, &id); }

bool id_keep(uint32_t id) { return !dpool_keep(&pool, &id); }

void id_give(uint32_t id)
{
	dpool_give(&pool, &id);
	dpool_settle(&pool, &id);
}

uint32_t ids_free(void) { return pool.count; }
