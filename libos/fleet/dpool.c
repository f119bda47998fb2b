/*
 * dPool: see dpool.h.
 *
 * The shard is a stack: what was given last is taken first, and is warm. Elements under way between two shards
 * are in neither; the sender counts them (moving), so that a rebuild, which first has every member stop
 * sending and wait for its own messages, sees each element where it is.
 */
#include "libos/fleet/dpool.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_ONE, ASK_HALF, ELEMENTS, FREEZE, TELL, HELD, THAW };

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

static uint32_t batch_max(const struct dpool *p) { return DPOOL_BATCH / p->bytes; }

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

static err_t tell(struct dpool *p, uint32_t member, uint32_t what, const void *elements, uint32_t count)
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

	if (count > batch_max(p))
		count = batch_max(p);
	if (count > p->count)
		count = p->count;
	p->count -= count;
	memcpy(batch, p->element + (size_t)p->count * p->bytes, (size_t)count * p->bytes);
	p->moving++;
	err = tell(p, member, ELEMENTS, batch, count);
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

static bool frozen(const struct dpool *p) { return p->frozen_by != DPOOL_NOBODY; }

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
		tell(p, other[p->turn % n], p->scheme->bulk ? ASK_HALF : ASK_ONE, NULL, 0);
	}
	return p->count ? ERR_OK : ERR_NOT_FOUND;
}

static void changed_await(struct dpool *p)
{
	if (p->transport->release)
		p->transport->release(p);
	cond_wait(&p->changed, &p->lock, 0);
}

static void thaw_await(struct dpool *p)
{
	mutex_lock(&p->lock);
	while (frozen(p) && !p->stopped)
		changed_await(p);
	mutex_unlock(&p->lock);
}

static void work_wake(struct dpool *p)
{
	if ((p->scheme->pulls && p->count < p->low) || (p->scheme->pushes && p->count > p->high))
		event_signal(&p->work);
}

err_t dpool_take(struct dpool *p, void *element)
{
	while (!p->count) {
		/* While shards are counted nothing comes; and what is found missing may come after. */
		err_t err = frozen(p) ? ERR_AGAIN : ask_others(p);

		if (frozen(p))
			thaw_await(p);
		else if (err)
			return err;
	}
	p->count--;
	memcpy(element, p->element + (size_t)p->count * p->bytes, p->bytes);
	p->stats.taken++;
	work_wake(p);
	return ERR_OK;
}

/* --- the hand: elements with a byte behind each ------------------------------------------------------------- */

static uint8_t *hand_at(const struct dpool *p, uint32_t i) { return p->hand + (size_t)i * (p->bytes + 1); }

static err_t hand_add(struct dpool *p, const void *element)
{
	uint8_t *larger;

	if (p->hand_count == p->hand_room) {
		larger = realloc(p->hand, (size_t)(p->hand_room + 32) * (p->bytes + 1));
		if (!larger)
			return ERR_NO_MEMORY;
		p->hand = larger;
		p->hand_room += 32;
	}
	memcpy(hand_at(p, p->hand_count), element, p->bytes);
	hand_at(p, p->hand_count++)[p->bytes] = false;
	return ERR_OK;
}

static void hand_drop(struct dpool *p, uint32_t i) { memcpy(hand_at(p, i), hand_at(p, --p->hand_count), p->bytes + 1); }

static void hand_drop_settled(struct dpool *p)
{
	for (uint32_t i = p->hand_count; i-- > 0;)
		if (hand_at(p, i)[p->bytes])
			hand_drop(p, i);
}

err_t dpool_keep(struct dpool *p, const void *element)
{
	/* Our books may have been told of before, and it would be in none of both. */
	if (frozen(p))
		thaw_await(p);
	return hand_add(p, element);
}

err_t dpool_hold(struct dpool *p, void *element)
{
	err_t err = dpool_take(p, element);

	if (!err && (err = hand_add(p, element)))
		dpool_give(p, element);
	return err;
}

