/*
 * LMP: endpoints of this process, sending, waiting for messages.
 *
 * A message that comes in registers while nobody waits for it is held in its
 * endpoint, and counts as if it were in the ring: `consumed` is set back by one.
 * So the CPU driver sees a ring with something in it and puts later ones there,
 * and there is never a second message to hold.
 */
#include "libos/core/lmp.h"

#include "libos/core/arrival.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/thread/control.h"
#include "libos/x86/context.h"

CORE_LOCAL struct lmp_endpoint *lmp_endpoints[CAP_ENDPOINTS];
CORE_LOCAL struct lmp_endpoint lmp_self;

/* --- endpoints --------------------------------------------------------------- */

/* Rings keep their place and room when their endpoint goes: another that fits takes it over. */
static CORE_LOCAL struct {
	uint32_t offset, messages;
	bool used;
} places[CAP_ENDPOINTS];
static CORE_LOCAL uint32_t places_made;
static CORE_LOCAL uint32_t rings_end;
static CORE_LOCAL uint64_t frame_bytes;

/* The free ring that is just large enough; -1: none is. */
static int place_find(unsigned messages)
{
	int best = -1;

	for (uint32_t i = 0; i < places_made; i++) {
		if (places[i].used || places[i].messages < messages)
			continue;
		if (places[i].messages == messages)
			return (int)i;
		if (best < 0 || places[i].messages < places[best].messages)
			best = (int)i;
	}
	return best;
}

/* A ring behind the last one; -1: there is no room, or no index. */
static int place_make(unsigned messages)
{
	uint32_t bytes = (uint32_t)(sizeof(struct lmp_ring) + messages * sizeof(struct lmp_message));
	uint32_t i = places_made;

	if (i == CAP_ENDPOINTS || rings_end + bytes > frame_bytes)
		return -1;
	places[i].offset = rings_end;
	places[i].messages = messages;
	rings_end += bytes;
	places_made++;
	return (int)i;
}

/* A free endpoint index with room for a ring; -1 when there is none. Disabled mode. */
static int place_take(unsigned messages)
{
	int i = place_find(messages);

	/* A large ring is for who needs it, as long as there is room. */
	if (i < 0 || places[i].messages > messages) {
		int made = place_make(messages);

		i = made < 0 ? i : made;
	}
	if (i >= 0)
		places[i].used = true;
	return i;
}

static err_t endpoint_cap(unsigned index, cptr_t *out)
{
	err_t err;

	if (index == 0) {
		*out = TASK_SELF_EP;
		return 0;
	}
	err = slot_alloc(out);
	if (err)
		return err;
	err = cap_retype(TASK_DISPATCHER, CAP_ENDPOINT_OFFSET + ((uint64_t)index << CAP_ENDPOINT_BITS), CAP_ENDPOINT,
			 CAP_ENDPOINT_BITS, 1, *out);
	if (err)
		slot_free(*out);
	return err;
}

static err_t endpoint_bind(struct lmp_endpoint *e)
{
	struct lmp_ring *ring = e->ring;

	ring->consumed = ring->produced = 0;
	lmp_endpoints[e->index] = e;
	return ep_bind(e->cap, e->ring_offset, e->mask + 1, e->receive_slot);
}

err_t lmp_endpoint_create(struct lmp_endpoint *e, unsigned messages, bool capabilities)
{
	int place;
	err_t err;

	if (!messages || (messages & (messages - 1)))
		return ERR_ARGUMENT;
	dispatcher_disable();
	place = place_take(messages);
	dispatcher_enable();
	if (place < 0)
		return ERR_NO_MEMORY;
	*e = (struct lmp_endpoint){ .index = (uint32_t)place,
				    .mask = messages - 1,
				    .ring_offset = places[place].offset };
	e->ring = (struct lmp_ring *)(DISPATCHER_VA + e->ring_offset);
	err = endpoint_cap(e->index, &e->cap);
	if (!err && capabilities) {
		err = e->index ? slot_alloc(&e->receive_slot) : 0;
		if (!e->index)
			e->receive_slot = TASK_RECV;
	}
	if (!err)
		err = endpoint_bind(e);
	if (err)
		lmp_endpoint_destroy(e);
	return err;
}

err_t lmp_endpoint_destroy(struct lmp_endpoint *e)
{
	err_t err = 0;

	if (e->cap) {
		/* Revoke: whoever may still send would otherwise find the index's next user. */
		err = cap_revoke(e->cap);
		if (err || e->index == 0)
			return err;
		err = slot_delete(e->cap);
		if (err)
			return err;
	}
	lmp_endpoints[e->index] = NULL;
	if (e->receive_slot)
		slot_delete(e->receive_slot);
	places[e->index].used = false;
	return 0;
}

void lmp_endpoint_handle(struct lmp_endpoint *e, event_handler *handler, void *arg)
{
	dispatcher_disable();
	e->handler = handler;
	e->handler_arg = arg;
	dispatcher_enable();
}

