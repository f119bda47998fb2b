/*
 * Growth and shrinking: a load must have been beyond a threshold for a while, without a break.
 *
 * Two thresholds and the times keep a fleet from growing and shrinking in turns; that it
 * shrinks only when the others can carry the load keeps it from growing again at once.
 */
#include "libos/fleet/scale.h"

static bool lasted(uint64_t *since, bool is, uint64_t now, uint64_t time)
{
	if (!is) {
		*since = 0;
		return false;
	}
	if (!*since)
		*since = now;
	return now - *since >= time;
}

enum fleet_step scale_step(struct fleet_scale *s, const struct fleet_policy *p, uint32_t members, uint32_t load,
			   uint64_t now, uint64_t ms)
{
	bool up = lasted(&s->above, members < p->most && load > p->high, now, p->rise * ms);
	uint64_t after = members > 1 ? (uint64_t)load * members / (members - 1) : UINT64_MAX;
	bool can_shrink = members > p->least && load < p->low && after < (p->high + p->low) / 2;
	bool down = lasted(&s->below, can_shrink, now, p->fall * ms);

	if (up || down)
		*s = (struct fleet_scale){ 0 };
	return up ? FLEET_GROW : down ? FLEET_SHRINK : FLEET_STAY;
}

static uint32_t either(uint32_t a, uint32_t b) { return a ? a : b; }

void scale_policy(struct fleet_policy *p, const struct fleet_policy *otherwise)
{
	p->least = either(p->least, otherwise->least);
	p->most = either(p->most, otherwise->most);
	p->high = either(p->high, otherwise->high);
	p->low = either(p->low, otherwise->low);
	p->rise = either(p->rise, otherwise->rise);
	p->fall = either(p->fall, otherwise->fall);
	p->beat = either(p->beat, otherwise->beat);
	p->patience = either(p->patience, otherwise->patience);
	p->mirrors = either(p->mirrors, otherwise->mirrors);
	if (p->mirrors > FLEET_MIRRORS)
		p->mirrors = FLEET_MIRRORS;
	if (p->most > FLEET_MEMBERS)
		p->most = FLEET_MEMBERS;
	if (!p->most)
		p->most = 1;
	if (p->least > p->most)
		p->least = p->most;
	if (!p->least)
		p->least = 1;
	if (p->high <= p->low)
		p->low = p->high / 2;
}
