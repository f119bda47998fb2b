/*
 * A program that the clients of the process service start: says that it runs, does so for a while, ends with a
 * status.
 */
#include "libos/fabric/fabric.h"
#include "libos/thread/thread.h"
#include "tools/sim/fleet/guest/proc_client/child.h"
#include "tools/sim/fleet/host.h"

#include <stdlib.h>

#define LONGEST_NS 400000

int main(int argc, char **argv)
{
	uint64_t number = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	struct fabric *f;

	if (argc < 2 || fabric_here(&f))
		return 255;
	host_tally(CHILD_RAN, number, 1);
	thread_sleep_until(fabric_now(f) + host_random(LONGEST_NS));
	return child_status(number);
}
