/*
 * dPool: see dpool.h.
 *
 * The shard is a stack: what was given last is taken first, and is warm. Elements under way between two shards
 * are in neither; the sender counts them (moving), so that a rebuild (dpool_rebuild.c), which first has every member
 * stop sending and wait for its own messages, sees each element where it is.
 */
#include "libos/fleet/dpool_private.h"

#include <stdlib.h>
#include <string.h>

const struct dpool_scheme dpool_schemes[DPOOL_SCHEMES] = {
	{ "exhaustion", false, false, false, false }, { "bulk", true, false, false, false },
	{ "pull", true, true, false, false },         { "push", false, false, true, false },
	{ "estimate", false, false, true, true },
};

const struct dpool_scheme *dpool_scheme_find(const char *name)
{
	for (unsigned i = 0; i < DPOOL_SCHEMES; i++)
		if (strcmp(dpool_schemes[i].name, name) == 0)
			return &dpool_schemes[i];
	return NULL;
}

/* --- the shard -------------------------------------------------------------------------------- */

static bool room_make(struct dpool *p, uint32_t more)
{
	uint32_t room = p->room ? p->room : 64;
	uint8_t *larger;

	while (room < p->count + p->coming + more)
		room *= 2;
	if (room == p->room)
		return true;
	larger = realloc(p->element, (size_t)room * p->bytes);
	if (!larger)
		return false;
	p->element = larger;
	p->room = room;
	return true;
}

static void shard_add(struct dpool *p, const void *elements, uint32_t count)
{
	memcpy(p->element + (size_t)p->count * p->bytes, elements, (size_t)count * p->bytes);
	p->count += count;
}

/* --- what we know of the others ------------------------------------------------------------------- */

static void estimate_set(struct dpool *p, uint32_t member, uint32_t count)
{
	unsigned i = 0;

	while (i < p->estimates && p->estimate[i].member != member)
		i++;
	if (i == DPOOL_MEMBERS)
		return;
	if (i == p->estimates)
		p->estimate[p->estimates++].member = member;
	p->estimate[i].count = count;
}

/* Of whom nothing is known: nothing is there. */
static uint32_t estimate_get(const struct dpool *p, uint32_t member)
{
	for (unsigned i = 0; i < p->estimates; i++)
		if (p->estimate[i].member == member)
			return p->estimate[i].count;
	return 0;
}

/* --- messages: a word with the sender's count goes ahead of what there is to say --------------------- */

err_t dpool_tell(struct dpool *p, uint32_t member, uint32_t what, const void *elements, uint32_t count)
{
	uint8_t text[sizeof(uint32_t) + DPOOL_BATCH];
	err_t err;

	memcpy(text, &p->count, sizeof p->count);
	if (count)
		memcpy(text + sizeof p->count, elements, (size_t)count * p->bytes);
	err = p->transport->tell(p, member, what, text, sizeof p->count + (size_t)count * p->bytes);
	p->stats.unheard += err == ERR_CLOSED;
	return err;
}

/* Elements that are ours when the user has said so, one by one. There is room for them. */
static void elements_own(struct dpool *p, const uint8_t *elements, uint32_t count)
{
	uint8_t one[DPOOL_BATCH / 2];

	p->coming += count;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(one, elements + (size_t)i * p->bytes, p->bytes);
		if (!p->transport->own(p, one))
			shard_add(p, one, 1);
		p->coming--;
	}
	cond_broadcast(&p->changed);
}

/* Moves the top `count` elements to that member. If it dies meanwhile they are gone with it, or their owner knows. */
static err_t shard_send(struct dpool *p, uint32_t member, uint32_t count)
{
	uint8_t batch[DPOOL_BATCH];
	err_t err;

	if (count > dpool_batch_max(p))
		count = dpool_batch_max(p);
	if (count > p->count)
		count = p->count;
	p->count -= count;
	memcpy(batch, p->element + (size_t)p->count * p->bytes, (size_t)count * p->bytes);
	p->moving++;
	err = dpool_tell(p, member, ELEMENTS, batch, count);
	p->moving--;
	cond_broadcast(&p->changed);
	if (err && err != ERR_CLOSED && room_make(p, count)) {
		shard_add(p, batch, count); /* it was refused: there was no room */
		return err;
	}
	if (err == ERR_CLOSED && p->transport->own && room_make(p, count)) {
		elements_own(p, batch, count);
		return err;
	}
	p->stats.sent += count;
	return err;
}

