/*
 * Cores come and go: stopping, starting, updating them.
 *
 * Monitor 0 does one at a time, step by step; each step is an operation of some
 * core's CPU driver, or is agreed on by all.
 *
 *	stop N onto M	M gets a guest; all: N's doorbells go to M's processor; N moves
 *	start N		M wakes its guest on N's own processor; all: N's doorbells go
 *			there; M has one guest less
 *
 * So M gets N's doorbells for longer than they can come to it, and passes them on while
 * N is elsewhere (kernel/core/island.c). A core that never ran is started as at boot.
 */
#include "kernel/abi/syscall.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/x86/context.h"
#include "monitor/agree/agreement.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#include <string.h>

typedef void step_fn(err_t err, uint64_t value);

#define WAITING_MAX 16
#define AGAIN_PER_SECOND 1000
#define STEP_SECONDS 60 /* a processor that does not come up is given 25 by the CPU driver */

static struct {
	bool busy;
	bool starting; /* waits for the core's hello */
	bool again;    /* the proposal is to be made again */
	coreid_t core, host;
	err_t err; /* that has made us undo what was done */
	struct request request;
	struct proposal proposal;
	step_fn *next; /* when all have agreed */
} job;
static struct request waiting[WAITING_MAX]; /* first come, first served */
static unsigned waiting_count;

static void job_begin(void);

/* --- steps ------------------------------------------------------------------------------ */

static void step_done(struct pending *p, const struct mon_message *reply)
{
	step_fn *next = (step_fn *)p->context;

	next((err_t)mon_aux(reply->header), reply->word[0]);
}

/* An operation of the CPU driver of core `at`. */
static void step(coreid_t at, enum island_op op, coreid_t core, uint64_t apic_id, step_fn *next)
{
	struct pending pending = { .done = step_done,
				   .context = (uint64_t)next,
				   .deadline = context_now() + STEP_SECONDS * monitor.info->tsc_hz };
	struct mon_message m = { .header = mon_header(MON_ISLAND, 0, 0, 0), .word = { op, core, apic_id } };
	uint64_t value = 0;
	err_t err;

	if (at == monitor.core) {
		err = kernel_island(TASK_KERNEL, op, core, apic_id, &value);
		next(err, value);
		return;
	}
	err = request_forward(at, &m, NULL, &pending);
	if (err)
		next(err, 0);
}

static void job_end(err_t err)
{
	request_reply(&job.request, err, NULL);
	job.busy = job.starting = false;
	if (waiting_count) {
		job.request = waiting[0];
		memmove(waiting, waiting + 1, --waiting_count * sizeof *waiting);
		job_begin();
	}
}

static uint64_t home_of(coreid_t core)
{
	uint64_t apic_id = 0;

	kernel_island(TASK_KERNEL, ISLAND_HOME, core, 0, &apic_id);
	return apic_id;
}

/* --- what all agree on --------------------------------------------------------------------- */

static void agreed(uint64_t context, err_t err, const struct proposal *p)
{
	(void)context, (void)p;
	job.next(err, 0);
}

static void propose(void)
{
	err_t err = one_phase(&job.proposal, agreed, 0);

	/* Too many rounds are under way, and they end. */
	job.again = err == ERR_AGAIN;
	if (err && !job.again)
		job.next(err, 0);
}

static void all_agree(uint64_t apic_id, step_fn *next)
{
	job.next = next;
	job.proposal =
		(struct proposal){ .group = GROUP_ALL, .subject = SUBJECT_CORE_AT, .word = { job.core, apic_id } };
	propose();
}

cycles_t control_step(void)
{
	if (job.again)
		propose();
	return job.again ? context_now() + monitor.info->tsc_hz / AGAIN_PER_SECOND : 0;
}

void core_commit_at(const struct proposal *p)
{
	if (p->word[0] < CORES_MAX)
		kernel_island(TASK_KERNEL, ISLAND_AT, (coreid_t)p->word[0], p->word[1], NULL);
}

/* --- stop ---------------------------------------------------------------------------------- */

static void undone(err_t err, uint64_t value)
{
	(void)err, (void)value;
	job_end(job.err);
}

static void undo_guest(err_t err, uint64_t value)
{
	(void)err, (void)value;
	step(job.host, ISLAND_GUEST_REMOVE, job.core, 0, undone);
}

static void stop_moved(err_t err, uint64_t value)
{
	(void)value;
	if (err) {
		job.err = err;
		all_agree(home_of(job.core), undo_guest);
		return;
	}
	core_table()->core[job.core].host = job.host;
	job_end(ERR_OK);
}

static void stop_told(err_t err, uint64_t value)
{
	(void)value;
	if (err)
		stop_moved(err, 0);
	else
		step(job.core, ISLAND_MOVE, job.host, 0, stop_moved);
}

static void stop_guest(err_t err, uint64_t value)
{
	(void)value;
	if (err)
		job_end(err);
	else
		all_agree(home_of(job.host), stop_told);
}

static unsigned guests(coreid_t host)
{
	struct core_table *t = core_table();
	unsigned n = 0;

	for (coreid_t c = 0; c < t->cores; c++)
		n += c != host && t->core[c].host == host;
	return n;
}

