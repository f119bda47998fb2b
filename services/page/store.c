/*
 * The store: see store.h. A chunk comes from our shard of the core's pool, from the core's monitor, or from
 * another member's shard, in this order; an empty one goes to our shard, and beyond a few back to the monitor.
 *
 * Threads are cooperative, but monitors are asked with the server's loop given up: whatever was read before is read
 * again after.
 */
#include "services/page/store.h"

#include <stdlib.h>
#include <string.h>

#define POOL_KEEP 4 /* empty chunks of a core that we hold */
#define POOL_LOW 1  /* marks of the schemes that have them */
#define POOL_HIGH 2

/* Before a monitor is asked. Our own core's answers at once. */
static void monitor_wait(const struct store *s, coreid_t core)
{
	if (core != process_self_core())
		rpc_release(&s->fleet->server);
}

/* --- pools -------------------------------------------------------------------------------- */

static err_t pool_tell(struct dpool *p, uint32_t member, uint32_t what, const void *data, size_t bytes)
{
	const struct shelf *h = p->tag;

	return fleet_ask(h->store->fleet, member, FLEET_PORT_DPOOL, (uint32_t)h->core << 8 | what, data, bytes, NULL,
			 NULL);
}

static unsigned pool_others(struct dpool *p, uint32_t *numbers)
{
	const struct shelf *h = p->tag;
	const struct fleet *f = h->store->fleet;
	unsigned n = 0;

	for (uint32_t i = 0; i < f->view.count && n < DPOOL_MEMBERS; i++)
		if (f->view.member[i].number != f->number && f->view.member[i].state == FLEET_SERVING)
			numbers[n++] = f->view.member[i].number;
	return n;
}

static void pool_release(struct dpool *p)
{
	const struct shelf *h = p->tag;

	rpc_release(&h->store->fleet->server);
}

/* At its monitor a chunk in our shard is ours, so that it has an heir when we die. */
static err_t pool_own(struct dpool *p, void *element)
{
	const struct shelf *h = p->tag;
	struct mon_region own = { 0 };
	struct element e;
	err_t err;

	memcpy(&e, element, sizeof e);
	monitor_wait(h->store, h->core);
	err = mon_region_own(h->core, e.base, e.owner, &own);
	e.number = own.number;
	e.owner = process_self_pid();
	memcpy(element, &e, sizeof e);
	return err;
}

static const struct dpool_transport transport = {
	.tell = pool_tell, .others = pool_others, .release = pool_release, .own = pool_own
};

/* From another member: in what, the core is above dPool's own. */
static err_t pool_told(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
		       size_t *answered)
{
	struct shelf *h = what >> 8 < CORES_MAX ? store_shelf(arg, (coreid_t)(what >> 8)) : NULL;

	(void)answer;
	*answered = 0;
	return h ? dpool_told(&h->pool, from, what & 0xff, data, bytes) : ERR_NO_MEMORY;
}

err_t store_open(struct store *s, struct fleet *f, const char *scheme)
{
	s->fleet = f;
	s->scheme = dpool_scheme_find(scheme);
	fleet_listen(f, FLEET_PORT_DPOOL, pool_told, s);
	return s->scheme ? ERR_OK : ERR_ARGUMENT;
}

struct shelf *store_shelf(struct store *s, coreid_t core)
{
	struct shelf *h = s->shelf[core];

	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->store = s;
	h->core = core;
	if (dpool_open(&h->pool, s->scheme, &transport, s->fleet->number, sizeof(struct element), POOL_LOW, POOL_HIGH,
		       h)) {
		free(h);
		return NULL;
	}
	s->shelf[core] = h;
	return h;
}

void store_member_gone(struct store *s, uint32_t number)
{
	for (unsigned core = 0; core < CORES_MAX; core++)
		if (s->shelf[core])
			dpool_member_gone(&s->shelf[core]->pool, number);
}

/* --- chunks come ------------------------------------------------------------------------------ */

/* It is in no book from now on. */
static void chunk_drop(struct store *s, struct chunk *c)
{
	chunk_remove(c);
	s->stat.chunks--;
	if (!c->busy)
		free(c);
}

static err_t chunk_new(struct shelf *h, const struct element *e)
{
	struct chunk *c = chunk_find(h->core, e->base);

	/* The monitor took it back, and has made it anew for us: what we knew of it is void. */
	if (c)
		chunk_drop(h->store, c);
	c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NO_MEMORY;
	c->core = h->core;
	c->base = e->base;
	c->number = e->number;
	c->bits = (uint8_t)e->bits;
	chunk_add(&h->book, c);
	h->store->stat.chunks++;
	return ERR_OK;
}

static err_t from_pool(struct shelf *h)
{
	struct element e;
	err_t err = dpool_take(&h->pool, &e);

	if (err)
		return err;
	err = chunk_new(h, &e);
	if (err)
		shelf_put(h, &e);
	return err;
}

static err_t from_monitor(struct shelf *h, unsigned bits)
{
	struct mon_region r;
	struct element e;
	err_t err;

	monitor_wait(h->store, h->core);
	err = mon_region(h->core, bits, &r);
	if (err)
		return err;
	h->store->stat.regions++;
	e = (struct element){ .base = r.base, .number = r.number, .bits = r.bits };
	err = chunk_new(h, &e);
	if (err)
		mon_region_free(h->core, r.base);
	return err;
}

/* All empty chunks of the core go back to its monitor, which can put them together. */
static void pool_drain(struct shelf *h)
{
	struct element e;

	while (!dpool_take(&h->pool, &e)) {
		monitor_wait(h->store, h->core);
		mon_region_free(h->core, e.base);
	}
}

