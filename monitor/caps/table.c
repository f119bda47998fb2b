/*
 * The records of shared objects, by object, and the cells that they and operations are made of.
 *
 * A keeper is what makes a record true: while the monitor has a capability of its own
 * no user can make the object disappear.  Records are few at first and may be many: the
 * first come out of a small static pool, more out of pages, which stay.  Portable.
 */
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "monitor/caps/share.h"

#include <string.h>

#define CHAINS 256
#define CELL_BYTES 64 /* cells are one, two ... of these */
#define CELL_SIZES 4
#define FIRST_BYTES 8192

_Static_assert(sizeof(struct op) <= CELL_SIZES * CELL_BYTES && sizeof(struct share) <= CELL_SIZES * CELL_BYTES,
	       "largest cell");

static struct share *chain[CHAINS];
static uint64_t used_chains[CHAINS / 64]; /* a bit for each that holds any */
static unsigned shares;
static void *spare[CELL_SIZES];
static _Alignas(CELL_BYTES) uint8_t first_cells[FIRST_BYTES];
static uint8_t *fresh = first_cells;
static size_t fresh_bytes = FIRST_BYTES;

/* --- cells ----------------------------------------------------------------------------------- */

static unsigned cell_size(size_t bytes) { return (unsigned)((bytes + CELL_BYTES - 1) / CELL_BYTES) - 1; }

static bool cells_add(void)
{
	vaddr_t page;

	if (frame_alloc_map(PAGE_BITS, NULL, &page))
		return false;
	fresh = (uint8_t *)page;
	fresh_bytes = PAGE_SIZE;
	return true;
}

void *cell_new(size_t bytes)
{
	unsigned size = cell_size(bytes);
	void *cell = spare[size];

	bytes = (size + 1) * CELL_BYTES;
	if (cell) {
		memcpy(&spare[size], cell, sizeof(void *));
	} else {
		if (fresh_bytes < bytes && !cells_add())
			return NULL;
		cell = fresh;
		fresh += bytes;
		fresh_bytes -= bytes;
	}
	memset(cell, 0, bytes);
	return cell;
}

void cell_free(void *cell, size_t bytes)
{
	memcpy(cell, &spare[cell_size(bytes)], sizeof(void *));
	spare[cell_size(bytes)] = cell;
}

/* --- records --------------------------------------------------------------------------------- */

static unsigned chain_number(const struct object *o)
{
	uint64_t h = (o->base >> 6 ^ o->type ^ (uint64_t)o->bits << 3) * UINT64_C(0x9e3779b97f4a7c15);

	return h >> 56;
}

struct share *share_find(const struct object *o)
{
	struct share *s = chain[chain_number(o)];

	while (s && !object_same(&s->object, o))
		s = s->next;
	return s;
}

err_t share_new(const struct object *o, coreid_t owner, struct share **out)
{
	struct share *s = cell_new(sizeof *s);
	unsigned number = chain_number(o);

	if (!s)
		return ERR_NO_MEMORY;
	s->object = *o;
	s->own = owner == monitor.core;
	s->owner = owner;
	s->giver = s->teller = CORE_NONE;
	s->next = chain[number];
	chain[number] = s;
	used_chains[number / 64] |= UINT64_C(1) << number % 64;
	shares++;
	*out = s;
	return ERR_OK;
}

err_t share_keep(struct share *s, uint64_t place)
{
	struct cap_info info = { .type = s->object.type,
				 .rights = RIGHT_ALL,
				 .bits = s->object.bits,
				 .base = s->object.base,
				 .badge = place };
	cptr_t slot;
	err_t err = slot_alloc(&slot);

	if (err)
		return err;
	err = s->own ? kernel_adopt(TASK_KERNEL, &info, slot) : kernel_forge(TASK_KERNEL, &info, slot);
	if (err) {
		slot_free(slot);
		return err;
	}
	s->keeper = slot;
	return ERR_OK;
}

void share_free(struct share *s)
{
	unsigned number = chain_number(&s->object);
	struct share **at = &chain[number];

	share_release(s);
	while (s->sharers)
		sharer_remove(s, s->sharers->core);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (!chain[number])
		used_chains[number / 64] &= ~(UINT64_C(1) << number % 64);
	shares--;
	cell_free(s, sizeof *s);
	sweep_soon();
}

struct share *share_next(const struct share *s)
{
	unsigned i = s ? chain_number(&s->object) + 1 : 0;

	if (s && s->next)
		return s->next;
	for (; i < CHAINS; i = (i / 64 + 1) * 64) {
		uint64_t left = used_chains[i / 64] >> i % 64;

		if (left)
			return chain[i + (unsigned)__builtin_ctzll(left)];
	}
	return NULL;
}

unsigned shares_count(void) { return shares; }

/* --- sharers --------------------------------------------------------------------------------- */

struct sharer *sharer_find(const struct share *s, coreid_t core)
{
	struct sharer *h = s->sharers;

	while (h && h->core != core)
		h = h->next;
	return h;
}

err_t sharer_count(struct share *s, coreid_t core, uint32_t count)
{
	struct sharer *h = sharer_find(s, core);

	if (!h) {
		h = cell_new(sizeof *h);
		if (!h)
			return ERR_NO_MEMORY;
		h->core = core;
		h->next = s->sharers;
		s->sharers = h;
	}
	h->count += count;
	return ERR_OK;
}

void sharer_remove(struct share *s, coreid_t core)
{
	struct sharer **at = &s->sharers;

	while (*at && (*at)->core != core)
		at = &(*at)->next;
	if (*at) {
		struct sharer *h = *at;

		*at = h->next;
		cell_free(h, sizeof *h);
	}
}

const struct sharer *sharer_dead(const struct share *s)
{
	const struct sharer *h = s->sharers;

	while (h && !core_gone(h->core))
		h = h->next;
	return h;
}

bool object_shareable(unsigned type)
{
	return type == CAP_RAM || type == CAP_FRAME || (type >= CAP_PTABLE1 && type <= CAP_PTABLE3);
}

/* --- what other parts of the monitor share --------------------------------------------------- */

void caps_pin(cptr_t cap, coreid_t owner)
{
	struct cap_info info;
	struct object object;
	struct share *s;

	if (cap_identify(cap, &info))
		return;
	object = object_of(&info);
	if (share_find(&object) || share_new(&object, owner, &s))
		return;
	s->pinned = true;
}

void caps_unpin(cptr_t cap)
{
	struct cap_info info;
	struct object object;
	struct share *s;

	if (cap_identify(cap, &info))
		return;
	object = object_of(&info);
	s = share_find(&object);
	if (s && s->pinned)
		share_free(s);
}
