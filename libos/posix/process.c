/*
 * Processes as POSIX sees them, as far as that goes: a process here is made by
 * its monitor out of a program, never by a fork.
 *
 * A pid is the number that the process service gave. A process that was started without it has a core and
 * a number for a pid: both fit (20 bits of number; a monitor counts up from 1 and would need a million starts to leave
 * them).
 */
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/console.h"
#include "libos/posix/errno.h"
#include "libos/posix/process.h"
#include "libos/x86/random.h"

#define PID_NUMBER_BITS 20
#define PID_BY_CORE (1 << 30) /* not a number of the process service: core and number of a process without one */
#define STATUS_SIGNAL 128     /* exit status of a process that a signal ended: this and the signal */
#define ENTROPY_MAX 256

static pid_t pid_pack(uint64_t pid)
{
	return (pid_t)(PID_BY_CORE | (pid >> 32) << PID_NUMBER_BITS | (pid & ((1 << PID_NUMBER_BITS) - 1)));
}

static uint64_t pid_unpack(pid_t pid)
{
	uint64_t core = ((uint64_t)pid & ~(uint64_t)PID_BY_CORE) >> PID_NUMBER_BITS;

	return core << 32 | ((uint64_t)pid & ((1 << PID_NUMBER_BITS) - 1));
}

pid_t process_number(uint32_t id, uint64_t pid) { return id ? (pid_t)id : pid_pack(pid); }

pid_t getpid(void) { return process_number(process_self_id(), process_self_pid()); }

pid_t getpgrp(void) { return getpid(); }

bool process_lives(pid_t number) { return number > 0; }

void _exit(int status)
{
	console_finish();
	mon_exit((uint64_t)(uint32_t)status);
}

/* By asking the monitors who has that number: any program may have kill, few need the process service. */
static err_t number_kill(uint32_t id)
{
	struct mon_process p;
	struct mon_core c;

	for (coreid_t core = 0; core < CORES_MAX && !mon_core(core, &c); core++)
		for (unsigned i = 0; c.state == MON_CORE_UP && !mon_ps_id(core, i, &p); i++)
			if (p.id == id)
				return mon_kill(p.pid);
	return ERR_NO_PROCESS;
}

/* Signals end a process; nothing catches one that another process sends. */
int kill(pid_t pid, int signal)
{
	err_t err;

	if (pid <= 0 || signal <= 0 || signal >= NSIG)
		return errno_fail(EINVAL);
	if (pid == getpid())
		_exit(STATUS_SIGNAL + signal);
	err = pid & PID_BY_CORE ? mon_kill(pid_unpack(pid)) : number_kill((uint32_t)pid);
	return err ? errno_fail(errno_from(err)) : 0;
}

pid_t fork(void) { return errno_fail(ENOSYS); }

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	(void)how;
	if (old)
		*old = 0;
	return set && *set ? errno_fail(ENOSYS) : 0;
}

int getentropy(void *to, size_t bytes)
{
	uint8_t *p = to;

	if (bytes > ENTROPY_MAX)
		return errno_fail(EIO);
	while (bytes) {
		uint64_t word;
		size_t n = bytes < sizeof(word) ? bytes : sizeof(word);

		if (!random_word(&word))
			return errno_fail(ENOSYS);
		for (size_t i = 0; i < n; i++)
			*p++ = (uint8_t)(word >> 8 * i);
		bytes -= n;
	}
	return 0;
}
