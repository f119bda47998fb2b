/*
 * After the death of members: what is neither in a shard that is left nor in use comes back. See dpool.h.
 *
 * And what a member tells of for that: its shard, its books, and its hand, where elements are between the two.
 */
#include "libos/fleet/dpool_private.h"

#include <stdlib.h>
#include <string.h>

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
	if (dpool_frozen(p))
		dpool_thaw_await(p);
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
	if (dpool_frozen(p))
		hand_at(p, i)[p->bytes] = true;
	else
		hand_drop(p, i);
}

/* --- what one has -------------------------------------------------------------------------------------------- */

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
		dpool_changed_await(p);
	mutex_unlock(&p->lock);
}

static err_t held_tell(struct dpool *p, uint32_t by, const uint8_t *elements, uint32_t count)
{
	uint32_t batch = dpool_batch_max(p);
	err_t err = ERR_OK;

	for (uint32_t i = 0; i < count && !err; i += batch) {
		uint32_t n = count - i < batch ? count - i : batch;

		err = dpool_tell(p, by, HELD, elements + (size_t)i * p->bytes, n);
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

	for (; dpool_frozen(p) && p->frozen_by < by; waited = true)
		dpool_thaw_await(p);
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
	dpool_work_wake(p);
}

/* Of a rebuild that another one has gone before. */
static err_t not_now(const struct dpool *p) { return dpool_frozen(p) ? ERR_AGAIN : ERR_MESSAGE; }

err_t dpool_rebuild_told(struct dpool *p, uint32_t from, uint32_t what, const uint8_t *elements, uint32_t count)
{
	switch (what) {
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

/* --- after a death -------------------------------------------------------------------------------------------- */

/* One more that has died is passed over: whoever is its heir begins anew, with what we give now. */
static err_t tell_all(struct dpool *p, uint32_t what)
{
	uint32_t other[DPOOL_MEMBERS];
	unsigned n = p->transport->others(p, other);
	err_t err = ERR_OK;

	for (unsigned i = 0; i < n && !err; i++) {
		err = dpool_tell(p, other[i], what, NULL, 0);
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
