/*
 * Monitors: they stay sound whatever is said to them, all pairs of cores can talk,
 * names and connections end with their processes, and nothing is left behind.
 */
#include <stdio.h>

#include "kernel/abi/cap.h"
#include "kernel/abi/syscall.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/lmp.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define CORES_TRIED 5
#define DEAF 12

static bool core_is_sound(coreid_t core)
{
	unsigned cause;
	uint64_t status, violations = 1;

	EXPECT_OK(mon_check(core, &violations));
	EXPECT(violations == 0);
	EXPECT_OK(child_run(core, "exit", "9", &cause, &status));
	EXPECT(cause == MON_EXITED && status == 9);
	return true;
}

static bool nonsense_does_no_harm(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	unsigned cause;
	uint64_t status;

	for (coreid_t core = 0; core < cores; core++) {
		char seed[12];

		snprintf(seed, sizeof(seed), "%u", core);
		EXPECT_OK(child_run(core, "babble", seed, &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
	}
	for (coreid_t core = 0; core < cores; core++)
		EXPECT(core_is_sound(core));
	return true;
}

static bool a_deaf_process_harms_only_itself(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);

	for (coreid_t core = 0; core < cores; core++) {
		unsigned cause;
		uint64_t pid;

		EXPECT_OK(child_start(core, "deaf", "", &pid));
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 20);
		EXPECT(core_is_sound(core));
		EXPECT_OK(mon_kill(pid));
		EXPECT_OK(mon_wait(pid, &cause, NULL));
		EXPECT(cause == MON_KILLED);
		EXPECT(core_is_sound(core));
	}
	return true;
}

static bool every_core_reaches_every_other(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);

	for (coreid_t from = 0; from < cores; from++)
		for (coreid_t to = 0; to < cores; to++) {
			unsigned cause;
			uint64_t status;
			char text[12];

			snprintf(text, sizeof(text), "%u", to);
			EXPECT_OK(child_run(from, "spawn-on", text, &cause, &status));
			EXPECT(cause == MON_EXITED && status == to);
		}
	return true;
}

struct figures {
	uint64_t ram, caps;
};

static err_t figures_take(coreid_t core, struct figures *out)
{
	struct mon_core c;
	err_t error = mon_core(core, &c);

	if (error)
		return error;
	out->ram = c.ram_free;
	return mon_stat(core, STAT_CAPS, &out->caps);
}

/* A child that prints opens a channel to the console, on core 0, from wherever it runs. */
static err_t hello_run(coreid_t core)
{
	static const char *const argv[] = { "tests", "--do", "print", "#" };
	uint64_t pid;
	err_t error = mon_spawn(core, 4, argv, &pid);

	return error ? error : mon_wait(pid, NULL, NULL);
}

/* What a monitor may keep for itself in the meantime: records, or links to cores that it had no word with before. */
struct growth {
	uint64_t ram, caps;
};

/* The far side of a channel gives its part back a little after the process has ended. */
static bool settles_within(coreid_t core, const struct figures *before, struct growth kept)
{
	struct figures now = { 0, 0 };
	cycles_t end = context_now() + PATIENCE * dispatcher_tsc_hz();

	do {
		EXPECT_OK(figures_take(core, &now));
		if (now.ram + kept.ram >= before->ram && now.caps <= before->caps + kept.caps)
			return true;
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 100);
	} while (context_now() < end);
	printf("# core %u: %lu bytes and %lu capabilities free before, %lu and %lu after\n", core,
	       (unsigned long)before->ram, (unsigned long)before->caps, (unsigned long)now.ram,
	       (unsigned long)now.caps);
	return false;
}

static bool settles_at(coreid_t core, const struct figures *before)
{
	return settles_within(core, before, (struct growth){ 4 * PAGE_SIZE, 4 });
}

#define CHANNEL_ROUNDS 72 /* a page or a capability lost in each would be twice what monitors keep for links */

