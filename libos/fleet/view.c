/*
 * Views: members in the order of their numbers, and the choice of members for keys.
 *
 * Portable and without state: the same on metal, in the simulator and in unit tests.
 */
#include "libos/fleet/view.h"

/* Index of the first member whose number is not below. */
static uint32_t place_of(const struct fleet_view *v, uint32_t number)
{
	uint32_t i = 0;

	while (i < v->count && v->member[i].number < number)
		i++;
	return i;
}

const struct fleet_member *view_get(const struct fleet_view *v, uint32_t number)
{
	uint32_t i = place_of(v, number);

	return i < v->count && v->member[i].number == number ? &v->member[i] : NULL;
}

struct fleet_member *view_find(struct fleet_view *v, uint32_t number)
{
	uint32_t i = place_of(v, number);

	return i < v->count && v->member[i].number == number ? &v->member[i] : NULL;
}

struct fleet_member *view_find_pid(struct fleet_view *v, uint64_t pid)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (v->member[i].at.pid == pid)
			return &v->member[i];
	return NULL;
}

err_t view_add(struct fleet_view *v, const struct fleet_member *m)
{
	uint32_t i = place_of(v, m->number);

	if (i < v->count && v->member[i].number == m->number)
		return ERR_EXISTS;
	if (v->count == FLEET_MEMBERS)
		return ERR_NO_MEMORY;
	for (uint32_t k = v->count++; k > i; k--)
		v->member[k] = v->member[k - 1];
	v->member[i] = *m;
	return ERR_OK;
}

err_t view_remove(struct fleet_view *v, uint32_t number)
{
	uint32_t i = place_of(v, number);

	if (i == v->count || v->member[i].number != number)
		return ERR_NOT_FOUND;
	v->count--;
	for (; i < v->count; i++)
		v->member[i] = v->member[i + 1];
	return ERR_OK;
}

const struct fleet_member *view_coordinator(const struct fleet_view *v) { return v->count ? &v->member[0] : NULL; }

unsigned view_rank(const struct fleet_view *v, uint32_t number) { return place_of(v, number); }

const struct fleet_member *view_heir(const struct fleet_view *v, uint32_t number)
{
	uint32_t i = place_of(v, number);

	if (i < v->count && v->member[i].number == number)
		i++;
	if (i == v->count)
		i = 0;
	return v->count && v->member[i].number != number ? &v->member[i] : NULL;
}

uint64_t view_next_version(uint64_t last, uint32_t coordinator)
{
	return last >> 32 == coordinator ? last + 1 : (uint64_t)coordinator << 32 | 1;
}

unsigned view_count(const struct fleet_view *v, enum fleet_state state)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < v->count; i++)
		n += v->member[i].state == state;
	return n;
}

uint32_t view_load(const struct fleet_view *v)
{
	unsigned n = view_count(v, FLEET_SERVING);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < v->count; i++)
		sum += v->member[i].state == FLEET_SERVING ? v->member[i].load : 0;
	return n ? (uint32_t)(sum / n) : 0;
}

/* --- partition -------------------------------------------------------------------- */

/* The finaliser of splitmix64: every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* FNV-1a, then mixed: its own high bits are weak for short keys. */
uint64_t view_hash(const void *key, size_t bytes)
{
	const uint8_t *byte = key;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return mix(hash ^ bytes);
}

/* Into its place among the choices so far, which are in the order of their weights. */
static unsigned choice_insert(const struct fleet_member **choice, uint64_t *weight, unsigned count, unsigned most,
			      const struct fleet_member *m, uint64_t own)
{
	unsigned at = count;

	while (at && own > weight[at - 1])
		at--;
	if (at == most)
		return count;
	count += count < most;
	for (unsigned i = count - 1; i > at; i--) {
		choice[i] = choice[i - 1];
		weight[i] = weight[i - 1];
	}
	choice[at] = m;
	weight[at] = own;
	return count;
}

unsigned view_choose(const struct fleet_view *v, uint64_t hash, const struct fleet_member **choice, unsigned most)
{
	uint64_t weight[FLEET_MIRRORS + 1];
	unsigned count = 0;

	most = most < FLEET_MIRRORS + 1 ? most : FLEET_MIRRORS + 1;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct fleet_member *m = &v->member[i];

		if (m->state != FLEET_LEAVING)
			count = choice_insert(choice, weight, count, most, m,
					      mix(hash + (m->number + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15)));
	}
	return count;
}
