/*
 * Memory, by way of the monitors: a process's own, regions and grants of the page service, quotas.
 */
#include "libos/core/monitor_client.h"
#include "kernel/abi/error.h"

#include <string.h>

err_t mon_ram_alloc(unsigned bits, cptr_t slot)
{
	struct mon_message m = { .word = { bits, slot } };

	return mon_call(MON_RAM, &m);
}

err_t mon_ram_free(cptr_t slot)
{
	struct mon_message m = { .word = { slot } };

	return mon_call(MON_RAM_FREE, &m);
}

err_t mon_heir(uint64_t pid, cptr_t cnode, bool *first)
{
	struct mon_message m = { .word = { pid, cnode } };
	err_t err = mon_call(MON_HEIR, &m);

	*first = !err && !m.word[0];
	return err;
}

err_t mon_heir_wait(void)
{
	struct mon_message m = { .word = { 0 } };

	return mon_call(MON_HEIR_WAIT, &m);
}

/* --- memory of a core, for the page service ------------------------------------------ */

err_t mon_region(coreid_t core, unsigned bits, struct mon_region *out)
{
	struct mon_message m = { .word = { core, bits } };
	err_t err = mon_call(MON_REGION, &m);

	if (!err)
		*out = (struct mon_region){ .base = m.word[1], .number = (uint32_t)m.word[0], .bits = bits };
	return err;
}

err_t mon_region_free(coreid_t core, paddr_t base)
{
	struct mon_message m = { .word = { core, base } };

	return mon_call(MON_REGION_FREE, &m);
}

err_t mon_region_own(coreid_t core, paddr_t base, uint64_t owner, struct mon_region *out)
{
	struct mon_message m = { .word = { core, base, owner } };
	err_t err = mon_call(MON_REGION_OWN, &m);

	if (!err)
		*out = (struct mon_region){ .base = base, .number = (uint32_t)m.word[0], .granted = m.word[1] };
	return err;
}

err_t mon_regions(coreid_t core, unsigned from, struct mon_region *out)
{
	struct mon_message m = { .word = { core, from } };
	err_t err = mon_call(MON_REGIONS, &m);

	if (!err)
		*out = (struct mon_region){ .base = m.word[0],
					    .bits = (uint32_t)m.word[1],
					    .number = (uint32_t)(m.word[1] >> 32),
					    .owner = m.word[2],
					    .granted = m.word[3] };
	return err;
}

err_t mon_grant(coreid_t core, uint64_t pid, const struct mon_grant *g, paddr_t *there)
{
	struct mon_message m = {
		.word = { core, pid,
			  (uint32_t)g->slot | (uint64_t)g->bits << 32 | (uint64_t)g->type << 40 |
				  (uint64_t)g->more << 48,
			  g->base, g->number },
	};
	err_t err = mon_call(MON_GRANT, &m);

	if (!err || err == ERR_EXISTS)
		*there = m.word[0];
	return err;
}

err_t mon_granted(coreid_t core, paddr_t region, uint64_t first, uint64_t map[MON_GRANTED_PAGES / 64])
{
	struct mon_message m = { .word = { core, region, first } };
	err_t err = mon_call(MON_GRANTED, &m);

	if (!err)
		memcpy(map, m.word, MON_GRANTED_PAGES / 8);
	return err;
}

err_t mon_returned(coreid_t core, paddr_t region, struct mon_returned out[MON_RETURNED_PART], unsigned *count)
{
	struct mon_message m = { .word = { core, region } };
	err_t err = mon_call(MON_RETURNED, &m);

	for (*count = 0; !err && *count < MON_RETURNED_PART && m.word[*count]; ++*count) {
		out[*count].base = m.word[*count] & ~(uint64_t)(PAGE_SIZE - 1);
		out[*count].bits = m.word[*count] & (PAGE_SIZE - 1);
	}
	return err;
}

static err_t quota(uint64_t pid, uint64_t bytes, bool set, uint64_t *most, uint64_t *has)
{
	struct mon_message m = { .word = { (coreid_t)(pid >> 32), pid, bytes, set } };
	err_t err = mon_call(MON_QUOTA, &m);

	if (!err && most)
		*most = m.word[0];
	if (!err && has)
		*has = m.word[1];
	return err;
}

err_t mon_quota_set(uint64_t pid, uint64_t bytes) { return quota(pid, bytes, true, NULL, NULL); }
err_t mon_quota(uint64_t pid, uint64_t *most, uint64_t *has) { return quota(pid, 0, false, most, has); }
