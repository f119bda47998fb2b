/*
 * What the system is doing: `cores` and `ps`; whether its cores agree: `check`.
 *
 * Each core's monitor is asked in turn, so the table is not of one moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/abi/dispatcher.h"
#include "kernel/abi/error.h"
#include "kernel/abi/syscall.h"
#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/core/shared_cap.h"
#include "libos/proc/program.h"
#include "user/shell/shell.h"

#define RUNNING_TEXT 64

/* A core that does not answer is one all the same. */
static bool core_exists(coreid_t core)
{
	struct mon_core c;

	return core < CORES_MAX && mon_core(core, &c) != ERR_CORE_ID;
}

/* Core numbers are dense, so the first that is not there is found by halving: each question may wake a core. */
unsigned core_count(void)
{
	unsigned there = 1, beyond = 2;

	while (core_exists(beyond - 1)) {
		there = beyond;
		beyond *= 2;
	}
	while (beyond - there > 1) {
		unsigned middle = there + (beyond - there) / 2;

		if (core_exists(middle - 1))
			there = middle;
		else
			beyond = middle;
	}
	return there;
}

/* "12.3 s", and from a minute on "1:02:03". */
static const char *time_text(uint64_t cycles, uint64_t hz, char *out, size_t size)
{
	uint64_t tenths = hz ? cycles / (hz / 10 ? hz / 10 : 1) : 0, seconds = tenths / 10;

	if (seconds < 60)
		snprintf(out, size, "%" PRIu64 ".%" PRIu64 " s", seconds, tenths % 10);
	else
		snprintf(out, size, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600, seconds / 60 % 60,
			 seconds % 60);
	return out;
}

/* The names of a core's processes, as many as fit. */
static const char *running_text(coreid_t core, char out[RUNNING_TEXT])
{
	struct mon_process p;
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; !mon_ps(core, i, &p); i++) {
		if (at + strlen(p.name) + sizeof(", ...") > RUNNING_TEXT) {
			snprintf(out + at, RUNNING_TEXT - at, ", ...");
			break;
		}
		at += (size_t)snprintf(out + at, RUNNING_TEXT - at, "%s%s", at ? ", " : "", p.name);
	}
	return at ? out : "-";
}

static const char *core_state_text(unsigned state)
{
	static const char *const text[] = {
		[MON_CORE_ABSENT] = "absent",
		[MON_CORE_UP] = "up",
		[MON_CORE_MISSING] = "missing",
		[MON_CORE_OFF] = "off",
	};

	return state < sizeof(text) / sizeof(*text) && text[state] ? text[state] : "unknown";
}

static void core_print(coreid_t core)
{
	char up[24], state[16], running[RUNNING_TEXT];
	struct mon_core c;
	err_t err = mon_core(core, &c);
	uint64_t busy;

	if (err) {
		printf("%4u  %s\n", (unsigned)core, error_text(err));
		return;
	}
	if (c.state == MON_CORE_UP && c.at != core)
		snprintf(state, sizeof(state), "on %u", (unsigned)c.at);
	else
		snprintf(state, sizeof(state), "%s", core_state_text(c.state));
	if (c.state != MON_CORE_UP) {
		printf("%4u %5u  %s\n", (unsigned)core, (unsigned)c.apic_id, state);
		return;
	}
	busy = c.uptime > c.idle ? c.uptime - c.idle : 0;
	printf("%4u %5u  %-7s %9s %4" PRIu64 "%% %9" PRIu64 " %9" PRIu64 " %5" PRIu64 " %7" PRIu64 " M  %s\n",
	       (unsigned)core, (unsigned)c.apic_id, state, time_text(c.uptime, c.tsc_hz, up, sizeof(up)),
	       c.uptime / 100 ? busy / (c.uptime / 100) : 0, c.messages, c.ipis_sent, c.ipis_received, c.ram_free >> 20,
	       running_text(core, running));
}

int cores_command(const struct command_line *line)
{
	unsigned n = core_count();

	(void)line;
	printf("core  apic  state          up  busy  messages  IPIs out    in      free  runs\n");
	for (coreid_t core = 0; core < n; core++)
		core_print(core);
	return 0;
}

int core_command(const struct command_line *line)
{
	static const char *const verb[] = { "stop", "start", "update" }; /* enum mon_core_control */
	uint64_t core, onto = CORE_ANY, times;
	unsigned control = 0;
	err_t err;

	while (control < 3 && (line->count < 3 || strcmp(line->word[1], verb[control])))
		control++;
	if (control == 3 || line->count > (control == MON_CORE_STOP ? 4 : 3)) {
		printf("core: usage: core stop N [M], core start N, core update N\n");
		return 2;
	}
	if (!number_parse(line->word[2], CORE_ANY, &core) ||
	    (line->count > 3 && !number_parse(line->word[3], CORE_ANY, &onto))) {
		printf("core: %s\n", error_text(ERR_CORE_ID));
		return 1;
	}
	err = mon_core_control((coreid_t)core, control, (coreid_t)onto);
	if (err)
		printf("core %s: %s\n", line->word[1], error_text(err));
	else if (control == MON_CORE_UPDATE && !mon_stat((coreid_t)core, STAT_UPDATES, &times))
		printf("core %u: CPU driver replaced, %u times since its start\n", (unsigned)core, (unsigned)times);
	return err ? 1 : 0;
}

static const char *process_state_text(unsigned state)
{
	static const char *const text[] = {
		[DISP_NEW] = "new",         [DISP_RUNNABLE] = "runnable", [DISP_WAITING] = "waiting",
		[DISP_STOPPED] = "stopped", [DISP_FAULTED] = "faulted",
	};

	return state < sizeof(text) / sizeof(*text) ? text[state] : "unknown";
}

static void process_print(const struct proc_info *p)
{
	char pid[PID_TEXT], time[24];

	printf("%-9s %4u  %-8s %9s  %s", program_text(&(struct program){ p->id, p->pid }, pid), (unsigned)p->core,
	       process_state_text(p->state), time_text(p->cycles, dispatcher_tsc_hz(), time, sizeof(time)), p->name);
	printf(p->cores > 1 ? " (on %u cores)\n" : "\n", (unsigned)p->cores);
}

int ps_command(const struct command_line *line)
{
	struct proc_cursor at = { 0 };
	struct proc_info list[PROC_LIST_MAX];
	uint32_t count = PROC_LIST_MAX;
	err_t err;

	(void)line;
	printf("pid       core  state         time  name\n");
	while (!(err = program_list(&at, list, &count))) {
		for (uint32_t i = 0; i < count; i++)
			process_print(&list[i]);
		count = PROC_LIST_MAX;
	}
	if (err == ERR_NOT_FOUND)
		return 0;
	printf("ps: %s\n", error_text(err));
	return 1;
}

int check_command(const struct command_line *line)
{
	uint64_t violations = 0;
	err_t err = mon_walk(&violations);

	(void)line;
	if (err)
		printf("check: %s\n", error_text(err));
	else
		printf("check: %u violations\n", (unsigned)violations);
	return err || violations ? 1 : 0;
}