/* A chunk with room for a block of that size, which is at most a chunk. */
static err_t chunk_get(struct shelf *h, unsigned bits)
{
	err_t err = h->pool.count ? from_pool(h) : ERR_NOT_FOUND;

	if (err == ERR_NOT_FOUND)
		err = from_monitor(h, CHUNK_BITS);
	if (err == ERR_NO_MEMORY || err == ERR_REGIONS) {
		err_t pool = from_pool(h);

		err = pool == ERR_NOT_FOUND ? err : pool;
	}
	/* A small rest is better than nothing. */
	return err == ERR_NO_MEMORY && bits < CHUNK_BITS ? from_monitor(h, bits) : err;
}

static err_t large_take(struct shelf *h, unsigned bits, struct chunk **out, paddr_t *base)
{
	err_t err = from_monitor(h, bits);

	if (err == ERR_NO_MEMORY) {
		pool_drain(h);
		err = from_monitor(h, bits);
	}
	if (err)
		return err;
	*out = h->book.full; /* put there last, and nobody ran since */
	*base = (*out)->base;
	return ERR_OK;
}

static err_t shelf_take(struct shelf *h, unsigned bits, struct chunk **out, paddr_t *base)
{
	err_t err = ERR_OK;

	if (bits > CHUNK_BITS)
		return large_take(h, bits, out, base);
	while (!err && !(*out = chunk_take(&h->book, bits, base)))
		err = chunk_get(h, bits);
	return err;
}

static unsigned bases_of(const struct chunk *list, paddr_t *base, unsigned count)
{
	for (; list; list = list->next, count++)
		if (base)
			base[count] = list->base;
	return count;
}

unsigned shelf_bases(const struct shelf *h, paddr_t *base)
{
	return bases_of(h->book.full, base, bases_of(h->book.open, base, 0));
}

/* What came back of all chunks: the monitors' words may be on their way yet. */
static void shelf_collect(struct shelf *h)
{
	unsigned count = shelf_bases(h, NULL);
	paddr_t *base = malloc((count + 1) * sizeof(*base));

	if (!base)
		return;
	shelf_bases(h, base);
	for (unsigned i = 0; i < count; i++)
		store_collect(h->store, h->core, base[i]);
	free(base);
}

err_t store_take(struct store *s, coreid_t core, unsigned bits, struct chunk **out, paddr_t *base)
{
	struct shelf *h = store_shelf(s, core);
	err_t err = h ? shelf_take(h, bits, out, base) : ERR_NO_MEMORY;

	if (h && err == ERR_NO_MEMORY) {
		shelf_collect(h);
		store_inherit_core(s, core, 0);
		err = shelf_take(h, bits, out, base);
	}
	if (!err)
		(*out)->busy++;
	return err;
}

/* --- ... and go ---------------------------------------------------------------------------------- */

void shelf_put(struct shelf *h, const struct element *e)
{
	if (e->bits == CHUNK_BITS && h->pool.count < POOL_KEEP && !dpool_give(&h->pool, e))
		return;
	monitor_wait(h->store, h->core);
	mon_region_free(h->core, e->base);
}

/* If nothing is taken of it any more, others may need it. */
static void chunk_settle(struct shelf *h, struct chunk *c)
{
	struct element e = { .base = c->base, .owner = process_self_pid(), .number = c->number, .bits = c->bits };

	if (c->busy || c->gone || !chunk_empty(c))
		return;
	chunk_drop(h->store, c);
	shelf_put(h, &e);
}

static void block_free(struct shelf *h, struct chunk *c, paddr_t base, unsigned bits)
{
	chunk_give(&h->book, c, base, bits);
	chunk_settle(h, c);
}

void store_done(struct store *s, struct chunk *c, paddr_t base, unsigned bits, enum store_outcome outcome)
{
	struct shelf *h = s->shelf[c->core];

	c->busy--;
	if (c->gone && !c->busy)
		free(c);
	else if (!c->gone && outcome == STORE_NOT_OURS)
		chunk_drop(s, c);
	else if (!c->gone && outcome == STORE_UNUSED)
		block_free(h, c, base, bits);
	else if (!c->gone)
		chunk_settle(h, c); /* while it was busy the rest of it may have come back */
}
void store_collect(struct store *s, coreid_t core, paddr_t base)
{
	struct mon_returned part[MON_RETURNED_PART];
	struct shelf *h = s->shelf[core];
	struct chunk *c;
	unsigned count;
	err_t err;

	do {
		monitor_wait(s, core);
		err = mon_returned(core, base, part, &count);
		c = chunk_find(core, base);
		for (unsigned i = 0; c && !err && i < count; i++) {
			chunk_give(&h->book, c, part[i].base, part[i].bits);
			s->stat.returned++;
		}
	} while (!err && count);
	if (c && err) {
		chunk_drop(s, c);
	} else if (c) {
		chunk_settle(h, c);
	}
}

void store_stat(const struct store *s, struct page_stat *out)
{
	*out = s->stat;
	out->bytes_free = out->chunks_free = out->pool_asked = out->pool_received = 0;
	for (unsigned core = 0; core < CORES_MAX; core++) {
		const struct shelf *h = s->shelf[core];

		if (!h)
			continue;
		out->chunks_free += h->pool.count;
		out->pool_asked += h->pool.stats.asked;
		out->pool_received += h->pool.stats.received;
		for (const struct chunk *c = h->book.open; c; c = c->next)
			out->bytes_free += (uint64_t)c->free << PAGE_BITS;
	}
}
