/*
 * Who a process is to others: numbers, and its end.
 *
 * A pid is the number that the process service gave. A process that was started without it has a core and
 * a number for a pid: both fit (20 bits of number; a monitor counts up from 1 and would need a million starts to leave
 * them).
 */
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

uint64_t process_pid(pid_t number) { return number & PID_BY_CORE ? pid_unpack(number) : 0; }

err_t process_relate(pid_t number, unsigned set, struct mon_relation *r)
{
	uint64_t pid = number ? process_pid(number) : process_self_pid();
	err_t err = ERR_NO_PROCESS;
	struct mon_core c;

	if (number == getpid())
		pid = process_self_pid();
	if (pid)
		return mon_relate((coreid_t)(pid >> 32), MON_TO_PID, pid, set, r);
	for (coreid_t core = 0; core < CORES_MAX && err == ERR_NO_PROCESS && !mon_core(core, &c); core++)
		if (c.state == MON_CORE_UP)
			err = mon_relate(core, MON_TO_NUMBER, (uint32_t)number, set, r);
	return err;
}

bool process_lives(pid_t number)
{
	struct mon_relation r = { 0 };

	return number > 0 && !process_relate(number, 0, &r);
}

void (*process_mappings_end)(void);
void (*process_last_thread)(int status) = _exit;

void _exit(int status)
{
	if (process_mappings_end)
		process_mappings_end();
	console_finish();
	mon_exit((uint64_t)(uint32_t)status);
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
