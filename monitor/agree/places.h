/*
 * Places: the cores in order of topology, and sets of them.
 *
 * A core's place is its index when all cores of the machine are ordered by node,
 * package and number.  What is near has places near, so a part of a group is a range
 * of places, whatever the group's members; all monitors compute the same order from
 * the boot record.  A set of cores is a row of bits by place.
 */
#pragma once

#include "kernel/abi/boot.h"

#define SET_WORDS_MAX (CORES_MAX / 64)

/* Orders the cores of the machine. To be done first. */
void places_init(const struct boot_info *info, coreid_t own);

extern unsigned places;    /* of the machine: all its cores */
extern unsigned place_own; /* this core's */
extern unsigned set_words; /* that a set takes */
extern uint16_t places_core[CORES_MAX], cores_place[CORES_MAX];

static inline coreid_t place_core(unsigned place) { return places_core[place]; }
/* `places` when there is no such core. */
static inline unsigned core_place(coreid_t core) { return core < places ? cores_place[core] : places; }

/* What may lie between two cores, from far to near. */
enum level { LEVEL_NODE, LEVEL_PACKAGE, LEVEL_CORE, LEVELS };
/* Are two places in the same node, package or core? */
bool places_share(unsigned a, unsigned b, enum level level);
/* How far: by ACPI's distances between nodes, within a node 2 to another package, 1 within one, 0 to itself. */
unsigned places_distance(unsigned a, unsigned b);

static inline bool set_has(const uint64_t *set, unsigned place) { return set[place / 64] >> place % 64 & 1; }
static inline void set_add(uint64_t *set, unsigned place) { set[place / 64] |= UINT64_C(1) << place % 64; }
static inline void set_remove(uint64_t *set, unsigned place) { set[place / 64] &= ~(UINT64_C(1) << place % 64); }

/* The first member at `from` or behind and before `end`, or `end`. */
static inline unsigned set_next(const uint64_t *set, unsigned from, unsigned end)
{
	while (from < end) {
		uint64_t word = set[from / 64] >> from % 64;

		if (word) {
			from += (unsigned)__builtin_ctzll(word);
			return from < end ? from : end;
		}
		from = (from | 63) + 1;
	}
	return end;
}

static inline void set_clear(uint64_t *set)
{
	set[0] = 0;
	for (unsigned i = 1; i < set_words; i++)
		set[i] = 0;
}

unsigned set_count(const uint64_t *set);
