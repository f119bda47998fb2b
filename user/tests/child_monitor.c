/*
 * Deeds of child processes that are about monitors: talk that makes no sense, and
 * requests from one core to another.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/abi/cap.h"
#include "kernel/abi/error.h"
#include "kernel/abi/syscall.h"
#include "libos/core/error_text.h"
#include "libos/core/invoke.h"
#include "libos/core/lmp.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/core/syscall.h"
#include "libos/core/vspace.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "user/tests/child.h"

#define MESSAGES 3000

static uint64_t state;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Words that are often nearly right: small numbers, slots, our own pid, and anything. */
static uint64_t likely_word(void)
{
	switch (next_random() % 4) {
	case 0:
		return next_random() % 8;
	case 1:
		return next_random() % 512;
	case 2:
		return next_random() << 32 | next_random() % 64;
	default:
		return next_random();
	}
}

/* What would end this process, or others that have no part in this, is left out. */
static bool harmless(unsigned op)
{
	return op != MON_EXIT && op != MON_FAULT && op != MON_POWER && op != MON_KILL && op != MON_LOG &&
	       op != MON_SPAN && op != MON_MIGRATE && op != MON_CAP_DELETE && op != MON_CAP_REVOKE && op != MON_UNMAP &&
	       op != MON_PROTECT && op != MON_SIGNAL && op != MON_CORE_CONTROL &&
	       op != MON_ALIVE; /* the last: it may say "within 3 ms" */
}

static bool babble_once(void)
{
	unsigned op = next_random() % 4 ? next_random() % (MON_OPS + 2) : next_random() % 256;
	uint64_t words[LMP_WORDS];

	if (!harmless(op))
		return true;
	words[0] = mon_header(op, next_random() % 8 ? 0 : MON_REPLY, (unsigned)likely_word(), 0x80000000u);
	for (unsigned i = 1; i < LMP_WORDS; i++)
		words[i] = likely_word();
	return lmp_send_wait(TASK_MONITOR_EP, next_random() % (LMP_WORDS + 1), words, 0) == ERR_OK;
}

int deed_babble(const char *arg)
{
	state = strtoull(arg, NULL, 10) * 2654435761u + 88172645463325252u;
	for (int i = 0; i < MESSAGES; i++)
		if (!babble_once())
			return 1;
	return 0;
}

/* Runs a child on the core `arg` and returns its exit status. */
int deed_spawn_on(const char *arg)
{
	unsigned cause = 0;
	uint64_t status = 255;
	err_t error = child_run((coreid_t)atoi(arg), "exit", arg, &cause, &status);

	return error || cause != MON_EXITED ? 254 : (int)status;
}

/* Serves a name, and ends when it has accepted one connection: the client must hear of it. */
int deed_serve_once(const char *arg)
{
	struct mon_incoming incoming;
	uint32_t service;

	if (mon_export(arg, &service) || mon_incoming(&incoming, true))
		return 1;
	return mon_reject(incoming.channel, ERR_DENIED) ? 2 : 0;
}

/* Serves a name, and ends by itself while somebody waits to be accepted. */
int deed_serve_never(const char *arg)
{
	struct mon_incoming incoming;
	uint32_t service;

	return mon_export(arg, &service) || mon_incoming(&incoming, true);
}

/* Takes memory from the monitor, and with it the monitor's own capability to that. */
int deed_revoke_ram(const char *arg)
{
	cptr_t slot;

	(void)arg;
	return slot_alloc(&slot) || mon_ram_alloc(20, slot) || cap_revoke(slot);
}

/* Asks and asks, and takes no answer: in disabled mode nothing is taken from any ring. */
int deed_deaf(const char *arg)
{
	uint64_t words[LMP_WORDS] = { mon_header(MON_CORE, 0, 0, 1) };

	(void)arg;
	dispatcher_disable();
	for (int i = 0; i < 2000; i++)
		sys_lmp_send8(TASK_MONITOR_EP, MON_WORDS, words, 0);
	for (;;)
		__asm__ volatile("pause");
	return 1;
}

