/*
 * Broadcast on metal: pages that one monitor writes and all map.
 *
 * A line is 7 words and a number, which is published last.  A line is not written again
 * before all whom it concerned have acknowledged, so they miss none.  Whom it did not concern may:
 * the number is looked at before and after the line is copied, and one that has been overtaken goes on with the
 * latest.  Sleepers are woken as by a link: the writer fences and looks at
 * their boards, they say that they sleep, fence, and look at the lines.
 */
#include "monitor/caps/caps.h"
#include "monitor/broadcast.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "monitor/agree/broadcast.h"
#include "monitor/agree/wire.h"
#include "monitor/links.h"
#include "monitor/shared_frame.h"

#include <string.h>

#define LINES 8
#define SOURCES_MAX 16 /* coordinators that are listened to; those beyond ask each by itself */

struct line {
	_Alignas(CACHE_LINE) uint64_t word[MON_WORDS];
	uint64_t number; /* 0: being written */
};

static struct {
	struct line *ring;
	paddr_t at;
	uint64_t next;
	uint64_t round[LINES]; /* whose line it is */
	uint8_t kind[LINES];
	uint64_t told[SET_WORDS_MAX], ready[SET_WORDS_MAX]; /* of the page */
} own;

static struct {
	coreid_t core;
	struct line *ring;
	uint64_t next;
} sources[SOURCES_MAX];
unsigned broadcast_sources;

/* --- writing --------------------------------------------------------------------------- */

static bool own_make(void)
{
	vaddr_t va;
	cptr_t frame;

	if (shared_frame_make_here(PAGE_BITS, &frame, &own.at, &va))
		return false;
	own.ring = (struct line *)va;
	own.next = 1;
	return true;
}

static void tell(unsigned place)
{
	struct mon_message m = { .header = agree_header(AGREE_LINE, 0, 0), .word = { own.at, own.next } };

	if (!set_has(own.told, place) && !link_send(place_core(place), &m))
		set_add(own.told, place);
}

/* Do all that the round waits for poll our lines? Who does not is told of them. */
static bool all_ready(const struct round *r)
{
	bool ready = true;

	for (unsigned at = set_next(r->awaited, 0, places); at < places; at = set_next(r->awaited, at + 1, places)) {
		if (!set_has(own.ready, at))
			tell(at);
		ready = ready && set_has(own.ready, at) && link_is_up(place_core(at));
	}
	return ready;
}

static bool is_read(unsigned slot)
{
	const struct round *r = round_find(own.round[slot]);

	return !r || r->kind != own.kind[slot] || r->waiting == 0;
}

static void publish(struct line *l, const struct mon_message *m)
{
	uint64_t words[MON_WORDS];

	memcpy(words, m, sizeof words);
	/* Number 0 comes before the words, and the number behind them: stores stay in order. */
	mem_store64_release(&l->number, 0);
	for (unsigned i = 0; i < MON_WORDS; i++)
		mem_store64_release(&l->word[i], words[i]);
	mem_store64_release(&l->number, own.next++);
}

bool broadcast_send(const struct round *r, const struct mon_message *m)
{
	unsigned slot;

	if ((!own.ring && !own_make()) || !all_ready(r))
		return false;
	slot = own.next % LINES;
	if (!is_read(slot))
		return false;
	own.round[slot] = r->id;
	own.kind[slot] = r->kind;
	publish(&own.ring[slot], m);
	mem_fence(); /* pairs with that in links_sleep */
	for (unsigned at = set_next(r->awaited, 0, places); at < places; at = set_next(r->awaited, at + 1, places))
		link_rouse(place_core(at));
	return true;
}

/* --- reading ----------------------------------------------------------------------------- */

static bool source_add(coreid_t core, paddr_t at, uint64_t next)
{
	struct cap_info info = { .type = CAP_FRAME, .rights = RIGHT_READ, .bits = PAGE_BITS, .base = at };
	cptr_t frame;
	vaddr_t va;

	if (broadcast_sources == SOURCES_MAX || slot_alloc(&frame))
		return false;
	if (kernel_forge(TASK_KERNEL, &info, frame) || vspace_map_frame(frame, PAGE_BITS, MAP_READ, &va))
		return false;
	caps_pin(frame, core);
	sources[broadcast_sources].core = core;
	sources[broadcast_sources].ring = (struct line *)va;
	sources[broadcast_sources].next = next;
	broadcast_sources++;
	return true;
}

bool broadcast_hear(coreid_t from, const struct mon_message *m)
{
	struct mon_message ok = { .header = agree_header(AGREE_LINE_OK, 0, 0) };

	if (agree_kind(m->header) == AGREE_LINE_OK) {
		set_add(own.ready, core_place(from));
		return own.ring != NULL;
	}
	if (source_add(from, m->word[0], m->word[1]))
		link_send(from, &ok);
	return true;
}

/* The line of that number, if it is there and stays while it is copied. */
static bool line_copy(const struct line *l, uint64_t number, struct mon_message *m)
{
	if (mem_load64_acquire(&l->number) != number)
		return false;
	m->header = mem_load64_acquire(&l->word[0]);
	for (unsigned i = 0; i < MON_PAYLOAD; i++)
		m->word[i] = mem_load64_acquire(&l->word[1 + i]);
	return mem_load64_acquire(&l->number) == number;
}

bool broadcast_ready(void)
{
	for (unsigned i = 0; i < broadcast_sources; i++)
		if (mem_load64_acquire(&sources[i].ring[sources[i].next % LINES].number) >= sources[i].next)
			return true;
	return false;
}

static bool source_poll(unsigned i)
{
	struct line *l = &sources[i].ring[sources[i].next % LINES];
	uint64_t number = mem_load64_acquire(&l->number);
	struct mon_message m;

	if (number < sources[i].next)
		return false;
	/* What was overtaken was for others. */
	sources[i].next = number;
	if (!line_copy(l, number, &m))
		return true;
	sources[i].next++;
	agree_overhear(sources[i].core, &m);
	return true;
}

void broadcast_poll(void)
{
	for (unsigned i = 0; i < broadcast_sources; i++)
		while (source_poll(i))
			;
}
