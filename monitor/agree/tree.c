/*
 * Splitting a range of places. Portable, without state; tested on the host.
 */
#include "monitor/agree/tree.h"

/* The first member in [at, end) that is not in the same part as the one at `at`. */
static unsigned part_end(const uint64_t *set, unsigned at, unsigned end, enum level level)
{
	unsigned first = at;

	do
		at = set_next(set, at + 1, end);
	while (at < end && places_share(first, at, level));
	return at;
}

static unsigned parts_count(const uint64_t *set, unsigned lo, unsigned hi, enum level level)
{
	unsigned count = 0;

	for (unsigned at = set_next(set, lo, hi); at < hi; at = part_end(set, at, hi, level))
		count++;
	return count;
}

/* Branches for the parts of [lo, hi), as even as may be; the number of them. */
static unsigned parts_split(const uint64_t *set, unsigned lo, unsigned hi, enum level level, struct branch *out)
{
	unsigned parts = parts_count(set, lo, hi, level), at = set_next(set, lo, hi);
	unsigned heads = parts < TREE_FAN ? parts : TREE_FAN;

	for (unsigned i = 0; i < heads; i++) {
		unsigned share = parts / (heads - i);

		parts -= share;
		out[i].head = (uint16_t)at;
		while (share-- > 0)
			at = part_end(set, at, hi, level);
		out[i].end = (uint16_t)at;
	}
	return heads;
}

unsigned tree_split(const uint64_t *set, unsigned lo, unsigned hi, unsigned self, struct branch out[BRANCHES_MAX])
{
	struct branch behind[LEVELS * TREE_FAN];
	unsigned count = 0, behinds = 0;

	for (enum level level = LEVEL_NODE; level < LEVELS; level++) {
		unsigned from = self, to = self + 1;

		while (from > lo && places_share(from - 1, self, level))
			from--;
		while (to < hi && places_share(to, self, level))
			to++;
		count += parts_split(set, lo, from, level, &out[count]);
		/* What lies behind is to follow what the next level adds in front of it. */
		behinds += parts_split(set, to, hi, level, &behind[behinds]);
		lo = from;
		hi = to;
	}
	/* The levels' parts behind lie the farther away the earlier they were found. */
	while (behinds > 0) {
		unsigned end = behinds, begin = end - 1;

		while (begin > 0 && behind[begin - 1].head < behind[begin].head)
			begin--;
		for (unsigned i = begin; i < end; i++)
			out[count++] = behind[i];
		behinds = begin;
	}
	return count;
}

static bool all_measured(const struct branch *branch, unsigned count, const uint8_t *measured)
{
	for (unsigned i = 0; i < count; i++)
		if (!measured[branch[i].head])
			return false;
	return true;
}

void tree_farthest_first(struct branch *branch, unsigned count, unsigned self, const uint8_t *measured)
{
	bool all = all_measured(branch, count, measured);
	unsigned far[BRANCHES_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct branch b = branch[i];
		unsigned at = i, own = (all ? measured[b.head] * 256u : 0) + places_distance(self, b.head);

		for (; at > 0 && far[at - 1] < own; at--) {
			branch[at] = branch[at - 1];
			far[at] = far[at - 1];
		}
		branch[at] = b;
		far[at] = own;
	}
}
