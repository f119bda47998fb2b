/*
 * The order in which monitor 0 brings the system up.
 *
 * Cores first, so that the first program finds them all; then the console
 * service, which alone gets the devices; then, when it has announced itself or
 * could not, the services (start_services.c); then, when the name service answers, the first
 * program: option init="program arguments", else the shell.
 * When that ends: with `debugexit` the emulator ends with its status, with `poweroff`
 * the machine is switched off; the shell is started again, a few times.
 */
#include "monitor/boot.h"
#include "kernel/abi/syscall.h"
#include "libos/core/error_text.h"
#include "monitor/agree/agreement.h"
#include "monitor/cores.h"
#include "monitor/monitor.h"

#include <string.h>

#define RESTARTS_MAX 8    /* of the shell */
#define EXIT_CODE_MAX 127 /* the emulator takes no more: a larger one would look like another, or like success */

static enum { BOOT_CORES, BOOT_GROUP, BOOT_CONSOLE, BOOT_SERVICES, BOOT_INIT, BOOT_DONE } step = BOOT_DONE;
static uint32_t console; /* its process number; 0: did not start */
static uint32_t init;    /* likewise */
static bool init_given;
static unsigned restarts;
static char init_text[BOOT_CMDLINE];

void boot_begin(void)
{
	if (monitor.core != 0)
		return;
	cores_boot();
	step = BOOT_CORES;
}

static uint32_t boot_spawn(const char *text, size_t length, bool devices)
{
	struct spawn_args args = { .text = text, .length = length, .devices = devices };
	struct process *p;
	err_t err = process_spawn(&args, &p);

	if (!err)
		return p->number;
	report("cannot start %s: %s", text, error_text(err));
	return 0;
}

/* What the options say: leave with the status, or power off; false when they say nothing. */
static bool options_leave(uint64_t status)
{
	if (option_given(monitor.info->cmdline, "debugexit"))
		power_down(POWER_DEBUG_EXIT, status < EXIT_CODE_MAX ? (unsigned)status : EXIT_CODE_MAX);
	else if (option_given(monitor.info->cmdline, "poweroff"))
		power_down(POWER_OFF, 0);
	else
		return false;
	return true;
}

static void init_ended(uint64_t status)
{
	if (options_leave(status))
		return;
	report("%s has ended", init_text);
	if (!init_given && restarts++ < RESTARTS_MAX)
		step = BOOT_INIT;
}

void boot_process_gone(const struct process *p)
{
	services_process_gone(p);
	if (init && p->number == init)
		init_ended(p->status);
}

static bool console_ready(void)
{
	struct service_name s;
	uint64_t name[2];

	mon_name_pack("console", name);
	return name_find(name, monitor.core, &s) == ERR_OK ||
	       !process_alive(process_table_find(&monitor.processes, console));
}

static void init_start(void)
{
	init_given = option_find(monitor.info->cmdline, "init", init_text, sizeof init_text) && init_text[0] != '\0';
	if (!init_given)
		strcpy(init_text, "shell");
	init = boot_spawn(init_text, words_split(init_text), false);
	if (!init)
		options_leave(ERR_NOT_FOUND);
}

void boot_step(cycles_t *next)
{
	*next = 0;
	if (step == BOOT_CORES && cores_settled(next)) {
		cores_report();
		if (group_form(core_is_up))
			report("monitor: the cores cannot be made a group");
		step = BOOT_GROUP;
	}
	if (step == BOOT_GROUP && group_formed()) {
		console = boot_spawn("console", sizeof "console", true);
		step = BOOT_CONSOLE;
	}
	if (step == BOOT_CONSOLE && console_ready()) {
		services_start();
		step = BOOT_SERVICES;
	}
	if (step == BOOT_SERVICES && services_ready())
		step = BOOT_INIT;
	if (step == BOOT_INIT) {
		step = BOOT_DONE;
		init_start();
	}
	if (step == BOOT_DONE)
		services_step(next);
}
