/*
 * The cores of the machine: starting them, and what is known of them.
 *
 * Monitor 0 starts the others, each with a share of its memory and a frame for
 * the link between the two monitors.  A core counts as missing when its monitor has
 * not said hello after some seconds; the others go on without it.  From then on who is
 * up is who is a member of GROUP_ALL (agree/membership.c); the table here says
 * why the others are not.
 */
#include "monitor/caps/caps.h"
#include "monitor/cores.h"
#include "libos/core/error_text.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/x86/context.h"
#include "kernel/abi/syscall.h"
#include "monitor/agree/membership.h"
#include "monitor/monitor.h"

#define SHARE_BITS_MIN 21
#define SHARE_BITS_MAX 30
#define START_SECONDS 5

static struct core_table table;

struct core_table *core_table(void) { return &table; }

/* A power of two near an equal share of so much memory. */
static unsigned share_bits(uint64_t bytes, unsigned cores)
{
	uint64_t share = bytes / cores;
	unsigned bits = SHARE_BITS_MIN;

	while (bits < SHARE_BITS_MAX && SIZE_OF_BITS(bits + 1) <= share)
		bits++;
	return bits;
}

static err_t share_take(unsigned bits, cptr_t *ram)
{
	err_t err = memory_spared(bits, MEMORY_GROWTH) ? ram_take_source(bits, ram) : ERR_NO_MEMORY;

	return err ? block_alloc(bits, MEMORY_GROWTH, ram) : ERR_OK;
}

/* Less than a share when what is left is in smaller pieces. */
static err_t share_alloc(unsigned *bits, cptr_t *ram)
{
	err_t err = share_take(*bits, ram);

	while (err == ERR_NO_MEMORY && *bits > SHARE_BITS_MIN)
		err = share_take(--*bits, ram);
	return err;
}

static err_t core_start(coreid_t core, unsigned bits)
{
	cptr_t ram, frame;
	vaddr_t memory;
	err_t err = share_alloc(&bits, &ram);

	if (err)
		return err;
	err = frame_alloc_map(LINK_BITS, &frame, &memory);
	if (!err)
		err = link_first(core, (void *)memory, SIZE_OF_BITS(LINK_BITS), 0);
	if (!err)
		err = kernel_start(TASK_KERNEL, core, ram, frame);
	if (!err || err == ERR_CORE_TIMEOUT) {
		caps_pin(ram, core);
		caps_pin(frame, monitor.core);
	}
	/* A core that may yet come up keeps its memory: nobody else must get it. */
	if (err && err != ERR_CORE_TIMEOUT)
		ram_add(ram, bits);
	return err;
}

void cores_boot(void)
{
	unsigned wanted = cores_wanted(monitor.info->cmdline, monitor.info->cores);
	unsigned bits = share_bits(monitor.info->ram_bytes, wanted);

	core_table_init(&table, monitor.info->cores);
	core_table_set(&table, monitor.core, MON_CORE_UP);
	for (coreid_t core = (coreid_t)wanted; core < monitor.info->cores; core++)
		core_table_set(&table, core, MON_CORE_OFF);
	for (coreid_t core = 1; core < wanted; core++) {
		err_t err = core_start(core, bits);

		core_table_set(&table, core, err ? MON_CORE_MISSING : MON_CORE_ABSENT);
		if (err)
			report("core %u does not start: %s", core, error_text(err));
		else
			core_table_await(&table, core, context_now() + START_SECONDS * monitor.info->tsc_hz);
	}
}

/* The cores that are off yet share what is free with this one. */
err_t core_start_later(coreid_t core)
{
	uint64_t total, free;
	err_t err;

	memory_figures(&total, &free);
	err = core_start(core, share_bits(free, core_table_count(&table, MON_CORE_OFF) + 1));
	if (!err || err == ERR_CORE_TIMEOUT)
		core_table_set(&table, core, err ? MON_CORE_MISSING : MON_CORE_ABSENT);
	if (!err)
		core_table_await(&table, core, context_now() + START_SECONDS * monitor.info->tsc_hz);
	return err;
}

/* Nobody is to wait for it any longer. */
void core_lost(coreid_t core)
{
	core_table_set(&table, core, MON_CORE_MISSING);
	link_close(core);
	watch_core_gone(core);
	connections_core_gone(core);
	pending_fail(&monitor.pendings, core, ERR_CORE_TIMEOUT);
	if (monitor.core != 0)
		return;
	name_core_gone(core);
	report("core %u does not answer", core);
	control_core(core, ERR_CORE_TIMEOUT);
}

void core_fence(coreid_t core)
{
	err_t err = kernel_island(TASK_KERNEL, ISLAND_FENCE, core, 0, NULL);

	if (err)
		report("monitor: core %u is not stopped for good: %s", core, error_text(err));
}

/* At the start all that are up become members at once (boot.c); who comes later joins. */
void core_up(coreid_t core)
{
	if (group_count(GROUP_ALL) == 0)
		core_joined(core);
	else
		membership_admit(core);
}

