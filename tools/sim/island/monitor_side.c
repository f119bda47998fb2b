/*
 * What an island's monitor stands on, and its start and loop.
 *
 * The monitor's own sources run as they stand, over libos/core's allocators of slots and memory.
 * Here is what else they call: messages go to the simulator's fabric, a process is a record with a
 * capability space, without a program.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libos/core/arrival.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/thread/control.h"
#include "monitor/agree/agreement.h"
#include "monitor/caps/caps.h"
#include "monitor/agree/broadcast.h"
#include "monitor/cores.h"
#include "monitor/members.h"
#include "monitor/monitor.h"
#include "tools/sim/island/machine.h"

#define NOTIFICATIONS 64
#define LOG_MAX 200

struct monitor monitor;

/* --- libos ------------------------------------------------------------------------------ */

void mutex_init(struct mutex *m, bool recursive) { (void)m, (void)recursive; }
void mutex_lock(struct mutex *m) { (void)m; }
void mutex_unlock(struct mutex *m) { (void)m; }
bool mutex_try(struct mutex *m)
{
	(void)m;
	return true;
}
bool mutex_held(const struct mutex *m)
{
	(void)m;
	return false;
}
bool vspace_is_locked(void) { return false; }
void event_handle(void *arg) { (void)arg; }

/* The monitor reaches its memory by the machine's window. */
err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *va)
{
	struct cap_info info;
	cptr_t cap;
	err_t err = sim_poor(monitor.core) ? ERR_NO_MEMORY : slot_alloc(&cap);

	if (!err)
		err = ram_object_at(CAP_FRAME, bits, cap);
	if (!err)
		err = cap_identify(cap, &info);
	if (err)
		return err;
	*va = (vaddr_t)machine_memory(info.base);
	if (frame)
		*frame = cap;
	return ERR_OK;
}

static struct {
	event_handler *run;
	void *arg;
} notified[NOTIFICATIONS];
static unsigned notifications;

err_t notification_create(event_handler *handler, void *arg, cptr_t *out, unsigned *bit)
{
	err_t err = notifications < NOTIFICATIONS ? ram_object(CAP_NOTIFICATION, CAP_NOTIFICATION_BITS, out)
						  : ERR_NTFN_EXHAUSTED;

	if (!err)
		err = ntfn_bind(*out, TASK_DISPATCHER, notifications);
	if (err)
		return err;
	notified[notifications].run = handler;
	notified[notifications].arg = arg;
	if (bit)
		*bit = notifications;
	notifications++;
	return ERR_OK;
}

/* --- fabric ----------------------------------------------------------------------------------- */

err_t link_send(coreid_t peer, const struct mon_message *m)
{
	uint64_t line[SIM_WORDS];

	if (peer >= monitor.info->cores)
		return ERR_CORE_ID;
	if (core_is_missing(peer))
		return ERR_CORE_TIMEOUT;
	monitor.messages++;
	memcpy(line, m, sizeof line);
	sim_send(monitor.core, peer, line);
	return ERR_OK;
}

/* No line is shared: rounds by broadcast go to each. */
bool broadcast_send(const struct round *r, const struct mon_message *m)
{
	(void)r, (void)m;
	return false;
}
bool broadcast_hear(coreid_t from, const struct mon_message *m)
{
	(void)from, (void)m;
	return false;
}

/* What is still under way from it is not heard any more (request.c). */
void link_close(coreid_t peer) { (void)peer; }

bool link_is_up(coreid_t peer) { return peer < monitor.info->cores && !core_is_missing(peer); }

void links_send_others(coreid_t but, const struct mon_message *m)
{
	for (coreid_t core = 0; core < monitor.info->cores; core++)
		if (core != but && core != monitor.core && link_is_up(core))
			link_send(core, m);
}

void process_send(struct process *p, const struct mon_message *m)
{
	uint64_t line[SIM_WORDS];

	memcpy(line, m, sizeof line);
	sim_answer(monitor.core, p->number, line);
}

