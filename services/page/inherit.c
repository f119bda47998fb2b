/*
 * Taking over from a member that died or leaves: its chunks are those that the monitors know as its own.
 *
 * What is granted of a chunk, and by that what is free, the monitor tells.  While it does, all of the chunk counts
 * as taken, and nothing is granted of it, not even what comes back meanwhile: that would be free by the monitor's
 * answer and somebody's when it is read.  Answers of a monitor come in order, so what came back before is known
 * by then.  Empty chunks are theirs in whose shard they lie, so those of others are not met here.
 *
 * A thread of its own does it after a death: the view does not wait for that, and calls are answered meanwhile.
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

/* The monitor had no room for a request of ours: once more, when it has answered others. */
static bool once_more(struct store *s, err_t err)
{
	if (err != ERR_AGAIN)
		return false;
	thread_sleep_until(fabric_now(s->fleet->fabric) + fleet_ms(s->fleet, 1));
	return true;
}

err_t granted_read(struct store *s, const struct chunk *c, uint64_t seen[CHUNK_PAGES / 64])
{
	err_t err = ERR_OK;

	for (uint64_t first = 0; !err && first < CHUNK_PAGES; first += MON_GRANTED_PAGES) {
		do {
			rpc_release(&s->fleet->server);
			err = mon_granted(c->core, c->base, first, seen + first / 64);
		} while (once_more(s, err));
	}
	return err;
}

/* Of that block of it, which counts as taken as a whole. The chunk is busy. */
static void block_read(struct store *s, struct chunk *c, paddr_t base, unsigned bits)
{
	uint64_t seen[CHUNK_PAGES / 64] = { 0 }, first = (base - c->base) >> PAGE_BITS;
	struct shelf *h = s->shelf[c->core];
	err_t err;

	c->looks++;
	err = granted_read(s, c, seen);
	c->looks--;
	for (uint64_t n = first; !err && !c->gone && n < first + (UINT64_C(1) << (bits - PAGE_BITS)); n++)
		if (!(seen[n / 64] >> n % 64 & 1))
			chunk_give(&h->book, c, c->base + n * PAGE_SIZE, PAGE_BITS);
}

void store_look(struct store *s, struct chunk *c, paddr_t base, unsigned bits)
{
	if (bits > PAGE_BITS && c->bits <= CHUNK_BITS)
		block_read(s, c, base, bits);
}

static void chunk_inherit(struct shelf *h, struct chunk *c)
{
	struct store *s = h->store;
	paddr_t base = c->base;

	chunk_add(&h->book, c);
	chunk_mark(&h->book, c, base, c->bits);
	c->busy++;
	s->stat.chunks++;
	if (c->bits <= CHUNK_BITS)
		block_read(s, c, base, c->bits);
	store_done(s, c, base, PAGE_BITS, STORE_GRANTED);
}

/* Is it empty? What it was when it was listed does not tell: a grant of the dead one's may have been on its way. */
static err_t region_inherit(struct store *s, coreid_t core, const struct mon_region *r)
{
	struct shelf *h = store_shelf(s, core);
	struct chunk *c = h ? calloc(1, sizeof(*c)) : NULL;
	struct mon_region own;
	err_t err;

	if (!c)
		return ERR_NO_MEMORY;
	do {
		rpc_release(&s->fleet->server);
		err = mon_region_own(core, r->base, r->owner, &own);
	} while (once_more(s, err));
	if (!err)
		s->stat.adopted++;
	if (err || !own.granted)
		free(c);
	if (err)
		return err;
	if (own.granted) {
		*c = (struct chunk){ .core = core, .base = r->base, .number = own.number, .bits = (uint8_t)r->bits };
		chunk_inherit(h, c);
	} else {
		shelf_put(h, &(struct element){ .base = r->base,
						.owner = process_self_pid(),
						.number = own.number,
						.bits = r->bits });
	}
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

/* --- all ------------------------------------------------------------------------------------------ */

err_t store_inherit_core(struct store *s, coreid_t core, uint64_t pid)
{
	struct mon_region r;
	err_t err;

	for (unsigned from = 0;; from = mon_region_place(&r) + 1) {
		do {
			rpc_release(&s->fleet->server);
			err = mon_regions(core, from, &r);
		} while (once_more(s, err));
		if (err)
			return err;
		if (r.owner == pid || is_dead(s, r.owner))
			region_inherit(s, core, &r);
	}
}

void store_inherit(struct store *s, uint64_t pid)
{
	for (unsigned core = 0; core < CORES_MAX; core++)
		if (store_inherit_core(s, (coreid_t)core, pid) == ERR_CORE_ID)
			return;
}

static struct event bequeathed = EVENT_INIT;

static void *heir_main(void *store)
{
	for (;;) {
		event_wait(&bequeathed, 0);
		store_inherit(store, 0);
	}
	return NULL;
}

err_t store_heir(struct store *s)
{
	struct thread *thread;
	err_t err = thread_create(&thread, heir_main, s);

	if (!err)
		thread_detach(thread);
	return err;
}

void store_inherit_soon(void) { event_signal(&bequeathed); }

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
