/* When the members of `pool` have given back all: one of them counts what there is. */
#include "libos/fabric/fabric.h"
#include "libos/thread/thread.h"
#include "tools/sim/fleet/host.h"

#define LOOK_NS 1000000
#define LOOKS 5000

int main(void)
{
	struct fabric *f;

	if (fabric_here(&f))
		return 1;
	host_count("to be counted", 1);
	for (unsigned i = 0; !host_count("counted", 0); i++) {
		if (i == LOOKS)
			host_violation("not all elements come back");
		thread_sleep_until(fabric_now(f) + LOOK_NS);
	}
	return 0;
}