void dpool_settle(struct dpool *p, const void *element)
{
	uint32_t i = 0;

	while (i < p->hand_count && (hand_at(p, i)[p->bytes] || memcmp(hand_at(p, i), element, p->bytes)))
		i++;
	if (i == p->hand_count)
		return;
	if (frozen(p))
		hand_at(p, i)[p->bytes] = true;
	else
		hand_drop(p, i);
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

	if (frozen(p))
		thaw_await(p);
	err = dpool_restore(p, element);
	if (err)
		return err;
	p->stats.given++;
	work_wake(p);
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
		if (frozen(p))
			thaw_await(p);
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

	for (unsigned i = 0; i < n && p->count < p->low && !frozen(p); i++) {
		p->stats.asked++;
		tell(p, other[p->turn++ % n], ASK_HALF, NULL, 0);
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
	if (frozen(p) || p->stopped || p->leaving)
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
	if (frozen(p) || !spare)
		return ERR_NOT_FOUND;
	return shard_send(p, from, spare);
}

static err_t elements_came(struct dpool *p, const void *elements, uint32_t count)
{
	/* Frozen: ours have been counted. The sender keeps them, and counts them as its own. */
	if (frozen(p))
		return ERR_AGAIN;
	if (p->stopped || p->leaving || !room_make(p, count))
		return ERR_NO_MEMORY;
	if (p->transport->own)
		elements_own(p, elements, count);
	else
		shard_add(p, elements, count);
	p->stats.received += count;
	work_wake(p);
	return ERR_OK;
}

static err_t held_came(struct dpool *p, const void *elements, uint32_t count)
{
	uint32_t need = p->held_count + count, room = p->held_room ? p->held_room : 256;
	uint8_t *larger;

	while (room < need)
		room *= 2;
	if (room != p->held_room) {
		larger = realloc(p->held, (size_t)room * p->bytes);
		if (!larger)
			return ERR_NO_MEMORY;
		p->held = larger;
		p->held_room = room;
	}
	memcpy(p->held + (size_t)p->held_count * p->bytes, elements, (size_t)count * p->bytes);
	p->held_count = need;
	return ERR_OK;
}

/* Nothing of ours is under way any more. */
static void still_await(struct dpool *p)
{
	mutex_lock(&p->lock);
	while (p->moving)
		changed_await(p);
	mutex_unlock(&p->lock);
}

static err_t held_tell(struct dpool *p, uint32_t by, const uint8_t *elements, uint32_t count)
{
	uint32_t batch = batch_max(p);
	err_t err = ERR_OK;

	for (uint32_t i = 0; i < count && !err; i += batch) {
		uint32_t n = count - i < batch ? count - i : batch;

		err = tell(p, by, HELD, elements + (size_t)i * p->bytes, n);
	}
	return err;
}

static bool is_other(struct dpool *p, uint32_t member)
{
	uint32_t other[DPOOL_MEMBERS];
	unsigned n = p->transport->others(p, other);

	while (n > 0 && other[n - 1] != member)
		n--;
	return n > 0;
}

/* Of two that rebuild the lower goes first; the other one begins again after it. */
static void freeze(struct dpool *p, uint32_t by)
{
	bool waited = false;

	for (; frozen(p) && p->frozen_by < by; waited = true)
		thaw_await(p);
	if (waited && by != p->self && !is_other(p, by))
		return; /* it has died meanwhile */
	p->frozen_by = by;
	still_await(p);
}

/* Copies all that we have: shard, hand, books. NULL: no memory. */
static uint8_t *belongings(struct dpool *p, uint32_t *count)
{
	uint32_t booked = p->books ? p->books(p, NULL, 0) : 0;
	uint8_t *copy = malloc(((size_t)p->count + p->hand_count + booked) * p->bytes + 1), *at = copy;

	if (!copy)
		return NULL;
	memcpy(at, p->element, (size_t)p->count * p->bytes);
	at += (size_t)p->count * p->bytes;
	for (uint32_t i = 0; i < p->hand_count; i++, at += p->bytes)
		memcpy(at, hand_at(p, i), p->bytes);
	if (booked)
		p->books(p, at, booked);
	*count = p->count + p->hand_count + booked;
	return copy;
}

static err_t belongings_tell(struct dpool *p, uint32_t by)
{
	uint32_t count;
	uint8_t *copy = belongings(p, &count);
	err_t err = copy ? held_tell(p, by, copy, count) : ERR_NO_MEMORY;

	free(copy);
	return err;
}

static void thaw(struct dpool *p)
{
	p->frozen_by = DPOOL_NOBODY;
	hand_drop_settled(p);
	cond_broadcast(&p->changed);
	work_wake(p);
}

/* Of a rebuild that another one has gone before. */
static err_t not_now(const struct dpool *p) { return frozen(p) ? ERR_AGAIN : ERR_MESSAGE; }

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
	case FREEZE:
		freeze(p, from);
		return ERR_OK;
	case TELL:
		return p->frozen_by == from ? belongings_tell(p, from) : not_now(p);
	case HELD:
		return p->frozen_by == p->self ? held_came(p, elements, count) : not_now(p);
	case THAW:
		if (p->frozen_by == from)
			thaw(p);
		return ERR_OK;
	default:
		return ERR_MESSAGE;
	}
}

/*
 * --- after a death
 * --------------------------------------------------------------------------------------------------
 */

/* One more that has died is passed over: whoever is its heir begins anew, with what we give now. */
static err_t tell_all(struct dpool *p, uint32_t what)
{
	uint32_t other[DPOOL_MEMBERS];
	unsigned n = p->transport->others(p, other);
	err_t err = ERR_OK;

	for (unsigned i = 0; i < n && !err; i++) {
		err = tell(p, other[i], what, NULL, 0);
		if (err == ERR_CLOSED)
			err = ERR_OK;
	}
	return err;
}

static err_t belongings_own(struct dpool *p)
{
	uint32_t count;
	uint8_t *copy = belongings(p, &count);
	err_t err = copy ? held_came(p, copy, count) : ERR_NO_MEMORY;

	free(copy);
	return err;
}

err_t dpool_rebuild(struct dpool *p, void (*missing)(struct dpool *p, const void *held, uint32_t count))
{
	err_t err;

	do {
		freeze(p, p->self);
		p->held_count = 0;
		err = tell_all(p, FREEZE);
		if (!err)
			err = tell_all(p, TELL);
		if (!err)
			err = p->frozen_by == p->self ? belongings_own(p) : ERR_AGAIN;
		if (!err)
			missing(p, p->held, p->held_count);
		tell_all(p, THAW);
		if (p->frozen_by == p->self)
			thaw(p);
	} while (err == ERR_AGAIN && !p->stopped);
	free(p->held);
	p->held = NULL;
	p->held_room = 0;
	return err;
}

void dpool_member_gone(struct dpool *p, uint32_t member)
{
	for (unsigned i = 0; i < p->estimates; i++)
		if (p->estimate[i].member == member)
			p->estimate[i--] = p->estimate[--p->estimates];
	if (p->frozen_by == member)
		thaw(p);
}
