/*
 * The ledger: what a member believes of its chunks, held against what the monitors know. Exact when nobody takes or
 * gives memory meanwhile.
 */
#include "services/page/store.h"

#include <stdlib.h>

static void chunk_check(struct store *s, struct chunk *c, struct page_faults *out)
{
	uint64_t seen[CHUNK_PAGES / 64] = { 0 };

	if (c->bits > CHUNK_BITS)
		return;
	c->busy++;
	if (granted_read(s, c, seen))
		out->strange++;
	for (unsigned n = 0; n < 1u << (c->bits - PAGE_BITS); n++) {
		bool taken = c->used[n / 64] >> n % 64 & 1, granted = seen[n / 64] >> n % 64 & 1;

		out->lost += taken && !granted;
		out->doubled += granted && !taken;
		out->pages++;
	}
	store_done(s, c, c->base, PAGE_BITS, STORE_GRANTED);
}

static void shelf_check(struct shelf *h, struct page_faults *out)
{
	unsigned count = shelf_bases(h, NULL);
	paddr_t *base = malloc((count + 1) * sizeof(*base));

	if (!base)
		return;
	shelf_bases(h, base);
	for (unsigned i = 0; i < count; i++) {
		struct chunk *c = chunk_find(h->core, base[i]);

		if (c)
			chunk_check(h->store, c, out);
	}
	free(base);
}

/* Regions of ours that we do not know, and of nobody in the view. */
static err_t core_check(struct store *s, coreid_t core, struct page_faults *out)
{
	struct mon_region r;
	err_t err;

	for (unsigned from = 0;; from = mon_region_place(&r) + 1) {
		rpc_release(&s->fleet->server);
		err = mon_regions(core, from, &r);
		if (err)
			return err;
		if (!r.granted)
			continue;
		out->orphans += !view_find_pid(&s->fleet->view, r.owner);
		out->strange += r.owner == process_self_pid() && !chunk_find(core, r.base);
	}
}

void store_check(struct store *s, struct page_faults *out)
{
	*out = (struct page_faults){ 0 };
	for (unsigned core = 0; core < CORES_MAX; core++) {
		if (s->shelf[core])
			shelf_check(s->shelf[core], out);
		if (core_check(s, (coreid_t)core, out) == ERR_CORE_ID)
			return;
	}
}
