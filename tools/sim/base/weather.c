/* Delays of messages: by distance, and by lot. */
#include "tools/sim/base/weather.h"

#define WITHIN_PACKAGE 200
#define BETWEEN_PACKAGES 500
#define BETWEEN_NODES 900

void weather_draw(struct weather *w, struct random *dice)
{
	static const unsigned jitters[] = { 50, 400, 3000, 30000 };

	w->jitter = jitters[random_below(dice, 4)];
	w->slow_in = random_one_in(dice, 2) ? 20 + (unsigned)random_below(dice, 500) : 0;
	w->slow = 1000u << random_below(dice, 8);
	w->stall_in = random_one_in(dice, 2) ? 100 + (unsigned)random_below(dice, 2000) : 0;
	w->stall = (cycles_t)MICROSECOND << random_below(dice, 10);
}

unsigned cores_apart(coreid_t a, coreid_t b)
{
	if (node_of(a) != node_of(b))
		return 3;
	if (package_of(a) != package_of(b))
		return 2;
	return a != b;
}

static cycles_t distance(coreid_t a, coreid_t b)
{
	static const cycles_t ways[] = { WITHIN_PACKAGE, WITHIN_PACKAGE, BETWEEN_PACKAGES, BETWEEN_NODES };

	return ways[cores_apart(a, b)];
}

cycles_t weather_delay(const struct weather *w, struct random *dice, coreid_t from, coreid_t to)
{
	cycles_t d = distance(from, to);

	if (w->jitter)
		d += random_below(dice, w->jitter);
	if (w->slow_in && random_one_in(dice, w->slow_in))
		d += random_below(dice, w->slow);
	return d;
}
