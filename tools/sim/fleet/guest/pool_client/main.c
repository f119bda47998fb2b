/* The members of `pool` are at work by themselves: this is how long. */
#include "libos/fabric/fabric.h"
#include "libos/thread/thread.h"
#include "tools/sim/fleet/host.h"

#define STEP_NS 20000

int main(void)
{
	struct fabric *f;

	if (fabric_here(&f))
		return 1;
	host_count("at work", 1);
	for (uint64_t i = 0; host_go_on(i); i++)
		thread_sleep_until(fabric_now(f) + STEP_NS);
	host_done();
	return 0;
}
