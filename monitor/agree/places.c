/*
 * The order of the cores by topology. Portable.
 */
#include "monitor/agree/places.h"

#define DISTANCE_LOCAL 10 /* ACPI's, to itself */

unsigned places, place_own, set_words;
uint16_t places_core[CORES_MAX], cores_place[CORES_MAX];

static const struct boot_info *where;

static bool core_before(coreid_t a, coreid_t b)
{
	if (where->node[a] != where->node[b])
		return where->node[a] < where->node[b];
	if (where->package[a] != where->package[b])
		return where->package[a] < where->package[b];
	return a < b;
}

void places_init(const struct boot_info *info, coreid_t own)
{
	where = info;
	places = info->cores < CORES_MAX ? info->cores : CORES_MAX;
	set_words = (places + 63) / 64;
	/* By insertion: the firmware's order is nearly this one. */
	for (unsigned i = 0; i < places; i++) {
		unsigned at = i;

		for (; at > 0 && core_before(i, places_core[at - 1]); at--)
			places_core[at] = places_core[at - 1];
		places_core[at] = (uint16_t)i;
	}
	for (unsigned i = 0; i < places; i++)
		cores_place[places_core[i]] = (uint16_t)i;
	place_own = core_place(own);
}

bool places_share(unsigned a, unsigned b, enum level level)
{
	coreid_t x = places_core[a], y = places_core[b];

	switch (level) {
	case LEVEL_NODE:
		return where->node[x] == where->node[y];
	case LEVEL_PACKAGE:
		return where->node[x] == where->node[y] && where->package[x] == where->package[y];
	default:
		return a == b;
	}
}

unsigned places_distance(unsigned a, unsigned b)
{
	uint8_t x = where->node[places_core[a]], y = where->node[places_core[b]];
	unsigned far = x < NODES_MAX && y < NODES_MAX ? where->distance[x][y] : 0;

	if (a == b)
		return 0;
	if (x == y)
		return places_share(a, b, LEVEL_PACKAGE) ? 1 : 2;
	return far > DISTANCE_LOCAL ? far : DISTANCE_LOCAL + 1;
}

unsigned set_count(const uint64_t *set)
{
	unsigned count = 0;

	for (unsigned i = 0; i < set_words; i++)
		count += (unsigned)__builtin_popcountll(set[i]);
	return count;
}
