/*
 * Asks an echo_server so many times, two threads at once; when the server dies, its successor. argv[1]: the
 * server's number.
 */
#include "libos/fabric/fabric.h"
#include "libos/thread/thread.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>

#define AGAIN 300000

static struct fabric *fabric;
static char name[16];

static void connect(struct channel *c)
{
	while (channel_open(fabric, name, NULL, c))
		thread_sleep_until(fabric_now(fabric) + AGAIN);
}

static void call(struct channel *c, uint64_t n)
{
	struct urpc_message request = { .word = { n } }, reply;

	while (channel_call(c, &request, &reply)) {
		channel_close(c);
		connect(c);
	}
	if (reply.word[0] != n + 1)
		host_violation("%lu was asked, and the answer is %lu", n, reply.word[0]);
}

static void *work(void *arg)
{
	struct channel c;

	connect(&c);
	for (uint64_t i = 0; i < host_option("calls") / 2; i++) {
		uint64_t from = fabric_now(fabric);

		call(&c, (uint64_t)arg << 32 | i);
		host_answered("echo", from);
	}
	channel_close(&c);
	return NULL;
}

int main(int argc, char **argv)
{
	struct thread *other;

	snprintf(name, sizeof name, "echo%s", argc > 1 ? argv[1] : "");
	if (fabric_here(&fabric) || thread_create(&other, work, (void *)1))
		return 1;
	work(NULL);
	thread_join(other, NULL);
	host_done();
	return 0;
}