/* --- taking and giving ---------------------------------------------------------------------------------- */

/* Asks the others in turn until something has come. ERR_NOT_FOUND: nobody has any. */
static err_t ask_others(struct dpool *p)
{
	uint32_t other[DPOOL_MEMBERS];
	unsigned n = p->transport->others(p, other);
	uint32_t first = p->turn;

	/* Several takers may be at it, and each asks all. */
	for (unsigned i = 0; i < n && !p->count; i++) {
		p->stats.asked++;
		p->turn = first + i; /* who gave is asked first the next time */
		/* What it gives has come before it has answered. */
		dpool_tell(p, other[p->turn % n], p->scheme->bulk ? ASK_HALF : ASK_ONE, NULL, 0);
	}
	return p->count ? ERR_OK : ERR_NOT_FOUND;
}

void dpool_changed_await(struct dpool *p)
{
	if (p->transport->release)
		p->transport->release(p);
	cond_wait(&p->changed, &p->lock, 0);
}

void dpool_thaw_await(struct dpool *p)
{
	mutex_lock(&p->lock);
	while (dpool_frozen(p) && !p->stopped)
		dpool_changed_await(p);
	mutex_unlock(&p->lock);
}

void dpool_work_wake(struct dpool *p)
{
	if ((p->scheme->pulls && p->count < p->low) || (p->scheme->pushes && p->count > p->high))
		event_signal(&p->work);
}

err_t dpool_take(struct dpool *p, void *element)
{
	while (!p->count) {
		/* While shards are counted nothing comes; and what is found missing may come after. */
		err_t err = dpool_frozen(p) ? ERR_AGAIN : ask_others(p);

		if (dpool_frozen(p))
			dpool_thaw_await(p);
		else if (err)
			return err;
	}
	p->count--;
	memcpy(element, p->element + (size_t)p->count * p->bytes, p->bytes);
	p->stats.taken++;
	dpool_work_wake(p);
	return ERR_OK;
}

err_t dpool_restore(struct dpool *p, const void *element)
{
	if (!room_make(p, 1))
		return ERR_NO_MEMORY;
	shard_add(p, element, 1);
	return ERR_OK;
}

err_t dpool_give(struct dpool *p, const void *element)
{
	err_t err;

	if (dpool_frozen(p))
		dpool_thaw_await(p);
	err = dpool_restore(p, element);
	if (err)
		return err;
	p->stats.given++;
	dpool_work_wake(p);
	return ERR_OK;
}

static void coming_await(struct dpool *p)
{
	mutex_lock(&p->lock);
	while (p->coming)
		cond_wait(&p->changed, &p->lock, 0);
	mutex_unlock(&p->lock);
}

err_t dpool_leave(struct dpool *p)
{
	uint32_t other[DPOOL_MEMBERS];
	unsigned refusals = 0, n;
	err_t err;

	p->leaving = true;
	coming_await(p);
	while (p->count) {
		if (dpool_frozen(p))
			dpool_thaw_await(p);
		n = p->transport->others(p, other);
		if (refusals >= n)
			return n ? ERR_NO_MEMORY : ERR_NOT_FOUND;
		err = shard_send(p, other[p->turn++ % n], p->count);
		refusals = !err || err == ERR_AGAIN ? 0 : refusals + 1;
	}
	return ERR_OK;
}

/* --- ahead of need: a thread per shard ----------------------------------------------------------------------- */

static uint32_t poorest(struct dpool *p, const uint32_t *other, unsigned n)
{
	uint32_t best = other[p->turn++ % n];

	for (unsigned i = 0; i < n; i++)
		if (estimate_get(p, other[i]) < estimate_get(p, best))
			best = other[i];
	return best;
}