void mailbox_forget(struct process *p) { (void)p; }

/* There is a way between any two from the start; what is said at its beginning tells who is there. */
err_t link_first(coreid_t peer, void *memory, size_t bytes, unsigned side)
{
	(void)peer, (void)memory, (void)bytes, (void)side;
	return ERR_OK;
}

void link_hello(struct request *r)
{
	if (monitor.core == 0)
		core_up(r->from.core);
}

/* --- report ----------------------------------------------------------------------------------- */

static size_t report_value(char *out, size_t room, char kind, va_list *list)
{
	switch (kind) {
	case 's':
		return (size_t)snprintf(out, room, "%s", va_arg(*list, const char *));
	case 'u':
		return (size_t)snprintf(out, room, "%u", va_arg(*list, unsigned));
	case 'x':
		return (size_t)snprintf(out, room, "%lx", va_arg(*list, uint64_t));
	default:
		return (size_t)snprintf(out, room, "%lu", va_arg(*list, uint64_t));
	}
}

void report(const char *format, ...)
{
	char text[LOG_MAX];
	size_t at = 0;
	va_list list;

	va_start(list, format);
	for (const char *f = format; *f && at < sizeof text - 1; f++) {
		if (*f != '%' || !f[1])
			text[at++] = *f;
		else
			at += report_value(text + at, sizeof text - at, *++f, &list);
	}
	va_end(list);
	text[at < sizeof text ? at : sizeof text - 1] = '\0';
	sim_log(monitor.core, text);
}

void report_fault(const struct process *p, unsigned vector, uint64_t error, vaddr_t address, vaddr_t rip)
{
	report("process %u faults: vector %u, error %x, address %x, at %x", p->number, vector, error, address, rip);
}

/* --- processes ------------------------------------------------------------------------------------ */

static cptr_t endpoint, watch;
static uint32_t running; /* whose page tables are loaded */

cptr_t monitor_endpoint(void) { return endpoint; }
cptr_t monitor_watch(void) { return watch; }

static void faults(void *arg)
{
	(void)arg;
	process_faults();
}

uint32_t isle_process(void)
{
	struct spawn_args args = { .text = "sim", .length = sizeof "sim" };
	struct process *p;

	return process_spawn(&args, &p) ? 0 : p->number;
}

uint32_t isle_member(uint64_t pid)
{
	const struct process *p = member_find(pid);

	return process_alive(p) ? p->number : 0;
}

bool isle_process_alive(uint32_t process) { return process_alive(process_table_find(&monitor.processes, process)); }

err_t isle_invoke(uint32_t process, cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t out[4])
{
	struct process *p = process_table_find(&monitor.processes, process);
	struct machine_result r = machine_invoke_in(p->slots + SLOT_ROOT, cap, op, a0, a1);

	if (out)
		memcpy(out, r.value, sizeof r.value);
	return r.err;
}

paddr_t isle_root(uint32_t process)
{
	struct process *p = process_table_find(&monitor.processes, process);
	struct cap_info info;

	return process_alive(p) && !cap_identify(process_cap(p, TASK_VSPACE), &info) ? info.base : 0;
}

unsigned isle_malformed_caps(void) { return caps_malformed(); }
unsigned isle_malformed_requests(void) { return requests_senseless(); }

static bool process_runs(const struct process *p)
{
	struct disp_state state;

	return process_alive(p) && !disp_inspect(p->slots + SLOT_DISPATCHER, &state) && state.state == DISP_RUNNABLE;
}

bool isle_run(uint32_t process)
{
	struct process *p = process_table_find(&monitor.processes, process);
	struct cap_info info;

	if (!process_runs(p) || cap_identify(process_cap(p, TASK_VSPACE), &info))
		return false;
	running = process;
	machine_root_load(info.base);
	return true;
}

/* Who is stopped is not on the processor any more. */
static void running_check(void)
{
	struct cap_info info;

	if (!running || process_runs(process_table_find(&monitor.processes, running)))
		return;
	running = 0;
	if (!cap_identify(TASK_VSPACE, &info))
		machine_root_load(info.base);
}

