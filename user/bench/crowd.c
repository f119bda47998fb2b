/* Crowds of clients: crowd.h. */
#include "user/bench/crowd.h"

#include <stdio.h>
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/x86/context.h"

#define STRING(x) #x
#define AS_STRING(x) STRING(x)

int crowd_ask(const char *ms, err_t (*once)(void))
{
	cycles_t end = context_now() + strtoull(ms, NULL, 10) * (dispatcher_tsc_hz() / 1000);
	unsigned answers = 0;

	while (context_now() < end && !once())
		answers++;
	return (int)(answers < INT32_MAX ? answers : INT32_MAX);
}

err_t crowd_run(const char *role, unsigned clients, coreid_t first, coreid_t last, double *ticks)
{
	const char *argv[] = { "bench", "--serve", role, AS_STRING(CROWD_MS), "0" };
	uint64_t pid[CROWD_MOST], status, answers = 0;
	unsigned started = 0, cause;
	err_t err = clients <= CROWD_MOST ? ERR_OK : ERR_ARGUMENT;

	while (started < clients && !err) {
		err = mon_spawn((coreid_t)(first + started % (last - first + 1)), 5, argv, &pid[started]);
		started += !err;
	}
	for (unsigned i = 0; i < started; i++) {
		if (mon_wait(pid[i], &cause, &status) || cause != MON_EXITED)
			err = err ? err : ERR_FAULTED;
		else
			answers += status;
	}
	if (!err && !answers)
		err = ERR_TIMEOUT;
	if (!err)
		*ticks = (double)CROWD_MS * (double)dispatcher_tsc_hz() / 1000 / (double)answers;
	return err;
}
