/*
 * Switching the machine off, on monitor 0.
 *
 * The console service may hold output that the terminal has not taken yet, so it
 * is asked to see that out first: it gets the same MON_POWER message, and makes the
 * request in its turn when all is out.  If it does not within a while, or there is
 * no console, the CPU driver is told at once.
 */
#include "libos/core/invoke.h"
#include "libos/x86/context.h"
#include "monitor/monitor.h"

#define POWER_SECONDS 3

static struct {
	cycles_t deadline; /* 0: nothing is asked for */
	unsigned how, code;
} pending;

static struct process *console_process(void)
{
	struct service_name s;
	uint64_t name[2];
	struct process *p;

	mon_name_pack("console", name);
	if (name_find(name, monitor.core, &s) || s.core != monitor.core)
		return NULL;
	p = process_table_find(&monitor.processes, s.process);
	return process_alive(p) ? p : NULL;
}

err_t power_down(unsigned how, unsigned code)
{
	struct mon_message m = { .header = mon_header(MON_POWER, 0, 0, 0), .word = { how, code } };
	struct process *console = console_process();

	if (!console)
		return kernel_power(TASK_KERNEL, how, code);
	pending.how = how;
	pending.code = code;
	pending.deadline = context_now() + POWER_SECONDS * monitor.info->tsc_hz;
	process_send(console, &m);
	return ERR_OK;
}

cycles_t power_step(void)
{
	if (pending.deadline && pending.deadline <= context_now()) {
		pending.deadline = 0;
		kernel_power(TASK_KERNEL, pending.how, pending.code);
	}
	return pending.deadline;
}

/* Who asks gets an answer only when it cannot be done. */
void power_request(struct request *r)
{
	unsigned how = (unsigned)r->m.word[0], code = (unsigned)r->m.word[1];
	struct process *console = console_process();
	err_t err = ERR_ARGUMENT;

	if (r->m.word[0] <= POWER_DEBUG_EXIT) {
		bool last = !origin_is_monitor(r->from) && console && console->number == r->from.number;

		err = last ? kernel_power(TASK_KERNEL, how, code) : power_down(how, code);
	}
	if (err)
		request_reply(r, err, NULL);
}