/* Waits for the end of the process `arg`, many times over, and ends without an answer. */
int deed_waits(const char *arg)
{
	uint64_t words[LMP_WORDS] = { 0, strtoull(arg, NULL, 10) };

	for (uint32_t i = 0; i < 300; i++) {
		words[0] = mon_header(MON_WAIT, 0, 0, UINT32_C(0x80000000) + i);
		if (lmp_send_wait(TASK_MONITOR_EP, MON_WORDS, words, 0))
			return 1;
	}
	return 0;
}

static void nothing_to_do(void *arg) { (void)arg; }

/* Serves a name and accepts one connection with all that it may bring; 0, or where it failed. */
static int serve(const char *name, struct mon_offer *offer, struct mon_binding *binding)
{
	static struct lmp_endpoint endpoint;
	struct mon_incoming incoming;
	uint32_t service;

	if (lmp_endpoint_create(&endpoint, 4, false) ||
	    notification_create(nothing_to_do, NULL, &offer->notification, NULL) || slot_alloc(&offer->slot_channel) ||
	    slot_alloc(&offer->slot_doorbell) || mon_export(name, &service) || mon_incoming(&incoming, true))
		return 1;
	offer->endpoint = endpoint.cap;
	return mon_accept(incoming.channel, offer, binding) ? 2 : 0;
}

int deed_serve_stay(const char *arg)
{
	struct mon_offer offer = { 0 };
	struct mon_incoming incoming;
	struct mon_binding binding;
	int failed = serve(arg, &offer, &binding);

	if (failed)
		return failed;
	mon_incoming(&incoming, true);
	return 3;
}

static volatile vaddr_t used;
static volatile uint64_t uses;

static void *use_on(void *core)
{
	if (thread_hop((coreid_t)(uintptr_t)core))
		return NULL;
	for (;; uses++)
		*(volatile char *)used = 1;
}

/*
 * Serves on two cores. While the other one uses the frame of the channel without end, closes that, and waits till
 * the client has been told. Then no use succeeds any more but one that was not counted yet: the fault ends us.
 */
int deed_serve_close(const char *arg)
{
	coreid_t other = (coreid_t)((cpu_current() + 1) % mon_cores_up(16));
	struct mon_offer offer = { 0 };
	struct mon_incoming incoming;
	struct mon_binding binding;
	struct thread *user;
	uint32_t service;
	vaddr_t frame;
	uint64_t before;
	int failed = cpu_join(other) || mon_export("tests.told", &service) ? 4 : serve(arg, &offer, &binding);

	if (failed)
		return failed;
	if (vspace_map_frame(offer.slot_channel, binding.frame_bits, MAP_READ | MAP_WRITE, &frame))
		return 5;
	used = frame;
	if (thread_create(&user, use_on, (void *)(uintptr_t)other))
		return 6;
	while (!uses)
		thread_yield();
	if (mon_close(binding.channel) || mon_incoming(&incoming, true))
		return 7;
	before = uses;
	while (uses < before + 2)
		thread_yield();
	mon_exit(0);
}

static volatile bool told;

static void tell(uint32_t channel)
{
	(void)channel;
	told = true;
}

/* Connects, and says so when it is told that the channel is closed. */
int deed_client_told(const char *arg)
{
	static struct lmp_endpoint endpoint;
	struct mon_offer offer = { 0 };
	struct mon_binding binding;
	err_t err;

	mon_set_closed_handler(tell);
	if (lmp_endpoint_create(&endpoint, 4, false) ||
	    notification_create(nothing_to_do, NULL, &offer.notification, NULL) || slot_alloc(&offer.slot_channel) ||
	    slot_alloc(&offer.slot_doorbell))
		return 1;
	offer.endpoint = endpoint.cap;
	do {
		err = mon_connect(arg, &offer, &binding);
		thread_yield();
	} while (err == ERR_NOT_FOUND);
	if (err || binding.kind != MON_BINDING_URPC)
		return 2;
	while (!told)
		thread_yield();
	mon_connect("tests.told", &offer, &binding);
	return 0;
}

