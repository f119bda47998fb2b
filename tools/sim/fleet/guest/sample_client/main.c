/*
 * Calls a sample service by stubs: short calls, long ones, several at once, and calls that make the service call
 * another. argv[1]: its name, argv[2]: the other's.
 */
#include "libos/fabric/fabric.h"
#include "libos/thread/thread.h"
#include "services/sample/sample_client.h"
#include "tools/sim/fleet/host.h"

#include <string.h>

#define AGAIN 300000
#define PIPELINED 5
#define LONG 1000

static struct fabric *fabric;
static const char *other;

static void must(err_t err, const char *what)
{
	if (err)
		host_violation("%s gives error %ld", what, err);
}

static void connect(struct rpc_client *c, const char *name)
{
	rpc_client_init(c, fabric, NULL);
	while (rpc_client_open(c, name))
		thread_sleep_until(fabric_now(fabric) + AGAIN);
}

static void short_call(struct rpc_client *c, uint32_t n)
{
	uint64_t sum;

	must(sample_add(c, n, 7, &sum), "add");
	if (sum != (uint64_t)n + 7)
		host_violation("%u and 7 are %lu", n, sum);
}

static void several_calls(struct rpc_client *c, uint32_t n)
{
	struct rpc_pending p[PIPELINED];
	uint64_t sum;

	for (uint32_t i = 0; i < PIPELINED; i++)
		must(sample_add_start(c, &p[i], n, i), "start");
	for (uint32_t i = PIPELINED; i-- > 0;) {
		must(sample_add_finish(&p[i], &sum), "finish");
		if (sum != (uint64_t)n + i)
			host_violation("%u and %u are %lu", n, i, sum);
	}
}

static void long_call(struct rpc_client *c, uint32_t n)
{
	uint8_t bytes[LONG];
	size_t length = sizeof bytes;

	must(sample_fill(c, (uint8_t)n, bytes, &length), "fill");
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != (uint8_t)(n + i))
			host_violation("byte %zu is %u", i, bytes[i]);
	if (length != sizeof bytes)
		host_violation("%zu bytes came", length);
}

static void relayed_call(struct rpc_client *c, uint32_t n)
{
	uint64_t sum;

	must(sample_relay(c, other, n, 9, &sum), "relay");
	if (sum != (uint64_t)n + 9)
		host_violation("%u and 9 are %lu", n, sum);
}

int main(int argc, char **argv)
{
	static void (*const kinds[])(struct rpc_client *, uint32_t) = { short_call, several_calls, long_call,
									relayed_call };
	static const char *const names[] = { "short", "several", "long", "relayed" };
	struct rpc_client c;

	if (argc < 3 || fabric_here(&fabric))
		return 1;
	other = argv[2];
	connect(&c, argv[1]);
	for (uint32_t i = 0; i < host_option("calls"); i++) {
		uint64_t kind = host_random(16) < 13 ? 0 : 1 + host_random(3), from = fabric_now(fabric);

		kinds[kind](&c, i);
		host_answered(names[kind], from);
	}
	rpc_client_close(&c);
	host_done();
	return 0;
}