static void pull(struct dpool *p)
{
	uint32_t other[DPOOL_MEMBERS];
	unsigned n = p->transport->others(p, other);

	for (unsigned i = 0; i < n && p->count < p->low && !dpool_frozen(p); i++) {
		p->stats.asked++;
		dpool_tell(p, other[p->turn++ % n], ASK_HALF, NULL, 0);
	}
}

static void push(struct dpool *p)
{
	uint32_t other[DPOOL_MEMBERS], surplus = p->count - p->high, to;
	unsigned n = p->transport->others(p, other);

	if (!n)
		return;
	to = p->scheme->estimates ? poorest(p, other, n) : other[p->turn++ % n];
	if (p->scheme->estimates && estimate_get(p, to) >= p->count)
		return;
	p->stats.pushed++;
	shard_send(p, to, (surplus + 1) / 2);
}

void dpool_work(struct dpool *p)
{
	if (dpool_frozen(p) || p->stopped || p->leaving)
		return;
	if (p->scheme->pulls && p->count < p->low)
		pull(p);
	else if (p->scheme->pushes && p->count > p->high)
		push(p);
}

static void *worker(void *pool)
{
	struct dpool *p = pool;

	while (!p->stopped) {
		event_wait(&p->work, 0);
		dpool_work(p);
	}
	free(p->element);
	free(p->hand);
	p->element = p->hand = NULL;
	return NULL;
}

err_t dpool_open(struct dpool *p, const struct dpool_scheme *scheme, const struct dpool_transport *t, uint32_t self,
		 uint32_t bytes, uint32_t low, uint32_t high, void *tag)
{
	struct thread *thread;
	err_t err;

	memset(p, 0, sizeof *p);
	p->scheme = scheme;
	p->transport = t;
	p->self = self;
	p->bytes = bytes;
	p->low = low;
	p->high = high;
	p->tag = tag;
	p->frozen_by = DPOOL_NOBODY;
	event_init(&p->work);
	mutex_init(&p->lock, false);
	cond_init(&p->changed);
	err = bytes && bytes <= DPOOL_BATCH / 2 && room_make(p, 1) ? ERR_OK : ERR_NO_MEMORY;
	if (!err)
		err = thread_create(&thread, worker, p);
	if (!err)
		thread_detach(thread);
	return err;
}

void dpool_close(struct dpool *p)
{
	p->stopped = true;
	p->count = 0;
	event_signal(&p->work);
}

/* --- what others say --------------------------------------------------------------------------------------------- */

static err_t asked(struct dpool *p, uint32_t from, bool half)
{
	uint32_t spare = half ? (p->count + 1) / 2 : p->count ? 1 : 0;

	/* Who pulls ahead of need gets nothing of what we need ourselves. */
	if (dpool_frozen(p) || !spare)
		return ERR_NOT_FOUND;
	return shard_send(p, from, spare);
}

static err_t elements_came(struct dpool *p, const void *elements, uint32_t count)
{
	/* Frozen: ours have been counted. The sender keeps them, and counts them as its own. */
	if (dpool_frozen(p))
		return ERR_AGAIN;
	if (p->stopped || p->leaving || !room_make(p, count))
		return ERR_NO_MEMORY;
	if (p->transport->own)
		elements_own(p, elements, count);
	else
		shard_add(p, elements, count);
	p->stats.received += count;
	dpool_work_wake(p);
	return ERR_OK;
}

err_t dpool_told(struct dpool *p, uint32_t from, uint32_t what, const void *data, size_t bytes)
{
	const uint8_t *elements = (const uint8_t *)data + sizeof(uint32_t);
	uint32_t count;

	if (bytes < sizeof(uint32_t) || (bytes - sizeof(uint32_t)) % p->bytes)
		return ERR_MESSAGE;
	memcpy(&count, data, sizeof count);
	estimate_set(p, from, count);
	count = (uint32_t)((bytes - sizeof(uint32_t)) / p->bytes);
	switch (what) {
	case ASK_ONE:
	case ASK_HALF:
		return asked(p, from, what == ASK_HALF);
	case ELEMENTS:
		return elements_came(p, elements, count);
	default:
		return dpool_rebuild_told(p, from, what, elements, count);
	}
}