err_t lmp_endpoint_mint(struct lmp_endpoint *e, uint64_t badge, cptr_t *out)
{
	err_t err = slot_alloc(out);

	if (err)
		return err;
	err = cap_mint(e->cap, *out, RIGHT_WRITE | RIGHT_GRANT, badge);
	if (err)
		slot_free(*out);
	return err;
}

err_t lmp_init(void)
{
	struct cap_info frame;
	err_t err = cap_identify(TASK_DISP_FRAME, &frame);

	if (err)
		return err;
	frame_bytes = SIZE_OF_BITS(frame.bits);
	rings_end = DISPATCHER_PAGE_BYTES;
	return lmp_endpoint_create(&lmp_self, LMP_SELF_MESSAGES, true);
}

/* --- receiving ------------------------------------------------------------------ */

static void message_copy(struct lmp_message *to, const struct lmp_message *from)
{
	to->badge = from->badge;
	to->header = from->header;
	/* A loop would become a call of memmove, which costs as much as all the rest. */
	__builtin_memcpy(to->words, from->words, sizeof to->words);
}

static inline bool ring_empty(const struct lmp_endpoint *e)
{
	return *(volatile uint32_t *)&e->ring->produced == e->ring->consumed;
}

/* Takes the first message. Disabled mode. */
static bool ring_take(struct lmp_endpoint *e, struct lmp_message *in)
{
	struct lmp_ring *ring = e->ring;

	if (ring_empty(e))
		return false;
	if (e->held) {
		message_copy(in, &e->hold);
		e->held = 0;
	} else {
		message_copy(in, &ring->slot[ring->consumed & e->mask]);
	}
	/* The slot may be overwritten from here on. */
	__asm__ volatile("" ::: "memory");
	ring->consumed++;
	return true;
}

void lmp_arrived(struct lmp_endpoint *e)
{
	struct thread *t = e->waiter ? e->waiter : e->timed;

	if (t && ring_take(e, e->buffer)) {
		bool expired = !e->waiter && t->timed_out;

		e->waiter = e->timed = NULL;
		/* Its deadline may have passed, which made it ready, but it has not run since. */
		if (expired)
			t->timed_out = false;
		else
			thread_make_ready(t);
	}
	if (e->handler && !ring_empty(e))
		e->handler(e->handler_arg);
}

void lmp_upcall_unclaimed(struct lmp_endpoint *e)
{
	e->held = 1;
	e->ring->consumed--;
	lmp_arrived(e);
	thread_schedule();
}

static inline void message_touch(const struct lmp_message *in)
{
	memory_touch(in);
	memory_touch((const char *)(in + 1) - 1);
}

bool lmp_poll(struct lmp_endpoint *e, struct lmp_message *in)
{
	bool taken;

	if (ring_empty(e))
		return false;
	if (dispatcher_disabled())
		return ring_take(e, in);
	message_touch(in);
	dispatcher_disable();
	taken = ring_take(e, in);
	dispatcher_enable();
	return taken;
}

/* Blocks the running thread till a message is in `in`. Disabled mode. */
static bool message_wait(struct lmp_endpoint *e, struct lmp_message *in, cycles_t deadline)
{
	struct thread *t = thread_current();

	t->timed_out = false;
	e->buffer = in;
	/* A waiter goes on by the message upcall alone, behind the back of a scheduler that is not the short one. */
	if (deadline || thread_is_special())
		e->timed = t;
	else
		e->waiter = t;
	if (deadline)
		sleep_add(t, deadline);
	t->pins++; /* the endpoint is this core's */
	thread_suspend(t);
	t->pins--;
	e->timed = NULL;
	return !t->timed_out;
}

bool lmp_receive(struct lmp_endpoint *e, struct lmp_message *in, cycles_t deadline)
{
	bool taken;

	message_touch(in);
	dispatcher_disable();
	taken = ring_take(e, in) || message_wait(e, in, deadline);
	dispatcher_enable();
	return taken;
}

err_t lmp_take_cap(struct lmp_endpoint *e, cptr_t *out)
{
	err_t err = slot_alloc(out);

	if (err)
		return err;
	err = cap_copy(e->receive_slot, *out);
	if (!err)
		err = cap_delete(e->receive_slot);
	else
		slot_free(*out);
	return err;
}

/* --- sending ---------------------------------------------------------------------- */

err_t lmp_send(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap)
{
	return sys_lmp_send8(to, header, words, cap);
}

err_t lmp_send_wait(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap)
{
	err_t err;

	while ((err = sys_lmp_send8(to, header, words, cap)) == ERR_EP_FULL) {
		if (thread_others())
			thread_yield();
		else
			dispatcher_yield();
	}
	return err;
}

/* In disabled mode, from lmp_call (context.asm). */
err_t lmp_call_slow(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap, struct lmp_endpoint *e,
		    struct lmp_message *in)
{
	err_t err;

	dispatcher_enable();
	err = lmp_send_wait(to, header, words, cap);
	if (err)
		return err;
	lmp_receive(e, in, 0);
	return 0;
}