static bool channels_leave_nothing(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct figures before[CORES_TRIED];

	for (int round = 0; round < CHANNEL_ROUNDS; round++) {
		/* The first rounds fill the caches of both sides. */
		for (coreid_t core = 0; core < cores && round == 8; core++)
			EXPECT_OK(figures_take(core, &before[core]));
		for (coreid_t core = 0; core < cores; core++)
			EXPECT_OK(hello_run(core));
	}
	for (coreid_t core = 0; core < cores; core++)
		EXPECT(settles_within(core, &before[core], (struct growth){ 32 * PAGE_SIZE, 32 }));
	return true;
}

static bool memory_comes_back_from_whoever_revokes_it(void)
{
	struct figures before;

	for (int i = 0; i < 40; i++) {
		unsigned cause;
		uint64_t status;

		if (i == 4)
			EXPECT_OK(figures_take(dispatcher_core(), &before));
		EXPECT_OK(child_run(dispatcher_core(), "revoke-ram", "", &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
	}
	EXPECT(settles_at(dispatcher_core(), &before));
	return true;
}

/* Tries to connect until the child serves the name. */
static err_t connect_to(const char *name, const struct mon_offer *offer)
{
	struct mon_binding binding;
	err_t error;

	do {
		error = mon_connect(name, offer, &binding);
		dispatcher_yield();
	} while (error == ERR_NOT_FOUND);
	return error;
}

static void nothing_to_do(void *arg) { (void)arg; }

static struct mon_offer offer;
static struct lmp_endpoint endpoint;

static err_t offer_make(void)
{
	err_t error = ERR_OK;

	if (offer.slot_channel)
		return ERR_OK;
	error = lmp_endpoint_create(&endpoint, 4, false);
	offer.endpoint = endpoint.cap;
	if (!error)
		error = notification_create(nothing_to_do, NULL, &offer.notification, NULL);
	if (!error)
		error = slot_alloc(&offer.slot_doorbell);
	return error ? error : slot_alloc(&offer.slot_channel);
}

static bool refusal_reaches_the_client(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);

	EXPECT_OK(offer_make());
	for (coreid_t core = 0; core < cores; core++) {
		unsigned cause;
		uint64_t status, pid;

		EXPECT_OK(child_start(core, "serve-once", "tests.once", &pid));
		EXPECT_ERROR(connect_to("tests.once", &offer), ERR_DENIED);
		EXPECT_OK(mon_wait(pid, &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
	}
	return true;
}

static bool death_of_a_server_reaches_the_client(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct mon_binding binding;

	EXPECT_OK(offer_make());
	for (coreid_t core = 0; core < cores; core++) {
		uint64_t pid;

		EXPECT_OK(child_start(core, "serve-never", "tests.never", &pid));
		EXPECT_ERROR(connect_to("tests.never", &offer), ERR_CLOSED);
		EXPECT_OK(mon_wait(pid, NULL, NULL));
	}
	EXPECT_ERROR(mon_connect("tests.nobody", &offer, &binding), ERR_NOT_FOUND);
	EXPECT_ERROR(mon_connect("a name of more than 16", &offer, &binding), ERR_TOO_LONG);
	return true;
}

static bool names_are_unique_and_go_with_their_process(void)
{
	uint32_t service;

	EXPECT_OK(mon_export("tests.name", &service));
	EXPECT_ERROR(mon_export("tests.name", &service), ERR_EXISTS);
	EXPECT_ERROR(mon_export("console", &service), ERR_EXISTS);
	for (int i = 0; i < 3; i++) {
		unsigned cause;
		uint64_t status;

		EXPECT_OK(child_run(dispatcher_core(), "channels", "", &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
	}
	return true;
}

static bool incoming_soon(struct mon_incoming *out)
{
	cycles_t end = context_now() + dispatcher_tsc_hz() / 50;
	err_t error;

	while ((error = mon_incoming(out, false)) && context_now() < end)
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	return error == ERR_OK;
}

/* Takes one connection in one of several ways; its client has gone or is about to. */
static bool incoming_serve(unsigned way)
{
	struct mon_offer mine = offer;
	struct mon_incoming incoming;
	struct mon_binding binding;
	err_t error;

	/* One of another core may have ended before it was known whom it meant. */
	if (!incoming_soon(&incoming))
		return true;
	EXPECT_ERROR(mon_close(incoming.channel), ERR_ARGUMENT);
	if (way % 3 == 0) {
		EXPECT_OK(mon_reject(incoming.channel, 0));
		EXPECT_ERROR(mon_reject(incoming.channel, 0), ERR_ARGUMENT);
		return true;
	}
	if (way % 3 == 1)
		mine.slot_channel = TASK_VSPACE; /* not empty: no connection */
	error = mon_accept(incoming.channel, &mine, &binding);
	EXPECT(way % 3 == 2 || error);
	if (!error) {
		EXPECT_ERROR(mon_accept(incoming.channel, &mine, &binding), ERR_ARGUMENT);
		EXPECT_OK(mon_close(incoming.channel));
	}
	EXPECT_ERROR(mon_close(incoming.channel), ERR_ARGUMENT);
	cap_delete(offer.slot_channel);
	cap_delete(offer.slot_doorbell);
	return true;
}

static bool clients_that_leave_early_leave_nothing(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	struct figures before[CORES_TRIED];
	struct mon_incoming late;
	uint32_t service;

	EXPECT_OK(offer_make());
	EXPECT_OK(mon_export("tests.early", &service));
	for (unsigned round = 0; round < 18; round++) {
		for (coreid_t core = 0; core < cores && round == 6; core++)
			EXPECT_OK(figures_take(core, &before[core]));
		for (coreid_t core = 0; core < cores; core++) {
			unsigned cause;
			uint64_t status;

			EXPECT_OK(child_run(core, "connect-and-go", "tests.early", &cause, &status));
			EXPECT(cause == MON_EXITED && status == 0);
			EXPECT(incoming_serve(round));
		}
	}
	while (incoming_soon(&late))
		EXPECT_OK(mon_reject(late.channel, 0));
	for (coreid_t core = 0; core < cores; core++)
		EXPECT(settles_at(core, &before[core]));
	return true;
}

static bool waits_end_with_who_waits(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED);
	char text[24];

	snprintf(text, sizeof(text), "%lu", (unsigned long)process_args()->pid);
	for (coreid_t core = 0; core < cores; core++) {
		unsigned cause;
		uint64_t status;

		for (int i = 0; i < 3; i++) {
			EXPECT_OK(child_run(core, "waits", text, &cause, &status));
			EXPECT(cause == MON_EXITED && status == 0);
		}
		EXPECT_OK(child_run(core, "spawn-on", "0", &cause, &status));
		EXPECT(cause == MON_EXITED && status == 0);
	}
	return true;
}

static bool many_deaf_processes_leave_room(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED), here = dispatcher_core();
	uint64_t pid[DEAF], value;

	for (unsigned i = 0; i < DEAF; i++)
		EXPECT_OK(child_start(here, "deaf", "", &pid[i]));
	thread_sleep_until(context_now() + dispatcher_tsc_hz() / 2);
	EXPECT(core_is_sound(here));
	if (cores > 1)
		EXPECT_OK(mon_stat((here + 1) % cores, STAT_CAPS, &value));
	for (unsigned i = 0; i < DEAF; i++)
		EXPECT_OK(mon_kill(pid[i]));
	return true;
}

static bool who_revokes_what_it_is_made_of_harms_only_itself(void)
{
	static const cptr_t own[] = { TASK_ROOT_CNODE, TASK_VSPACE,     TASK_DISP_FRAME,
				      TASK_SELF_EP,    TASK_DISPATCHER, TASK_RAM };

	struct figures before = { 0, 0 };

	for (unsigned round = 0; round < 3; round++) {
		if (round == 1)
			EXPECT_OK(figures_take(dispatcher_core(), &before));
		for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
			char slot[8];
			uint64_t pid;

			snprintf(slot, sizeof(slot), "%u", (unsigned)own[i]);
			EXPECT_OK(child_start(dispatcher_core(), "revoke-own", slot, &pid));
			thread_sleep_until(context_now() + dispatcher_tsc_hz() / 50);
			mon_kill(pid); /* it may have ended, or hang */
			EXPECT_OK(mon_wait(pid, NULL, NULL));
			EXPECT(core_is_sound(dispatcher_core()));
		}
	}
	EXPECT(settles_at(dispatcher_core(), &before));
	return true;
}

static bool what_all_have_is_not_revoked(void)
{
	unsigned cause;
	uint64_t status;

	EXPECT_OK(child_run(dispatcher_core(), "revoke-tasks", "", &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	EXPECT(core_is_sound(dispatcher_core()));
	EXPECT_OK(child_run(dispatcher_core(), "revoke-dispatcher", "", &cause, &status));
	EXPECT(cause == MON_FAULTED);
	return true;
}

/* A frame that two processes of one core share must not be taken for one that other cores may have. */
static bool local_frames_are_not_lent(void)
{
	struct mon_offer mine = { .shared_bits = 12 };
	coreid_t core = dispatcher_core(), cores = mon_cores_up(CORES_TRIED);
	struct mon_binding binding, other;
	uint64_t here, there;

	if (cores < 2)
		return true;
	EXPECT_OK(offer_make());
	mine.endpoint = offer.endpoint;
	mine.notification = offer.notification;
	EXPECT_OK(slot_alloc(&mine.slot_channel));
	EXPECT_OK(slot_alloc(&mine.slot_doorbell));
	EXPECT_OK(child_start(core, "serve-stay", "tests.stay", &here));
	do
		dispatcher_yield();
	while (mon_connect("tests.stay", &mine, &binding) == ERR_NOT_FOUND);
	EXPECT(binding.kind == MON_BINDING_LMP && binding.frame_bits == 12);
	EXPECT_OK(child_start((core + 1) % cores, "serve-stay", "tests.there", &there));
	offer.frame_of = binding.channel;
	EXPECT_ERROR(connect_to("tests.there", &offer), ERR_ARGUMENT);
	offer.frame_of = 0;
	EXPECT_OK(mon_close(binding.channel));
	EXPECT_ERROR(mon_close(binding.channel), ERR_ARGUMENT);
	EXPECT_ERROR(mon_accept(binding.channel, &mine, &other), ERR_ARGUMENT);
	EXPECT_OK(mon_kill(here));
	EXPECT_OK(mon_kill(there));
	/* They are empty: what was in them has gone with the server and the connection. */
	slot_free(mine.slot_channel);
	slot_free(mine.slot_doorbell);
	return true;
}

/*
 * Before a client is told that its server has closed the channel, no core of the server has the frame: the one that
 * uses it faults.
 */
static bool closed_is_closed_on_all_cores(void)
{
	coreid_t cores = mon_cores_up(CORES_TRIED), here = dispatcher_core();
	unsigned cause, client_cause;
	uint64_t pid, client, status;

	if (cores == 1)
		return true;
	EXPECT_OK(child_start((here + 1) % cores, "serve-close", "tests.close", &pid));
	EXPECT_OK(child_start(here, "client-told", "tests.close", &client));
	EXPECT_OK(mon_wait(pid, &cause, NULL));
	EXPECT_OK(mon_wait(client, &client_cause, &status));
	EXPECT(cause == MON_FAULTED);
	EXPECT(client_cause == MON_EXITED && status == 0);
	return true;
}

static bool arguments_have_limits(void)
{
	static char large[3000];
	const char *argv[] = { "exit", large };
	const char *many[65];
	uint64_t pid;

	for (unsigned i = 0; i < sizeof(large) - 1; i++)
		large[i] = 'x';
	EXPECT_OK(mon_spawn(dispatcher_core(), 2, argv, &pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	argv[0] = large;
	EXPECT_ERROR(mon_spawn(dispatcher_core(), 2, argv, &pid), ERR_TOO_LONG);
	EXPECT_ERROR(mon_spawn(dispatcher_core(), 1, argv, &pid), ERR_NOT_FOUND);
	EXPECT_ERROR(mon_spawn(dispatcher_core(), 0, argv, &pid), ERR_ARGUMENT);
	for (unsigned i = 0; i < 65; i++)
		many[i] = "exit";
	EXPECT_ERROR(mon_spawn(dispatcher_core(), 65, many, &pid), ERR_ARGUMENT);
	EXPECT_OK(mon_spawn(dispatcher_core(), 64, many, &pid));
	EXPECT_OK(mon_wait(pid, NULL, NULL));
	return true;
}

static bool memory_given_back_is_nobodys(void)
{
	struct cap_info info;
	cptr_t slot, copy;

	EXPECT_OK(slot_alloc(&slot));
	EXPECT_OK(slot_alloc(&copy));
	EXPECT_OK(mon_ram_alloc(PAGE_BITS, slot));
	/* The monitor's own capability goes with this, and is not to be missed. */
	EXPECT_OK(cap_revoke(slot));
	EXPECT_OK(cap_copy(slot, copy));
	EXPECT_OK(mon_ram_free(slot));
	EXPECT(cap_identify(slot, &info) != ERR_OK);
	EXPECT(cap_identify(copy, &info) != ERR_OK);
	slot_free(slot);
	slot_free(copy);
	return true;
}

/* user/regions tests what a service may do. */
static bool test_no_service(void)
{
	coreid_t core = process_self_core();
	struct mon_returned part[MON_RETURNED_PART];
	uint64_t map[MON_GRANTED_PAGES / 64];
	struct mon_grant g = { .type = CAP_FRAME, .bits = PAGE_BITS };
	struct mon_region r;
	unsigned count;
	paddr_t there;

	EXPECT_ERROR(mon_region(core, 20, &r), ERR_DENIED);
	EXPECT_ERROR(mon_region_free(core, 0), ERR_DENIED);
	EXPECT_ERROR(mon_region_own(core, 0, 0, &r), ERR_DENIED);
	EXPECT_ERROR(mon_regions(core, 0, &r), ERR_DENIED);
	EXPECT_ERROR(mon_grant(core, process_self_pid(), &g, &there), ERR_DENIED);
	EXPECT_ERROR(mon_granted(core, 0, 0, map), ERR_DENIED);
	EXPECT_ERROR(mon_returned(core, 0, part, &count), ERR_DENIED);
	EXPECT_ERROR(mon_quota_set(process_self_pid(), 0), ERR_DENIED);
	return true;
}

const struct test monitor_tests[] = {
	{ "only services are granted regions", test_no_service },
	{ "messages without sense do no harm", nonsense_does_no_harm },
	{ "a process that takes no answers harms only itself", a_deaf_process_harms_only_itself },
	{ "every core reaches every other", every_core_reaches_every_other },
	{ "channels between cores leave nothing behind", channels_leave_nothing },
	{ "memory comes back from whoever revokes it", memory_comes_back_from_whoever_revokes_it },
	{ "memory that was revoked and given back is nobody's", memory_given_back_is_nobodys },
	{ "a refusal reaches the client", refusal_reaches_the_client },
	{ "the death of a server reaches the client", death_of_a_server_reaches_the_client },
	{ "names are unique, and go with their process", names_are_unique_and_go_with_their_process },
	{ "clients that leave early leave nothing", clients_that_leave_early_leave_nothing },
	{ "waits end with who waits", waits_end_with_who_waits },
	{ "many processes that take no answers leave room", many_deaf_processes_leave_room },
	{ "who revokes what it is made of harms only itself", who_revokes_what_it_is_made_of_harms_only_itself },
	{ "what all processes have is not revoked by one", what_all_have_is_not_revoked },
	{ "frames within a core are not lent to others", local_frames_are_not_lent },
	{ "a closed channel is closed on all cores", closed_is_closed_on_all_cores },
	{ "arguments have limits", arguments_have_limits },
	{ 0 },
};
