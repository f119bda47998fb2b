/*
 * Physical memory: a buddy allocator over the RAM capabilities that we have.
 *
 * A block is an address and the number of the source it lies in; an object is
 * retyped straight out of the source at the block's offset.  One mutex; it is
 * held while the monitor is asked for more.
 */
#include "libos/core/ram.h"

#include "libos/core/arrival.h"
#include "libos/core/buddy.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/slot.h"
#include "libos/core/stay.h"
#include "libos/thread/control.h"

#define SOURCES_MAX 256
#define SOURCE_BITS_MIN 16             /* the first block that is asked for; each further one is twice that, */
#define SOURCE_BITS_MAX 21             /* up to this, */
#define SOURCES_TO_DOUBLE 64           /* and, lest the table be full too soon, on from there by so many blocks */
#define KEEP_BYTES (UINT64_C(2) << 20) /* free memory that stays with us */
#define RAM_NODES_FIRST 160
#define RAM_NODES_LOW 80
#define WHOLES_MAX 16   /* blocks that are whole sources, likewise */
#define OVERLAPS_MAX 16 /* blocks in use by someone else's copy that one request passes over */

err_t (*ram_source)(unsigned bits, cptr_t slot);
err_t (*ram_source_back)(cptr_t slot);
void (*ram_settle)(void);
CORE_LOCAL bool ram_unsettled;

static CORE_LOCAL struct source {
	cptr_t cap;
	paddr_t base;
	uint8_t bits; /* 0: given back, its place is free */
	bool asked;   /* by ram_source */
} sources[SOURCES_MAX];
static CORE_LOCAL unsigned source_count;
static CORE_LOCAL unsigned asked; /* of them, by now */
static CORE_LOCAL struct buddy buddy;
static CORE_LOCAL struct buddy_node ram_nodes[RAM_NODES_FIRST];
static CORE_LOCAL struct mutex lock;
static CORE_LOCAL cptr_t spare_slot; /* for the next source: asking must not need slots */

bool ram_is_locked(void) { return mutex_held(&lock); }

uint64_t ram_free_bytes(void) { return buddy.free_bytes; }

/* A place for one more source; SOURCES_MAX: there is none. */
static unsigned source_place(void)
{
	unsigned i = 0;

	while (i < source_count && sources[i].bits)
		i++;
	return i;
}

static err_t source_add(cptr_t ram, unsigned bits, uint64_t used, bool from_source)
{
	struct cap_info info;
	unsigned place;
	err_t err = cap_identify(ram, &info);

	if (err)
		return err;
	if (info.type != CAP_RAM || info.bits != bits || used > SIZE_OF_BITS(bits))
		return ERR_ARGUMENT;
	place = source_place();
	if (place == SOURCES_MAX || !buddy_add(&buddy, info.base + used, SIZE_OF_BITS(bits) - used, place))
		return ERR_NO_MEMORY;
	sources[place] = (struct source){ .cap = ram, .base = info.base, .bits = (uint8_t)bits, .asked = from_source };
	if (place == source_count)
		source_count++;
	return 0;
}

err_t ram_add_from(cptr_t ram, unsigned bits, uint64_t used)
{
	err_t err;

	mutex_lock(&lock);
	err = source_add(ram, bits, used, false);
	mutex_unlock(&lock);
	return err;
}

err_t ram_add(cptr_t ram, unsigned bits) { return ram_add_from(ram, bits, 0); }

static void ram_nodes_feed(struct buddy_node *nodes, unsigned count)
{
	mutex_lock(&lock);
	buddy_feed(&buddy, nodes, count);
	mutex_unlock(&lock);
}

static void ram_init_empty(void)
{
	mutex_init(&lock, true);
	buddy_init(&buddy);
	/*
	 * An object with none below it in its block costs the CPU driver one look the less at each retype
	 * (mdb_container).
	 */
	buddy.from_top = true;
	buddy_feed(&buddy, ram_nodes, RAM_NODES_FIRST);
}

