/*
 * Messages to an endpoint of our own: ring, registers, capabilities, and what is refused.
 */
#include "libos/core/invoke.h"
#include "libos/core/lmp.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/tap.h"

#define MESSAGES 4

static struct lmp_endpoint endpoint;
static cptr_t sender;

static bool begin(bool capabilities)
{
	EXPECT_OK(lmp_endpoint_create(&endpoint, MESSAGES, capabilities));
	EXPECT_OK(lmp_endpoint_mint(&endpoint, 4711, &sender));
	return true;
}

static bool end(void)
{
	EXPECT_OK(slot_delete(sender));
	EXPECT_OK(lmp_endpoint_destroy(&endpoint));
	return true;
}

static bool words_arrive(void)
{
	uint64_t words[LMP_WORDS];
	struct lmp_message in;
	EXPECT(begin(false));
	for (unsigned i = 0; i < LMP_WORDS; i++)
		words[i] = 1000 + i;
	EXPECT_OK(lmp_send(sender, LMP_WORDS, words, 0));
	EXPECT(lmp_poll(&endpoint, &in));
	EXPECT(in.badge == 4711 && LMP_LENGTH(in.header) == LMP_WORDS);
	for (unsigned i = 0; i < LMP_WORDS; i++)
		EXPECT(in.words[i] == 1000 + i);
	EXPECT(!lmp_poll(&endpoint, &in));
	return end();
}

static bool full_ring_refuses(void)
{
	uint64_t words[LMP_WORDS] = { 0 };
	struct lmp_message in;
	EXPECT(begin(false));
	for (unsigned i = 0; i < MESSAGES; i++, words[0]++)
		EXPECT_OK(lmp_send(sender, 1, words, 0));
	EXPECT_ERROR(lmp_send(sender, 1, words, 0), ERR_EP_FULL);
	for (unsigned i = 0; i < MESSAGES; i++) {
		EXPECT(lmp_poll(&endpoint, &in));
		EXPECT(in.words[0] == i);
	}
	EXPECT_OK(lmp_send(sender, 1, words, 0));
	return end();
}

static bool capability_travels(void)
{
	uint64_t words[LMP_WORDS] = { 0 };
	struct lmp_message in;
	struct cap_info sent, got;
	cptr_t ram, taken;
	EXPECT(begin(true));
	EXPECT_OK(ram_alloc(12, &ram));
	EXPECT_OK(cap_identify(ram, &sent));
	EXPECT_OK(lmp_send(sender, 1 | LMP_CAP, words, ram));
	EXPECT(lmp_poll(&endpoint, &in) && (in.header & LMP_CAP));
	EXPECT_ERROR(lmp_send(sender, 1 | LMP_CAP, words, ram), ERR_EP_NO_SLOT);
	EXPECT_OK(lmp_take_cap(&endpoint, &taken));
	EXPECT_OK(cap_identify(taken, &got));
	EXPECT(got.type == CAP_RAM && got.base == sent.base);
	EXPECT_OK(slot_delete(taken));
	EXPECT_OK(ram_free(ram));
	return end();
}

static bool refusals(void)
{
	uint64_t words[LMP_WORDS] = { 0 };
	EXPECT(begin(false));
	EXPECT_ERROR(lmp_send(sender, 9, words, 0), ERR_ARGUMENT);
	EXPECT_ERROR(lmp_send(TASK_VSPACE, 1, words, 0), ERR_CAP_TYPE);
	EXPECT_ERROR(lmp_send(CPTR(7000, 1), 1, words, 0), ERR_CAP_LOOKUP);
	EXPECT_ERROR(lmp_send(sender, 1 | LMP_CAP, words, TASK_VSPACE), ERR_EP_NO_SLOT);
	EXPECT_ERROR(lmp_send(sender, 1 | LMP_CAP, words, CPTR(7000, 1)), ERR_CAP_LOOKUP);
	return end();
}

static bool notification_sets_its_bit(void)
{
	struct event rung = EVENT_INIT;
	cptr_t ntfn;
	unsigned bit;
	EXPECT_OK(notification_create(event_handle, &rung, &ntfn, &bit));
	EXPECT_OK(ntfn_signal(ntfn));
	EXPECT_OK(ntfn_signal(ntfn));
	EXPECT(event_wait(&rung, 0));
	EXPECT_OK(cap_restrict(ntfn, sender, RIGHT_READ));
	EXPECT_ERROR(ntfn_signal(sender), ERR_CAP_RIGHTS);
	EXPECT_OK(cap_delete(sender));
	EXPECT_OK(notification_destroy(ntfn, bit));
	return true;
}

static cycles_t late; /* so late that the receiver waits by then, on a busy host too */

static void *receive_soon(void *arg)
{
	static struct lmp_message in;

	*(bool *)arg = lmp_receive(&endpoint, &in, late);
	return NULL;
}

static void *send_one(void *arg)
{
	uint64_t words[LMP_WORDS] = { 0 };

	*(err_t *)arg = lmp_send(sender, 1, words, 0);
	return NULL;
}

/* The deadline passes, and before the thread has run the message is there: it must not be lost. */
static bool late_message_is_not_lost(void)
{
	struct thread *receiver, *other;
	bool received = false;
	err_t sent = ERR_AGAIN;
	EXPECT(begin(false));
	late = context_now() + dispatcher_tsc_hz() / 5;
	EXPECT_OK(thread_create(&receiver, receive_soon, &received));
	thread_yield();
	while (context_now() <= late)
		;
	EXPECT_OK(thread_create(&other, send_one, &sent));
	thread_yield(); /* the sender goes first, but the receiver's deadline has passed */
	EXPECT_OK(thread_join(other, NULL));
	EXPECT_OK(thread_join(receiver, NULL));
	EXPECT_OK(sent);
	EXPECT(received);
	return end();
}

const struct test lmp_tests[] = {
	{ "eight words and a badge arrive", words_arrive },
	{ "a full ring refuses, and loses nothing", full_ring_refuses },
	{ "a capability travels along", capability_travels },
	{ "bad sends are refused", refusals },
	{ "a message after the deadline is not lost", late_message_is_not_lost },
	{ "a notification sets its bit once", notification_sets_its_bit },
	{ 0 },
};
