/*
 * Taking over from a member that died or leaves: its chunks are those that the monitors know as its own.
 *
 * What is granted of a chunk, and by that what is free, the monitor tells.  While it does, all of the chunk counts
 * as taken, so what comes back meanwhile is only noted twice.  Empty chunks are theirs in whose shard they lie, so
 * those of others are not met here.
 */
#include "services/page/store.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGE_INHERIT = 1, /* told: a pid, whose chunks are to be taken over */
	PAGE_ROOM,        /* struct room: is there such a block in a chunk? */
};

struct room {
	uint32_t core, bits;
};

/* --- a chunk of which something is granted --------------------------------------------------- */

err_t granted_read(struct store *s, const struct chunk *c, uint64_t seen[CHUNK_PAGES / 64])
{
	err_t err = ERR_OK;

	for (uint64_t first = 0; !err && first < CHUNK_PAGES; first += MON_GRANTED_PAGES) {
		rpc_release(&s->fleet->server);
		err = mon_granted(c->core, c->base, first, seen + first / 64);
	}
	return err;
}

/* Of that block of it, which counts as taken as a whole. The chunk is busy. */
static void block_read(struct store *s, struct chunk *c, paddr_t base, unsigned bits)
{
	uint64_t seen[CHUNK_PAGES / 64] = { 0 }, first = (base - c->base) >> PAGE_BITS;
	struct shelf *h = s->shelf[c->core];
	err_t err = granted_read(s, c, seen);

	for (uint64_t n = first; !err && !c->gone && n < first + (UINT64_C(1) << (bits - PAGE_BITS)); n++)
		if (!(seen[n / 64] >> n % 64 & 1))
			chunk_give(&h->book, c, c->base + n * PAGE_SIZE, PAGE_BITS);
}

void store_look(struct store *s, struct chunk *c, paddr_t base, unsigned bits)
{
	if (bits > PAGE_BITS && c->bits <= CHUNK_BITS)
		block_read(s, c, base, bits);
}

static err_t region_inherit(struct store *s, coreid_t core, const struct mon_region *r)
{
	struct shelf *h = store_shelf(s, core);
	struct chunk *c = h ? calloc(1, sizeof(*c)) : NULL;
	err_t err;

	if (!c)
		return ERR_NO_MEMORY;
	*c = (struct chunk){ .core = core, .base = r->base, .bits = (uint8_t)r->bits };
	rpc_release(&s->fleet->server);
	err = mon_region_own(core, r->base, r->owner, &c->number);
	if (err) {
		free(c);
		return err;
	}
	chunk_add(&h->book, c);
	chunk_mark(&h->book, c, c->base, c->bits);
	c->busy++;
	s->stat.chunks++;
	s->stat.adopted++;
	if (c->bits <= CHUNK_BITS)
		block_read(s, c, c->base, c->bits);
	store_done(s, c, c->base, PAGE_BITS, STORE_GRANTED);
	/* What came back before we owned it is not told; look once. */
	store_collect(s, core, r->base);
	return ERR_OK;
}

/*
 * Is it no member's? An heir may have died in the midst of inheriting, so not only the last one's is looked at. Who is
 * not in our view yet does not serve, and has nothing.
 */
static bool is_dead(const struct store *s, uint64_t owner)
{
	return owner != process_self_pid() && !view_find_pid(&s->fleet->view, owner);
}

/* --- an empty one --------------------------------------------------------------------------------- */

static err_t empty_inherit(struct store *s, coreid_t core, const struct mon_region *r)
{
	struct shelf *h = store_shelf(s, core);
	struct element e = { .base = r->base, .owner = process_self_pid(), .bits = r->bits };
	err_t err = h ? ERR_OK : ERR_NO_MEMORY;

	if (err)
		return err;
	rpc_release(&s->fleet->server);
	err = mon_region_own(core, r->base, r->owner, &e.number);
	if (err)
		return err;
	s->stat.adopted++;
	shelf_put(h, &e);
	return ERR_OK;
}

/* --- all ------------------------------------------------------------------------------------------ */

static err_t core_scan(struct store *s, coreid_t core, uint64_t pid, bool *some)
{
	struct mon_region r;
	err_t err;

	for (unsigned i = 0;; i++) {
		rpc_release(&s->fleet->server);
		err = mon_regions(core, i, &r);
		if (err)
			return err;
		if (r.owner != pid && !is_dead(s, r.owner))
			continue;
		if (!(r.granted ? region_inherit(s, core, &r) : empty_inherit(s, core, &r)))
			*some = true;
	}
}

/* Regions are counted, and one that goes meanwhile has the next one's number pass: so again till none is found. */
err_t store_inherit_core(struct store *s, coreid_t core, uint64_t pid)
{
	bool some;
	err_t err;

	do {
		some = false;
		err = core_scan(s, core, pid, &some);
	} while (some);
	return err;
}

void store_inherit(struct store *s, uint64_t pid)
{
	for (unsigned core = 0; core < CORES_MAX; core++)
		if (store_inherit_core(s, (coreid_t)core, pid) == ERR_CORE_ID)
			return;
}

/* The numbers of those that serve beside us. */
static unsigned others_of(const struct store *s, uint32_t number[FLEET_MEMBERS])
{
	const struct fleet_view *v = &s->fleet->view;
	unsigned n = 0;

	for (uint32_t i = 0; i < v->count; i++)
		if (v->member[i].number != s->fleet->number && v->member[i].state == FLEET_SERVING)
			number[n++] = v->member[i].number;
	return n;
}

static err_t room_told(const struct store *s, const void *data, size_t bytes)
{
	struct room r;
	const struct shelf *h;

	if (bytes != sizeof r)
		return ERR_MESSAGE;
	memcpy(&r, data, sizeof r);
	h = r.core < CORES_MAX ? s->shelf[r.core] : NULL;
	return h && r.bits >= PAGE_BITS && r.bits <= CHUNK_BITS && chunk_room(&h->book, r.bits) ? ERR_OK
												: ERR_NOT_FOUND;
}

err_t store_elsewhere(struct store *s, coreid_t core, unsigned bits, uint32_t *number)
{
	const struct room r = { .core = core, .bits = bits };
	uint32_t other[FLEET_MEMBERS];
	unsigned n = others_of(s, other);

	for (unsigned i = 0; i < n; i++) {
		*number = other[i];
		if (!fleet_tell(s->fleet, other[i], PAGE_ROOM, &r, sizeof r))
			return ERR_OK;
	}
	return ERR_NO_MEMORY;
}

/* A member that has left says whom we inherit from. Empty chunks it has given away itself. */
err_t store_told(struct store *s, uint32_t from, uint32_t what, const void *data, size_t bytes)
{
	uint64_t pid;

	(void)from;
	if (what == PAGE_ROOM)
		return room_told(s, data, bytes);
	if (what != PAGE_INHERIT || bytes != sizeof pid)
		return ERR_MESSAGE;
	memcpy(&pid, data, sizeof pid);
	store_inherit(s, pid);
	return ERR_OK;
}

void store_leave(struct store *s)
{
	uint64_t pid = process_self_pid();
	uint32_t heir[FLEET_MEMBERS];
	unsigned count;

	for (unsigned core = 0; core < CORES_MAX; core++)
		if (s->shelf[core])
			dpool_leave(&s->shelf[core]->pool);
	count = others_of(s, heir);
	for (unsigned i = 0; i < count; i++)
		if (!fleet_tell(s->fleet, heir[i], PAGE_INHERIT, &pid, sizeof pid))
			return;
}
