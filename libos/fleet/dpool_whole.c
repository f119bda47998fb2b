/*
 * Bringing back what lost members had of a pool: dpool_whole.h.
 */
#include "libos/fleet/dpool_whole.h"

#include "libos/fleet/dpool_fleet.h"

#include <string.h>

#define RETRY_MS 10

/* --- the coordinator's thread ---------------------------------------------------------------------------- */

static bool coordinates(const struct dpool_whole *w)
{
	const struct fleet_member *first = view_coordinator(&w->fleet->view);

	return first && first->number == w->fleet->number;
}

static void heard(struct dpool *p, const void *held, uint32_t count)
{
	struct dpool_whole *w = (struct dpool_whole *)p;

	/* Else somebody could not be heard, or books may have moved: not now. */
	if (p->stats.unheard == w->hearing.unheard && w->fleet->view.head.version == w->hearing.view &&
	    fleet_still(w->fleet))
		w->hearing.done = w->missing(w, held, count);
}

/* Until another view, if there is one to come; else, as where memory was short, for a while. */
static void rebuild_later(struct dpool_whole *w)
{
	struct fleet *f = w->fleet;

	if (f->view.head.version != w->hearing.view)
		return;
	if (w->pool.stats.unheard != w->hearing.unheard)
		fleet_wait_change(f, w->hearing.view);
	else
		thread_sleep_until(fabric_now(f->fabric) + fleet_ms(f, RETRY_MS));
}

static void rebuild(struct dpool_whole *w)
{
	fleet_wait_still(w->fleet);
	w->hearing.view = w->fleet->view.head.version;
	w->hearing.unheard = w->pool.stats.unheard;
	w->hearing.lost = w->lost;
	w->hearing.done = false;
	dpool_rebuild(&w->pool, heard);
	if (!w->hearing.done) {
		rebuild_later(w);
		return;
	}
	w->regained = w->hearing.lost;
	cond_broadcast(&w->changed);
}

static void *keeper(void *arg)
{
	struct dpool_whole *w = arg;

	for (;;) {
		if (w->lost != w->regained && coordinates(w))
			rebuild(w);
		else
			event_wait(&w->news, 0);
	}
	return NULL;
}

/* --- who finds nothing ------------------------------------------------------------------------------------ */

/* By somebody who has that view: tells, when nothing is to be brought back, how often something was. */
static err_t asked(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
		   size_t *answered)
{
	struct dpool_whole *w = arg;
	uint64_t version, state;

	(void)from, (void)what;
	if (bytes != sizeof version || *answered < sizeof state)
		return ERR_MESSAGE;
	memcpy(&version, data, sizeof version);
	fleet_wait_view(w->fleet, version);
	mutex_lock(&w->lock);
	rpc_release(&w->fleet->server);
	while (w->lost != w->regained && coordinates(w))
		cond_wait(&w->changed, &w->lock, 0);
	mutex_unlock(&w->lock);
	if (!coordinates(w))
		return ERR_AGAIN;
	state = (uint64_t)w->fleet->number << 32 | w->regained;
	memcpy(answer, &state, sizeof state);
	*answered = sizeof state;
	return ERR_OK;
}

/* False: somebody died, and there is another view now. */
static bool state_ask(struct dpool_whole *w, uint64_t version, uint64_t *state)
{
	const struct fleet_member *first = view_coordinator(&w->fleet->view);
	size_t bytes = sizeof *state;

	if (first && !fleet_ask(w->fleet, first->number, FLEET_PORT_OWN, 0, &version, sizeof version, state, &bytes))
		return true;
	fleet_wait_change(w->fleet, version);
	return false;
}

/* There is none when a look at all, and nobody was dead, finds none between two equal answers of the coordinator. */
static err_t hold_or_none(struct dpool_whole *w, void *element)
{
	uint64_t before = UINT64_MAX, state = UINT64_MAX;

	for (;;) {
		uint64_t version = w->fleet->view.head.version, unheard = w->pool.stats.unheard;
		err_t err = dpool_hold(&w->pool, element);

		if (err != ERR_NOT_FOUND)
			return err;
		before = state;
		if (w->pool.stats.unheard != unheard) {
			fleet_wait_change(w->fleet, version);
			state = UINT64_MAX;
		} else if (!state_ask(w, version, &state)) {
			state = UINT64_MAX;
		} else if (state == before) {
			return ERR_NOT_FOUND;
		}
	}
}

err_t dpool_whole_hold(struct dpool_whole *w, void *element)
{
	err_t err = dpool_hold(&w->pool, element);

	if (err != ERR_NOT_FOUND)
		return err;
	mutex_lock(&w->looking);
	err = hold_or_none(w, element);
	mutex_unlock(&w->looking);
	return err;
}

/* --- life --------------------------------------------------------------------------------------------------- */

err_t dpool_whole_open(struct dpool_whole *w, struct fleet *f, const struct dpool_scheme *scheme, uint32_t bytes,
		       uint32_t low, uint32_t high, uint32_t (*books)(struct dpool *p, void *elements, uint32_t room),
		       bool (*missing)(struct dpool_whole *w, const void *held, uint32_t count))
{
	err_t err = dpool_fleet_open(&w->pool, f, scheme, bytes, low, high);

	w->pool.books = books;
	w->fleet = f;
	w->missing = missing;
	w->lost = w->regained = 0;
	event_init(&w->news);
	mutex_init(&w->lock, false);
	cond_init(&w->changed);
	mutex_init(&w->looking, false);
	fleet_listen(f, FLEET_PORT_OWN, asked, w);
	return err;
}

err_t dpool_whole_start(struct dpool_whole *w)
{
	struct thread *t;
	err_t err = thread_create(&t, keeper, w);

	if (!err)
		thread_detach(t);
	return err;
}

void dpool_whole_changed(struct dpool_whole *w, const struct fleet_view *old)
{
	for (uint32_t i = 0; i < old->count; i++)
		w->lost += !view_get(&w->fleet->view, old->member[i].number);
	event_signal(&w->news);
	cond_broadcast(&w->changed);
	dpool_fleet_changed(&w->pool, w->fleet, old);
}
