/*
 * When the clients have ended: how much memory can be had again, and with --all-back or no kills: all. Takes from
 * the core it runs on until there is no more.
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "services/page/page_client.h"
#include "tools/sim/fleet/host.h"

#define FIRST_SLOT 1000

int main(void)
{
	uint64_t base, pages = 0, all;
	struct fleet_client c;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(&c, f, NULL, PAGE_FLEET);
	while (!err) {
		err = page_take(&c.rpc, PAGE_BITS, PAGE_FRAME, FIRST_SLOT + pages, process_self_core(), &base);
		if (!err && !host_has_memory(FIRST_SLOT + pages, base, PAGE_BITS))
			host_violation("page_take says that there is %lx, and there is not", base);
		pages += !err;
	}
	if (err != ERR_NO_MEMORY)
		host_violation("a page: %s", error_text(err));
	all = host_core_pages();
	host_count("pages lost", (int64_t)(all - pages));
	if (pages != all && host_option("all-back"))
		host_violation("%lu pages of %lu could be had", pages, all);
	return 0;
}