/* Revokes what others have too: they must keep it. */
int deed_revoke_tasks(const char *arg)
{
	(void)arg;
	cap_revoke(TASK_CHANNEL);
	cap_revoke(TASK_ARCHIVE);
	cap_revoke(TASK_ARGS_FRAME);
	cap_revoke(TASK_MONITOR_EP);
	return 0;
}

/* Asks for a connection to the service `arg`, and ends without an answer. */
int deed_connect_and_go(const char *arg)
{
	struct mon_offer offer = { 0 };
	struct lmp_endpoint endpoint;
	uint64_t words[LMP_WORDS] = { mon_header(MON_CONNECT, 0, 0, UINT32_C(0x80000000)) };

	if (lmp_endpoint_create(&endpoint, 4, false) ||
	    notification_create(nothing_to_do, NULL, &offer.notification, NULL) || slot_alloc(&offer.slot_channel) ||
	    slot_alloc(&offer.slot_doorbell) || mon_name_pack(arg, &words[1]))
		return 1;
	words[3] = (uint32_t)endpoint.cap | offer.notification << 32;
	words[4] = 14 | 13 << 8;
	words[5] = (uint32_t)offer.slot_channel | offer.slot_doorbell << 32;
	if (lmp_send_wait(TASK_MONITOR_EP, MON_WORDS, words, 0))
		return 2;
	usleep(3000); /* so that the server is asked, on another core too */
	return 0;
}

/* Revokes one of its own capabilities, of which monitor and CPU driver have copies; then goes on as it can. */
int deed_revoke_own(const char *arg)
{
	cap_revoke((cptr_t)atoi(arg));
	mon_log("# still here");
	return 0;
}

/* Takes from the monitor what it looks at processes by, and faults where only that tells of it. */
int deed_revoke_dispatcher(const char *arg)
{
	uint64_t nowhere = 8;

	(void)arg;
	cap_revoke(TASK_DISPATCHER);
	dispatcher_disable();
	__asm__ volatile("" : "+r"(nowhere));
	*(volatile int *)nowhere = 1;
	return 255;
}

/* So many seconds that their ticks overflow, to less than a millisecond. */
int deed_sleep_long(const char *arg)
{
	uint64_t hz = dispatcher_tsc_hz(), seconds = 0;
	struct timespec t = { 0 };

	(void)arg;
	for (unsigned turns = 1; turns == 1 || seconds * hz > hz / 1000; turns++)
		seconds = (uint64_t)(((unsigned __int128)turns << 64) / hz) + 1;
	t.tv_sec = (time_t)seconds;
	nanosleep(&t, NULL);
	return 1;
}

/* Waits for the end of the process `arg` on another core; 77: that core does not answer. */
int deed_wait_for(const char *arg)
{
	err_t err = mon_wait(strtoull(arg, NULL, 10), NULL, NULL);

	return err == ERR_CORE_TIMEOUT ? 77 : err != ERR_OK;
}

static unsigned cores_count(void)
{
	struct mon_core c;
	unsigned up = 0;

	for (coreid_t core = 0; mon_core(core, &c) == ERR_OK; core++)
		up += c.state == MON_CORE_UP;
	return up;
}

/* Thousands of rounds of a protocol among all cores, `arg` times; they end well, whoever dies meanwhile. */
int deed_rounds(const char *arg)
{
	unsigned long times = strtoul(arg, NULL, 10);

	if (times == 0)
		return 1;
	for (unsigned long i = 0; i < 2 * times; i++) {
		struct mon_rounds r = { .kind = i < times ? MON_ROUND_ONE_PHASE : MON_ROUND_TWO_PHASE,
					.scheme = DISSEMINATE_NUMA,
					.cores = cores_count(),
					.count = 20000,
					.in_flight = 8 };
		err_t err = mon_rounds(&r);

		if (err || i % times == times - 1)
			printf("rounds kind %u end: %s\n", r.kind, error_text(err));
		fflush(stdout);
		if (err)
			return 1;
	}
	return 0;
}