void ram_init(void)
{
	const struct process_args *a = process_args();

	ram_init_empty();
	if (a->ram_bits)
		source_add(TASK_RAM, (unsigned)a->ram_bits, a->ram_used, false);
}

err_t ram_init_member(void)
{
	struct cap_info info;
	err_t err = cap_identify(TASK_RAM, &info);

	ram_init_empty();
	return err ? err : source_add(TASK_RAM, info.bits, 0, false);
}

void ram_tend(void)
{
	static CORE_LOCAL bool tending;
	vaddr_t page;

	if (buddy.pool_count >= RAM_NODES_LOW || tending || vspace_is_locked())
		return;
	tending = true;
	if (!frame_alloc_map(PAGE_BITS, NULL, &page))
		ram_nodes_feed((struct buddy_node *)page, PAGE_SIZE / sizeof(struct buddy_node));
	tending = false;
}

/* --- more from elsewhere, and back ------------------------------------------- */

/* Bits of the next block to ask for, if no more are needed: by how much was needed so far. */
static unsigned source_usual(void)
{
	unsigned bits = SOURCE_BITS_MIN + asked;

	return bits < SOURCE_BITS_MAX ? bits : SOURCE_BITS_MAX + source_count / SOURCES_TO_DOUBLE;
}

/* More than was asked for at once, less when there is not as much. */
static err_t source_ask(unsigned bits)
{
	unsigned usual = source_usual(), want = bits > usual ? bits : usual;
	err_t err;

	if (bits < PAGE_BITS)
		bits = PAGE_BITS;

	if (!ram_source)
		return ERR_NO_MEMORY;
	/* Before anything is asked for: what could not be entered would be lost. */
	if (source_place() == SOURCES_MAX)
		return ERR_NO_MEMORY;
	if (!spare_slot && slot_alloc(&spare_slot))
		return ERR_NO_SLOTS;
	err = ram_source(want, spare_slot);
	if (err && want > bits) {
		want = bits;
		err = ram_source(want, spare_slot);
	}
	if (!err)
		err = source_add(spare_slot, want, 0, true);
	if (!err) {
		asked++;
		spare_slot = 0;
		slot_alloc(&spare_slot);
	}
	return err;
}

/*
 * A block that is all of its source is free: the source goes back, if there is enough without it. Others are never all
 * in one piece but after a merge, which is left to whoever needs a larger one.
 */
static bool source_back(unsigned i, unsigned bits)
{
	struct source *s = &sources[i];

	if (!s->asked || s->bits != bits || buddy.free_bytes < KEEP_BYTES || !ram_source_back ||
	    ram_source_back(s->cap))
		return false;
	slot_free(s->cap);
	s->bits = 0;
	return true;
}

err_t ram_take_source(unsigned bits, cptr_t *out)
{
	err_t err = ERR_NOT_FOUND;

	mutex_lock(&lock);
	for (unsigned i = source_count; err && i-- > 0;) {
		struct source *s = &sources[i];

		if (s->bits != bits || !buddy_claim(&buddy, s->base, bits))
			continue;
		*out = s->cap;
		s->bits = 0;
		err = ERR_OK;
	}
	mutex_unlock(&lock);
	return err;
}

err_t ram_reserve(uint64_t bytes, unsigned bits)
{
	err_t err = 0;
	uint64_t free;

	mutex_lock(&lock);
	while (!err && (free = buddy_free_from(&buddy, bits)) < bytes) {
		unsigned short_of = 63 - (unsigned)__builtin_clzll(bytes - free);

		err = source_ask(short_of > bits ? short_of : bits);
	}
	mutex_unlock(&lock);
	return err;
}

/* `room`: bits of the memory to ask for when there is no block. */
static err_t block_take(unsigned bits, unsigned room, paddr_t *base, uint64_t *source)
{
	err_t err;

	if (buddy_alloc(&buddy, bits, base, source))
		return 0;
	err = source_ask(room);
	if (!err && !buddy_alloc(&buddy, bits, base, source))
		err = ERR_NO_MEMORY;
	return err;
}

