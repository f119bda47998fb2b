/* When the clients have ended: their names vanish. */
#include "libos/core/error_text.h"
#include "libos/fabric/fabric.h"
#include "libos/name/name.h"
#include "libos/thread/thread.h"
#include "services/name/name_client.h"
#include "tools/sim/fleet/host.h"

#define LOOK_NS 1000000
#define LOOKS 2000

int main(void)
{
	static struct name_client names;
	static unsigned char entries[NAME_LIST_BYTES];
	struct fabric *f;

	if (fabric_here(&f))
		return 1;
	name_client_init(&names, f, NULL);
	for (unsigned i = 0; i < LOOKS; i++) {
		uint32_t length = sizeof entries;
		uint64_t cursor = 0;
		err_t err = name_list(&names.rpc, "/c", &cursor, entries, &length);

		if (err == ERR_NOT_FOUND || (!err && !length))
			return 0;
		if (err)
			host_violation("name_list: %s", error_text(err));
		thread_sleep_until(fabric_now(f) + LOOK_NS);
	}
	host_violation("names of processes that have ended do not vanish");
}
