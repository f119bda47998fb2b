/*
 * Starts echo servers 0 to argv[1] - 1, and another wherever one dies: on the next core when the core is gone.
 */
#include "libos/core/monitor_client.h"
#include "libos/thread/thread.h"

#include <stdio.h>
#include <stdlib.h>

static coreid_t start(uint64_t number, coreid_t core, uint64_t *pid)
{
	char text[16];
	const char *argv[] = { "echo_server", text };

	snprintf(text, sizeof text, "%lu", number);
	while (mon_spawn(core, 2, argv, pid))
		core++;
	return core;
}

static void *keep(void *arg)
{
	uint64_t number = (uint64_t)arg, pid;
	coreid_t core = (coreid_t)(number + 1);

	while (core < CORES_MAX) {
		core = start(number, core, &pid);
		mon_wait(pid, NULL, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct thread *t = NULL;

	for (uint64_t i = 0; i < (argc > 1 ? strtoul(argv[1], NULL, 10) : 1); i++)
		if (thread_create(&t, keep, (void *)i))
			return 1;
	return thread_join(t, NULL) ? 1 : 0;
}
