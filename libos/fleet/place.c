/*
 * Where a new member goes: to a core where nothing else runs while there is one, near those who call.
 *
 * A core with a member of the same fleet, or one on its way, is not taken. Near is who has the
 * most leading bits of the APIC identity in common: threads, cores, packages are its fields.
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

coreid_t place_choose(const struct fleet_self *s, uint32_t near)
{
	uint32_t fewest = UINT32_MAX, nearest = UINT32_MAX, from;
	struct mon_core core;
	coreid_t best = CORES_MAX;

	from = mon_core((coreid_t)near, &core) ? 0 : core.apic_id;
	for (coreid_t c = 0; c < CORES_MAX && mon_core(c, &core) != ERR_CORE_ID; c++) {
		uint32_t distance = core.apic_id ^ from;

		if (core.state != MON_CORE_UP || taken(s, c))
			continue;
		if (core.processes > fewest || (core.processes == fewest && distance >= nearest))
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

	if (mon_core(to, &there) || mon_core(from, &here) || mon_core(near, &caller))
		return false;
	return !there.processes && level(&there, &caller) < level(&here, &caller);
}

unsigned place_cores(void)
{
	struct mon_core core;
	unsigned up = 0;

	for (coreid_t c = 0; c < CORES_MAX && mon_core(c, &core) != ERR_CORE_ID; c++)
		up += core.state == MON_CORE_UP;
	return up;
}