void core_joined(coreid_t core)
{
	if (monitor.core != 0)
		return;
	core_table_set(&table, core, MON_CORE_UP);
	control_core(core, ERR_OK);
	if (monitor.verbose)
		report("monitor: core %u is up", core);
}

bool cores_settled(cycles_t *next)
{
	coreid_t missing;

	while (core_table_expire(&table, context_now(), &missing, next)) {
		report("core %u does not come up", missing);
		control_core(missing, ERR_CORE_TIMEOUT);
	}
	return table.awaited == 0;
}

void cores_report(void)
{
	unsigned up = core_table_count(&table, MON_CORE_UP), missing = core_table_count(&table, MON_CORE_MISSING);

	if (missing)
		report("monitor: %u cores are up, %u are missing", up, missing);
	else
		report("monitor: %u cores are up", up);
	for (coreid_t core = 0; core < table.cores && monitor.verbose; core++)
		report("monitor: core %u is in package %u of node %u", core, monitor.info->package[core],
		       monitor.info->node[core]);
}

/* --- what is known --------------------------------------------------------------- */

static uint64_t stat(unsigned which)
{
	uint64_t value = 0;

	kernel_stat(TASK_KERNEL, which, &value);
	return value;
}

static void describe_self(struct mon_core *c)
{
	uint64_t at = monitor.core;

	kernel_island(TASK_KERNEL, ISLAND_HOST, monitor.core, 0, &at);
	*c = (struct mon_core){ .core = monitor.core,
				.apic_id = (uint32_t)stat(STAT_APIC_ID),
				.state = MON_CORE_UP,
				.at = (uint32_t)at,
				.processes = monitor.processes.live,
				.uptime = context_now() - stat(STAT_START_TSC),
				.tsc_hz = monitor.info->tsc_hz,
				.messages = stat(STAT_SYSCALLS_LMP) + monitor.messages,
				.ipis_sent = stat(STAT_IPI_SENT),
				.ipis_received = stat(STAT_IPI_RECEIVED),
				.idle = stat(STAT_IDLE_CYCLES) };
	memory_figures(&c->ram_total, &c->ram_free);
}

static void describe_absent(coreid_t core, struct mon_core *c)
{
	*c = (struct mon_core){ .core = core,
				.apic_id = monitor.info->apic_id[core],
				.state = core_table_get(&table, core),
				.at = core,
				.tsc_hz = monitor.info->tsc_hz };
}

static void describe_reply(struct request *r, const struct mon_core *c)
{
	struct mon_message m;

	mon_core_pack(c, (unsigned)r->m.word[1], &m);
	request_reply(r, ERR_OK, m.word);
}

/*
 * At monitor 0: the other core has answered, or has not, and then nobody need wait
 * for it any longer. If it only was slow, its next message makes it up again.
 */
static void describe_done(struct pending *p, const struct mon_message *reply)
{
	err_t err = (err_t)mon_aux(reply->header);
	struct mon_message m = *reply;
	struct mon_core c;

	if (err == ERR_TIMEOUT)
		membership_doubt(p->core);
	if (err == ERR_TIMEOUT || err == ERR_CORE_TIMEOUT) {
		describe_absent(p->core, &c);
		mon_core_pack(&c, (unsigned)p->context, &m);
		err = ERR_OK;
	}
	reply_to(p->origin, p->op, p->origin_sequence, err, m.word);
}

/* Monitor 0 knows of all cores, those that are not up too: it answers for those, and passes on for the others. */
void core_describe(struct request *r)
{
	struct pending pending = { .origin = r->from,
				   .origin_sequence = mon_sequence(r->m.header),
				   .deadline = request_deadline(),
				   .done = monitor.core == 0 ? describe_done : NULL,
				   .context = r->m.word[1] };
	uint64_t core = r->m.word[0];
	struct mon_core c;
	err_t err;

	if (core >= monitor.info->cores || r->m.word[1] >= MON_CORE_PARTS) {
		request_reply(r, ERR_CORE_ID, NULL);
	} else if (core == monitor.core) {
		describe_self(&c);
		describe_reply(r, &c);
	} else if (monitor.core == 0 && core_table_get(&table, (coreid_t)core) != MON_CORE_UP) {
		describe_absent((coreid_t)core, &c);
		describe_reply(r, &c);
	} else {
		err = ERR_CORE_ID;
		if (monitor.core == 0 || !origin_is_monitor(r->from))
			err = request_forward(monitor.core == 0 || link_is_up((coreid_t)core) ? (coreid_t)core : 0,
					      &r->m, NULL, &pending);
		if (err)
			request_reply(r, err, NULL);
	}
}

/* May a link to that core be asked for? Monitor 0 decides. */
bool core_is_up(coreid_t core) { return core_table_get(&table, core) == MON_CORE_UP; }

bool core_is_missing(coreid_t core)
{
	return membership_gone(core) || core_table_get(&table, core) == MON_CORE_MISSING;
}

void core_stat(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	err_t err = kernel_stat(TASK_KERNEL, (unsigned)r->m.word[1], words);

	request_reply(r, err, words);
}

void core_check(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	err_t err = kernel_check(TASK_KERNEL, words);

	request_reply(r, err, words);
}
