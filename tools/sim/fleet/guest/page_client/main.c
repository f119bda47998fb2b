/*
 * A client of the page service with a ledger: takes pages into slots and gives them back; no take fails while there is
 * memory, and what it is told that it got, it has (the simulator's regions know whose each page is).
 */
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/client.h"
#include "services/page/page_client.h"
#include "tools/sim/fleet/host.h"

#define SLOTS 64
#define FIRST_SLOT 1000

static uint64_t base[SLOTS]; /* of what is in each slot; 0: nothing */
static unsigned bits[SLOTS];

static void take(struct fleet_client *c, unsigned slot)
{
	err_t err;

	bits[slot] = host_random(8) ? PAGE_BITS : PAGE_BITS + (unsigned)host_random(4);
	err = page_take(&c->rpc, bits[slot], PAGE_RAM, FIRST_SLOT + slot, process_self_core(), &base[slot]);
	if (err)
		host_violation("page_take of 1 << %u bytes: %s", bits[slot], error_text(err));
	if (!host_has_memory(FIRST_SLOT + slot, base[slot], bits[slot]))
		host_violation("page_take says that slot %u has %lx, and it has not", slot, base[slot]);
}

static void give(unsigned slot)
{
	err_t err = mon_ram_free(FIRST_SLOT + slot);

	if (err)
		host_violation("mon_ram_free of slot %u: %s", slot, error_text(err));
	base[slot] = 0;
}

int main(void)
{
	struct fleet_client c;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = fleet_connect(&c, f, NULL, PAGE_FLEET);
	if (err)
		host_violation("no client: %s", error_text(err));
	for (uint64_t i = 0; host_go_on(i); i++) {
		unsigned slot = (unsigned)host_random(SLOTS);
		uint64_t from;

		if (base[slot])
			give(slot);
		from = fabric_now(f);
		take(&c, slot);
		host_answered("take", from);
	}
	fleet_client_close(&c);
	host_done();
	return 0;
}
