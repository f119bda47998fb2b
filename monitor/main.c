/*
 * The start of a monitor, and its loop.
 *
 * Order: memory, since all else takes some; what others reach us by (endpoint,
 * doorbell, fault notification); the link to monitor 0.  Monitor 0 then starts
 * the other cores and, when all have said hello or are given up, the console and
 * the first program.  After that the monitor only answers.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/invoke.h"
#include "libos/core/lmp.h"
#include "libos/core/slot.h"
#include "libos/core/start.h"
#include "libos/core/vspace.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "libos/x86/cpuid.h"
#include "monitor/agree/agreement.h"
#include "monitor/archive.h"
#include "monitor/boot.h"
#include "monitor/caps/caps.h"
#include "monitor/cores.h"
#include "monitor/linger.h"
#include "monitor/members.h"

#include <string.h>

#define SERVICE_MESSAGES 64  /* ring of the endpoint that processes send to */
#define TURN_MAX 64          /* messages taken before the links have their turn */
#define TENDS_PER_SECOND 100 /* at least, while lines come one after the other */
#define FRUITLESS_MAX 64     /* turns in a row in which nobody made room */

struct monitor monitor;

static struct lmp_endpoint service;
static struct event work = EVENT_INIT;
static cptr_t watch;
static bool fault_seen;

cptr_t monitor_endpoint(void) { return service.cap; }
cptr_t monitor_watch(void) { return watch; }

/* --- start ---------------------------------------------------------------------- */

static void fault_event(void *arg)
{
	fault_seen = true;
	event_handle(arg);
}

/* Without any of this there is no monitor: say so, and stop. */
static void require(err_t err, const char *what)
{
	if (!err)
		return;
	report("monitor %u cannot start: %s: %s", monitor.core, what, error_text(err));
	for (;;)
		event_wait(&work, 0);
}

static err_t archive_map(void)
{
	vaddr_t va;
	cptr_t copy;
	err_t err = slot_alloc(&copy);

	if (!err)
		err = cap_copy(TASK_ARCHIVE, copy);
	if (!err)
		err = vspace_map_frame(copy, monitor.info->archive_bits, MAP_READ, &va);
	if (err)
		return err;
	monitor.archive = (const struct archive_header *)va;
	return archive_valid(monitor.archive, monitor.info->archive_size) ? ERR_OK : ERR_NOT_FOUND;
}

static err_t birth_link(void)
{
	cptr_t frame;
	vaddr_t memory;
	err_t err = slot_alloc(&frame);

	if (!err)
		err = cap_copy(TASK_BOOT_URPC, frame);
	if (!err)
		err = vspace_map_frame(frame, monitor.info->boot_urpc_bits, MAP_READ | MAP_WRITE, &memory);
	if (!err)
		caps_pin(frame, 0);
	if (!err)
		err = link_first(0, (void *)memory, SIZE_OF_BITS(monitor.info->boot_urpc_bits), 1);
	return err;
}

static void monitor_init(void)
{
	monitor.info = (const struct boot_info *)BOOT_INFO_VA;
	monitor.core = monitor.info->core;
	monitor.guest = cpuid_hypervisor();
	monitor.verbose = option_given(monitor.info->cmdline, "verbose");
	agree_init();
	require(memory_init(), "memory");
	require(lmp_endpoint_create(&service, SERVICE_MESSAGES, false), "endpoint");
	lmp_endpoint_handle(&service, event_handle, &work);
	require(notification_create(fault_event, &work, &watch, NULL), "fault notification");
	require(links_init(event_handle, &work), "doorbell");
	require(caps_init(event_handle, &work), "capabilities across cores");
	require(archive_map(), "boot archive");
	caps_pin(TASK_ARCHIVE, 0);
	require(spawn_init(), "address space");
	if (monitor.core != 0)
		require(birth_link(), "link to monitor 0");
	require(linger_init(&work), "look at the clock");
}

/* --- loop ------------------------------------------------------------------------- */

/* True when there may be more. */
static bool service_poll(void)
{
	struct lmp_message in;
	unsigned n = 0;

	while (n < TURN_MAX && lmp_poll(&service, &in)) {
		struct mon_message m = { .header = mon_header(MON_NONE, 0, 0, 0) };

		if (LMP_LENGTH(in.header) >= MON_WORDS)
			memcpy(&m, in.words, sizeof m);
		request_handle((struct origin){ monitor.core, (uint32_t)in.badge }, &m);
		n++;
	}
	return n == TURN_MAX;
}

static void faults_poll(void)
{
	if (!fault_seen)
		return;
	fault_seen = false;
	monitor.pressing = true;
	process_faults();
}

/* One turn of everything; true when there may be more. */
static bool turn(void)
{
	bool more;

	event_clear(&work); /* what it tells of is looked at now */
	more = service_poll();
	faults_poll();
	links_poll();
	return more || links_hinted();
}

static cycles_t earlier(cycles_t a, cycles_t b) { return a == 0 || (b && b < a) ? b : a; }

/*
 * Nobody tells us that a process has made room in its ring. So let it run, and look
 * again; one that does not take its messages for many turns is looked at now and then.
 */
static bool mailboxes_wait(cycles_t *deadline)
{
	static unsigned fruitless;

	if (!mailboxes_retry()) {
		fruitless = 0;
		return false;
	}
	if (fruitless++ < FRUITLESS_MAX) {
		dispatcher_yield();
		return true;
	}
	*deadline = earlier(*deadline, context_now() + monitor.info->tsc_hz / 1000);
	return false;
}

/* What is to be done at some time, or after what has been handled. True: there may be more; else `next` is when. */
static bool tend(cycles_t *next)
{
	cycles_t boot = 0, agree = 0, members = 0, caps = 0, alive = 0;

	monitor.pressing = monitor.stirred = false;
	boot_step(&boot);
	*next = earlier(boot, pending_expire(&monitor.pendings, context_now()));
	*next = earlier(*next, earlier(power_step(), control_step()));
	alive_step(&alive);
	if (agree_step(&agree) || members_step(&members) || caps_step(&caps))
		monitor.pressing = true;
	*next = earlier(earlier(earlier(*next, agree), earlier(members, caps)), alive);
	return monitor.pressing || monitor.stirred || mailboxes_wait(next);
}

/* It is due: something presses, the time has come, or for long nothing let us sleep. */
static bool tend_is_due(cycles_t deadline, cycles_t patience)
{
	cycles_t now;

	if (monitor.pressing)
		return true;
	if (!deadline && !monitor.stirred)
		return false;
	now = context_now();
	return (deadline && now >= deadline) || (monitor.stirred && now >= patience);
}

static void monitor_loop(void)
{
	cycles_t deadline = 0, patience = 0;

	monitor.pressing = true;
	for (;;) {
		while (turn())
			;
		if (!tend_is_due(deadline, patience)) {
			if (linger(&work))
				continue;
			if (!monitor.stirred) {
				if (links_sleep()) {
					event_wait(&work, deadline);
					links_wake();
				}
				continue;
			}
		}
		if (tend(&deadline))
			monitor.pressing = true;
		patience = context_now() + monitor.info->tsc_hz / TENDS_PER_SECOND;
	}
}

void posix_start(const struct process_args *args)
{
	(void)args;
	monitor_init();
	boot_begin();
	monitor_loop();
	__builtin_unreachable();
}
