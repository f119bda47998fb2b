/*
 * LMP: messages between two dispatchers of one core, up to 8 words and a capability.
 *
 * An endpoint is where this process receives.  Messages come through its ring in
 * the dispatcher frame, or, when the process was asleep and the sender waits too,
 * in registers, straight into the buffer of the thread that waits for them.
 * A client calls with lmp_call: send, then wait at its own endpoint.  A server
 * answers with lmp_call too: its answer is the message it sends, the next
 * request the one it waits for.
 *
 * `header`: the number of words, with LMP_CAP and LMP_GIVE when `cap` goes along.
 * Words beyond the length have no meaning.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "kernel/abi/syscall.h"
#include "libos/core/dispatcher.h"
#include "libos/core/local.h"

struct thread;

struct lmp_endpoint {
	struct thread *waiter;      /* blocked in lmp_call or lmp_receive */
	struct lmp_message *buffer; /* where its message goes */
	struct lmp_ring *ring;
	uint32_t mask;          /* messages of the ring - 1 */
	uint32_t index;         /* of the endpoint in the dispatcher */
	event_handler *handler; /* runs when a message came and no thread waits */
	void *handler_arg;
	cptr_t cap;              /* the endpoint itself, all rights */
	cptr_t receive_slot;     /* 0: takes no capabilities */
	struct thread *timed;    /* blocked in lmp_receive with a deadline; `buffer` is its */
	uint64_t ring_offset;    /* of the ring in the dispatcher frame */
	uint64_t held;           /* `hold` is full */
	struct lmp_message hold; /* came in registers, and no thread waited */
};

#define LMP_SELF_MESSAGES 16

/* Endpoint 0 of this core, for answers of its monitor; its receive slot is TASK_RECV. Bound at start. */
extern CORE_LOCAL struct lmp_endpoint lmp_self;

/*
 * Makes an endpoint with a ring of `messages` (a power of two; 24 KiB in all are
 * there for the rings, 128 bytes a message). With `capabilities`, it gets a
 * receive slot.
 */
err_t lmp_endpoint_create(struct lmp_endpoint *e, unsigned messages, bool capabilities);
err_t lmp_endpoint_destroy(struct lmp_endpoint *e);
/*
 * Runs handler(arg) in disabled mode when messages came and no thread waits in
 * lmp_receive; once for several, so whoever it wakes takes all that lmp_poll finds.
 */
void lmp_endpoint_handle(struct lmp_endpoint *e, event_handler *handler, void *arg);
/* A capability to send to the endpoint, in a fresh slot; its messages carry `badge`. */
err_t lmp_endpoint_mint(struct lmp_endpoint *e, uint64_t badge, cptr_t *out);

/* Sends and goes on. ERR_EP_FULL when the receiver's ring is full. `words` holds LMP_WORDS words. */
err_t lmp_send(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap);
/* The same, but waits while the ring is full. */
err_t lmp_send_wait(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap);
/*
 * Sends, and waits for the next message at `e`. Another thread must not wait at
 * the same endpoint. Waits while the receiver's ring is full.
 */
err_t lmp_call(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap, struct lmp_endpoint *e,
	       struct lmp_message *in);
/* Takes a message that is there; false when none is. No system call. From threads and from handlers. */
bool lmp_poll(struct lmp_endpoint *e, struct lmp_message *in);
/* Waits for a message; false when the deadline (0: none) came first. */
bool lmp_receive(struct lmp_endpoint *e, struct lmp_message *in, cycles_t deadline);
/* Moves the capability out of the receive slot into a fresh one, which makes room for the next. */
err_t lmp_take_cap(struct lmp_endpoint *e, cptr_t *out);