static bool can_host(coreid_t core, coreid_t other)
{
	struct core_table *t = core_table();

	return core != other && t->core[core].state == MON_CORE_UP && t->core[core].host == core;
}

/* The one with the fewest guests, the next in number first. */
static coreid_t host_choose(coreid_t core)
{
	struct core_table *t = core_table();
	coreid_t best = CORE_ANY;
	unsigned fewest = CORES_MAX;

	for (coreid_t i = 1; i < t->cores; i++) {
		coreid_t c = (coreid_t)((core + i) % t->cores);

		if (can_host(c, core) && guests(c) < fewest) {
			best = c;
			fewest = guests(c);
		}
	}
	return best;
}

static err_t stop_check(coreid_t core, coreid_t host)
{
	struct core_table *t = core_table();

	if (core == 0)
		return ERR_CORE_BOOT;
	if (t->core[core].state != MON_CORE_UP)
		return ERR_CORE_DOWN;
	if (t->core[core].host != core)
		return ERR_CORE_STOPPED;
	if (guests(core))
		return ERR_CORE_HOSTS;
	if (host == CORE_ANY)
		return ERR_OK;
	if (host >= t->cores)
		return ERR_CORE_ID;
	return can_host(host, core) ? ERR_OK : ERR_CORE_HOST;
}

static void stop_begin(void)
{
	err_t err = stop_check(job.core, job.host);

	if (!err && job.host == CORE_ANY)
		job.host = host_choose(job.core);
	if (err)
		job_end(err);
	else
		step(job.host, ISLAND_GUEST_ADD, job.core, 0, stop_guest);
}

/* --- start ----------------------------------------------------------------------------------- */

static void start_removed(err_t err, uint64_t value)
{
	(void)value;
	job_end(err);
}

static void start_told(err_t err, uint64_t value)
{
	(void)err, (void)value;
	step(job.host, ISLAND_GUEST_REMOVE, job.core, 0, start_removed);
}

static void start_woken(err_t err, uint64_t value)
{
	if (err) {
		job_end(err);
		return;
	}
	core_table()->core[job.core].host = job.core;
	all_agree(value, start_told);
}

static void start_begin(void)
{
	struct core_table *t = core_table();
	unsigned state = t->core[job.core].state;
	err_t err = ERR_CORE_STATE;

	if (state == MON_CORE_UP && t->core[job.core].host != job.core) {
		job.host = t->core[job.core].host;
		step(job.host, ISLAND_GUEST_WAKE, job.core, 0, start_woken);
		return;
	}
	if (state == MON_CORE_OFF)
		err = core_start_later(job.core);
	else if (state == MON_CORE_MISSING)
		err = ERR_CORE_TIMEOUT;
	job.starting = err == ERR_OK;
	if (err)
		job_end(err);
}

void control_core(coreid_t core, err_t err)
{
	if (!job.starting || core != job.core)
		return;
	job.starting = false;
	job_end(err);
}

/* --- update -------------------------------------------------------------------------------------- */

static void updated(err_t err, uint64_t value)
{
	(void)value;
	job_end(err);
}

static void update_begin(void)
{
	struct pending pending = { .done = step_done,
				   .context = (uint64_t)updated,
				   .deadline = context_now() + STEP_SECONDS * monitor.info->tsc_hz };
	struct mon_message m = { .header = mon_header(MON_CORE_CONTROL, 0, 0, 0),
				 .word = { job.core, MON_CORE_UPDATE } };
	err_t err = ERR_OK;

	if (job.core == monitor.core)
		updated(driver_update(), 0);
	else if (core_table()->core[job.core].state != MON_CORE_UP)
		job_end(ERR_CORE_DOWN);
	else
		err = request_forward(job.core, &m, NULL, &pending);
	if (err)
		job_end(err);
}

/* --- requests ----------------------------------------------------------------------------------- */

void core_island(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	err_t err = ERR_CORE_ID;

	if (r->m.word[1] < CORES_MAX)
		err = kernel_island(TASK_KERNEL, (unsigned)r->m.word[0] & 0xff, (coreid_t)r->m.word[1], r->m.word[2],
				    words);
	request_reply(r, err, words);
}

static void job_begin(void)
{
	const uint64_t *w = job.request.m.word;

	job.busy = true;
	job.core = (coreid_t)w[0];
	job.host = w[2] < CORE_ANY ? (coreid_t)w[2] : CORE_ANY;
	if (w[0] >= monitor.info->cores)
		job_end(ERR_CORE_ID);
	else if (w[1] == MON_CORE_STOP)
		stop_begin();
	else if (w[1] == MON_CORE_START)
		start_begin();
	else if (w[1] == MON_CORE_UPDATE)
		update_begin();
	else
		job_end(ERR_ARGUMENT);
}

void core_control(struct request *r)
{
	if (monitor.core != 0) {
		bool ours = r->m.word[0] == monitor.core && r->m.word[1] == MON_CORE_UPDATE;

		request_reply(r, ours ? driver_update() : ERR_CORE_ID, NULL);
	} else if (!job.busy) {
		job.request = *r;
		job_begin();
	} else if (waiting_count < WAITING_MAX) {
		waiting[waiting_count++] = *r;
	} else {
		request_reply(r, ERR_AGAIN, NULL);
	}
}
