/*
 * Upcalls and events: what the CPU driver calls, and whom it concerns.
 *
 * Disabled mode.  An upcall runs on its own stack; the thread that it
 * interrupted, if one ran, is still the current one, and its registers are in
 * the dispatcher page.
 */
#include "libos/core/dispatcher.h"

#include "libos/core/arrival.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/monitor_proto.h"
#include "libos/core/ram.h"
#include "libos/thread/control.h"
#include "libos/thread/cpu.h"
#include "libos/x86/context.h"

#define UPCALL_STACK_BYTES 8192
#define NOTIFY_BITS 64

/* linker/user.ld puts it where nothing lies below. */
static _Alignas(PAGE_SIZE) uint8_t upcall_stack[UPCALL_STACK_BYTES] __attribute__((section(".corelocal.stack")));

static CORE_LOCAL struct {
	event_handler *handler;
	void *arg;
} notify_handlers[NOTIFY_BITS];
static CORE_LOCAL uint64_t notify_used;

void dispatcher_init(void)
{
	struct dispatcher_page *page = dispatcher_page();

	notify_used = UINT64_C(1) << MON_PEERS_BIT;
	notify_handlers[MON_PEERS_BIT].handler = cpu_rung;
	page->upcall_run = (uint64_t)upcall_run;
	page->upcall_message = (uint64_t)upcall_message;
	page->upcall_fault = (uint64_t)upcall_fault;
	page->upcall_trap = (uint64_t)upcall_trap;
	page->upcall_stack = (uint64_t)(upcall_stack + UPCALL_STACK_BYTES);
}

static void notify_dispatch(uint64_t bits)
{
	while (bits) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);

		bits &= bits - 1;
		if (notify_handlers[bit].handler)
			notify_handlers[bit].handler(notify_handlers[bit].arg);
	}
}

static void message_dispatch(uint64_t indices)
{
	while (indices) {
		unsigned index = (unsigned)__builtin_ctzll(indices);

		indices &= indices - 1;
		if (lmp_endpoints[index])
			lmp_arrived(lmp_endpoints[index]);
	}
}

/*
 * `events` is taken before the words that it tells of: what the CPU driver adds
 * in between is found now, and at worst looked for once more in vain.
 */
static void events_dispatch(void)
{
	struct dispatcher_page *page = dispatcher_page();
	uint64_t events = context_take(&page->events);

	if (events & EVENT_NOTIFY)
		notify_dispatch(context_take(&page->notify));
	if (events & EVENT_MESSAGE)
		message_dispatch(context_take(&page->messages));
	if (events & EVENT_TIMEOUT)
		thread_timeout();
	if (events & EVENT_OWN)
		fault_share->settle();
}

void dispatcher_run(uint64_t events)
{
	struct thread *interrupted = thread_current();

	if (events) {
		events_dispatch();
		if (thread_interrupted_hook && interrupted)
			thread_interrupted_hook(interrupted);
	}
	thread_after_upcall(interrupted);
}

void dispatcher_catch_up(void)
{
	do {
		dispatcher_disable();
		events_dispatch();
		*(volatile uint64_t *)&dispatcher_page()->disabled = 0;
	} while (*(volatile uint64_t *)&dispatcher_page()->events);
	thread_give_way();
}

void event_handle(void *arg) { event_raise(arg); }

static int notify_bit_take(event_handler *handler, void *arg)
{
	int bit = -1;

	dispatcher_disable();
	if (~notify_used) {
		bit = __builtin_ctzll(~notify_used);
		notify_used |= UINT64_C(1) << bit;
		notify_handlers[bit].handler = handler;
		notify_handlers[bit].arg = arg;
	}
	dispatcher_enable();
	return bit;
}

static void notify_bit_give(unsigned bit)
{
	dispatcher_disable();
	notify_handlers[bit].handler = NULL;
	notify_used &= ~(UINT64_C(1) << bit);
	dispatcher_enable();
}

err_t notification_create(event_handler *handler, void *arg, cptr_t *out, unsigned *bit)
{
	int taken = notify_bit_take(handler, arg);
	err_t err;

	if (taken < 0)
		return ERR_NTFN_EXHAUSTED;
	err = ram_object(CAP_NOTIFICATION, CAP_NOTIFICATION_BITS, out);
	if (!err) {
		err = ntfn_bind(*out, TASK_DISPATCHER, (unsigned)taken);
		if (err)
			ram_free(*out);
	}
	if (err)
		notify_bit_give((unsigned)taken);
	else if (bit)
		*bit = (unsigned)taken;
	return err;
}

err_t notification_destroy(cptr_t ntfn, unsigned bit)
{
	err_t err = ram_free(ntfn);

	if (!err)
		notify_bit_give(bit);
	return err;
}