/* RAM made of RAM is smaller than that: a block that is a whole source will not do. */
static err_t block_take_part(unsigned bits, paddr_t *base, uint64_t *source)
{
	paddr_t whole_base[WHOLES_MAX];
	uint64_t whole_source[WHOLES_MAX];
	unsigned wholes = 0;
	err_t err = block_take(bits, bits + 1, base, source);

	while (!err && sources[*source].bits == bits && wholes < WHOLES_MAX) {
		whole_base[wholes] = *base;
		whole_source[wholes++] = *source;
		err = block_take(bits, bits + 1, base, source);
	}
	while (wholes) {
		wholes--;
		buddy_release(&buddy, whole_base[wholes], bits, whole_source[wholes]);
	}
	return err;
}

/* --- objects ------------------------------------------------------------------- */

static err_t object_make(unsigned type, unsigned bits, cptr_t slot)
{
	paddr_t base = 0;
	uint64_t source = 0;
	err_t err = ERR_RETYPE_OVERLAP;

	/* A block may still be in use through a capability that was given away: it is lost to us. */
	for (unsigned tries = 0; err == ERR_RETYPE_OVERLAP && tries < OVERLAPS_MAX; tries++) {
		err = type == CAP_RAM ? block_take_part(bits, &base, &source) : block_take(bits, bits, &base, &source);
		if (err)
			return err;
		err = cap_retype(sources[source].cap, base - sources[source].base, type, bits, 1, slot);
	}
	if (err && err != ERR_RETYPE_OVERLAP)
		buddy_release(&buddy, base, bits, source);
	return err;
}

err_t ram_object_at(unsigned type, unsigned bits, cptr_t slot)
{
	err_t err;

	if (bits < BUDDY_BITS_MIN || bits > BUDDY_BITS_MAX)
		return ERR_RETYPE_SIZE;
	mutex_lock(&lock);
	err = object_make(type, bits, slot);
	mutex_unlock(&lock);
	return err;
}

err_t ram_set_aside(unsigned bits, cptr_t *source, uint64_t *offset)
{
	uint64_t place;
	paddr_t base;
	err_t err;

	core_stay();
	ram_tend();
	mutex_lock(&lock);
	err = block_take(bits, bits, &base, &place);
	if (!err) {
		*source = sources[place].cap;
		*offset = base - sources[place].base;
	}
	mutex_unlock(&lock);
	core_go();
	return err;
}

err_t ram_object(unsigned type, unsigned bits, cptr_t *out)
{
	err_t err;

	core_stay();
	ram_tend();
	err = slot_alloc(out);
	if (!err) {
		err = ram_object_at(type, bits, *out);
		if (err)
			slot_free(*out);
	}
	core_go();
	return err;
}

err_t ram_alloc(unsigned bits, cptr_t *out) { return ram_object(CAP_RAM, bits, out); }

/* Gives the block back to its source; one of a stranger's memory is only gone. */
static void block_give(const struct cap_info *o)
{
	for (unsigned i = source_count; i-- > 0;) {
		if (!sources[i].bits || o->base - sources[i].base >= SIZE_OF_BITS(sources[i].bits))
			continue;
		if (!source_back(i, o->bits))
			buddy_release(&buddy, o->base, o->bits, i);
		return;
	}
}

static err_t object_free(cptr_t object)
{
	struct cap_info info;
	err_t err = cap_identify(object, &info);

	if (!err)
		err = cap_revoke(object);
	if (!err)
		err = cap_delete(object);
	if (err)
		return err;
	slot_free(object);
	mutex_lock(&lock);
	block_give(&info);
	mutex_unlock(&lock);
	ram_tend();
	return 0;
}

err_t ram_free(cptr_t object)
{
	err_t err;

	core_stay();
	err = object_free(object);
	core_go();
	return err;
}

void ram_reclaim(cptr_t slot, paddr_t base, unsigned bits)
{
	struct cap_info info = { .base = base, .bits = (uint8_t)bits };

	slot_free(slot);
	mutex_lock(&lock);
	block_give(&info);
	mutex_unlock(&lock);
}
