/*
 * Where a new member goes: to a core where nothing else runs while there is one, near those who call.
 *
 * A core with a member of the same fleet, or one on its way, is not taken. Near is who has the
 * most leading bits of the APIC identity in common: threads, cores, packages are its fields.
 *
 * Where cores are busy a monitor's answer takes a turn or two of the processor, and there may be a thousand cores: none
 * is asked whose answer changes nothing. How many there are and where each is, is remembered.
 */
#include "libos/fleet/private.h"

static bool taken(const struct fleet_self *s, coreid_t core)
{
	const struct fleet_view *v = &s->fleet->view;

	for (uint32_t i = 0; i < v->count; i++)
		if (mailbox_core(&v->member[i].at) == core)
			return true;
	for (unsigned i = 0; i < FLEET_NEWCOMERS; i++)
		if (s->newcomer[i].used && s->newcomer[i].core == core)
			return true;
	return false;
}

static coreid_t count = CORES_MAX;   /* of cores, when it is known */
static uint32_t identity[CORES_MAX]; /* of the APIC, and 1; 0: not known yet */

/* Of one that says nothing: missing. ERR_CORE_ID: there is none of that number, nor any behind it. */
static err_t core_look(coreid_t c, struct mon_core *core)
{
	err_t err = c < count ? mon_core_brief(c, core) : ERR_CORE_ID;

	if (err == ERR_CORE_ID && c < count)
		count = c;
	if (err)
		*core = (struct mon_core){ .state = MON_CORE_MISSING };
	else if (core->state == MON_CORE_UP)
		identity[c] = core->apic_id + 1;
	return err == ERR_CORE_ID ? err : ERR_OK;
}

/* Is that core known to be as far as that, or farther? */
static bool as_far(coreid_t c, uint32_t from, uint32_t distance)
{
	return identity[c] && ((identity[c] - 1) ^ from) >= distance;
}

coreid_t place_choose(const struct fleet_self *s, uint32_t near)
{
	uint32_t fewest = UINT32_MAX, nearest = UINT32_MAX, from;
	struct mon_core core;
	coreid_t best = CORES_MAX;

	if (near >= CORES_MAX)
		near = 0;
	if (!identity[near])
		core_look((coreid_t)near, &core);
	from = identity[near] ? identity[near] - 1 : 0;
	/* Mostly those with numbers alike are near each other, so an empty one that is near is found soon. */
	for (uint32_t i = 0; i < CORES_MAX; i++) {
		coreid_t c = (coreid_t)(near ^ i);
		uint32_t distance;

		if (c >= count || taken(s, c) || (!fewest && as_far(c, from, nearest)) || core_look(c, &core))
			continue;
		distance = core.apic_id ^ from;
		if (core.state != MON_CORE_UP || core.processes > fewest ||
		    (core.processes == fewest && distance >= nearest))
			continue;
		fewest = core.processes;
		nearest = distance;
		best = c;
	}
	return best;
}

/* How many trailing bits of the APIC identities the two differ in. */
static unsigned level(const struct mon_core *a, const struct mon_core *b)
{
	uint32_t differ = a->apic_id ^ b->apic_id;
	unsigned bits = 0;

	while (differ >> bits)
		bits++;
	return bits;
}

bool place_nearer(coreid_t to, coreid_t from, coreid_t near)
{
	struct mon_core there, here, caller;

	if (mon_core_brief(to, &there) || mon_core_brief(from, &here) || mon_core_brief(near, &caller))
		return false;
	return !there.processes && level(&there, &caller) < level(&here, &caller);
}

unsigned place_cores(void)
{
	struct mon_core core;
	unsigned up = 0;

	for (coreid_t c = 0; c < CORES_MAX && !core_look(c, &core); c++)
		up += core.state == MON_CORE_UP;
	return up;
}