void isle_process_end(uint32_t process)
{
	struct process *p = process_table_find(&monitor.processes, process);

	if (process_alive(p))
		process_end(p, MON_KILLED, ERR_KILLED);
}

void isle_lend(uint32_t from, uint32_t to)
{
	cptr_t lent = process_cap(process_table_find(&monitor.processes, to), CPTR_L1(LENT_L1));

	cap_delete(lent);
	cap_copy(process_cap(process_table_find(&monitor.processes, from), CPTR_L1(0)), lent);
}

/* --- start and loop ----------------------------------------------------------------------------- */

static void require(err_t err, const char *what)
{
	if (err)
		sim_violation(monitor.core, "the monitor cannot start: %s: error %d", what, (int)err);
}

void isle_start(const struct island_birth *b)
{
	machine_start(b);
	monitor.info = machine_boot_info();
	monitor.core = b->core;
	agree_init();
	slot_init((cptr_t)process_args()->free_slot);
	ram_init();
	require(memory_init(), "memory");
	require(caps_init(event_handle, NULL), "capabilities across cores");
	caps_pin(TASK_ARCHIVE, 0);
	if (b->core != 0)
		caps_pin(TASK_BOOT_URPC, 0);
	require(spawn_init(), "address space");
	require(slot_alloc(&endpoint), "endpoint");
	require(cap_retype(TASK_DISPATCHER, CAP_ENDPOINT_OFFSET + SIZE_OF_BITS(CAP_ENDPOINT_BITS), CAP_ENDPOINT,
			   CAP_ENDPOINT_BITS, 1, endpoint),
		"endpoint");
	require(notification_create(faults, NULL, &watch, NULL), "fault notification");
	monitor.archive = machine_memory(monitor.info->archive);
	if (monitor.core != 0)
		link_send(0, &(struct mon_message){ .header = mon_header(MON_HELLO, 0, 0, 0), .word = { b->core } });
}

void isle_start_others(void) { cores_boot(); }
void isle_settle(void) { require(group_form(core_is_up), "the group of all cores"); }

/* It changes, ends, or waits to be let join. */
static bool process_busy(const struct process *p)
{
	return p->jobs || p->state == PROCESS_ENDING || (p->state == PROCESS_LIVE && !member_at_home(p) && !p->joined);
}

unsigned isle_processes_busy(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROCESS_MAX; i++)
		n += process_busy(&monitor.processes.entry[i]);
	return n;
}

unsigned isle_busy(void) { return monitor.pendings.used + agree_busy() + caps_busy() + isle_processes_busy(); }

uint64_t isle_memory_free(void)
{
	uint64_t total, free;

	memory_figures(&total, &free);
	return free;
}

void isle_message(coreid_t from, const uint64_t line[SIM_WORDS])
{
	struct mon_message m;

	memcpy(&m, line, sizeof m);
	request_handle((struct origin){ .core = from }, &m);
}

void isle_request(uint32_t process, const uint64_t line[SIM_WORDS])
{
	struct mon_message m;

	memcpy(&m, line, sizeof m);
	request_handle((struct origin){ monitor.core, process }, &m);
}

static cycles_t earlier(cycles_t a, cycles_t b) { return a == 0 || (b && b < a) ? b : a; }

cycles_t isle_step(void)
{
	cycles_t deadline = 0, members_deadline = 0, caps_deadline = 0;
	uint64_t bits;

	if (machine_events(&bits) & EVENT_NOTIFY)
		for (; bits; bits &= bits - 1) {
			unsigned n = (unsigned)__builtin_ctzll(bits);

			notified[n].run(notified[n].arg);
		}
	while (agree_step(&deadline) || members_step(&members_deadline) || caps_step(&caps_deadline))
		;
	deadline = earlier(earlier(deadline, members_deadline), caps_deadline);
	running_check();
	return earlier(deadline, pending_expire(&monitor.pendings, sim_now()));
}
