/*
 * How a range of a group is split among those that are asked next.
 *
 * Who serves a range asks one member of each other node in it; within its own node one of each
 * other package; within its own package the others.  What is asked gets the places from its own
 * to the next that is asked and does the same.  Of a level with many parts several
 * together get one head, at most TREE_FAN on a level, so that the work of one core
 * and the depth grow as the logarithm of the cores:
 *
 *     0 -+- 1                     four packages of four, from core 0
 *        +- 2
 *        +- 3
 *        +- 4 -+- 5, 6, 7
 *        +- 8 -+- 9, 10, 11
 *        +- 12 -+- 13, 14, 15
 *
 * Portable, without state.
 */
#pragma once

#include "monitor/agree/places.h"

#define TREE_FAN 4
#define BRANCHES_MAX (LEVELS * 2 * TREE_FAN)

/* `head` serves itself and the members behind it before `end`. */
struct branch {
	uint16_t head, end;
};

/* Splits what lies in [lo, hi) but for `self`, which is in it, in order of places. Returns how many branches. */
unsigned tree_split(const uint64_t *set, unsigned lo, unsigned hi, unsigned self, struct branch out[BRANCHES_MAX]);
/*
 * Orders branches by their heads' distance from `self`, the farthest first; of the same distance in order of places.
 * When all have been measured, by classes of time (latency.h; by place, 0: not measured), and by distance among equals.
 */
void tree_farthest_first(struct branch *branch, unsigned count, unsigned self, const uint8_t *measured);
