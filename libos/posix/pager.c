/*
 * More memory for a program: from the nearest member of the page service, or, where none can be asked, from
 * this core's monitor.
 *
 * Memory is asked for in blocks of 64 KiB to 2 MiB (libos/core/ram.c), and pages are made of them here.  Who
 * asks holds memory's lock and is mostly malloc, so asking a member takes neither: the channel is there by then, with
 * all that waiting at it needs, and the answer comes in registers or a line.  The channel is opened, and one that
 * closed is replaced, when the heap's lock has been given up; till then the monitor gives.
 *
 * The slot names the call: whatever a member that died has done of it, the monitor finds the slot filled.
 */
#include "libos/posix/pager.h"

#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "services/page/page_client.h"

static struct {
	struct rpc_client member;
	coreid_t core; /* where its channel can be used */
	bool made, opening;
	bool open; /* in use by whoever has that core's memory locked */
} pager;

/* The monitor's, unless the slot holds already what was asked for. */
static err_t monitor_source(unsigned bits, cptr_t slot)
{
	struct cap_info info;
	err_t err = mon_ram_alloc(bits, slot);

	if (err == ERR_SLOT_OCCUPIED && !cap_identify(slot, &info) && info.type == CAP_RAM && info.bits == bits)
		err = ERR_OK;
	return err;
}

static err_t pager_source(unsigned bits, cptr_t slot)
{
	uint64_t base;
	err_t err;

	if (!pager.open || dispatcher_core() != pager.core) {
		ram_unsettled = true;
		return monitor_source(bits, slot);
	}
	err = page_take(&pager.member, bits, PAGE_RAM, slot, pager.core, &base);
	if (!err || err == ERR_QUOTA)
		return err;
	if (err == ERR_CLOSED) {
		pager.open = false;
		ram_unsettled = true;
	}
	return monitor_source(bits, slot);
}

static err_t pager_open(void)
{
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (err)
		return err;
	if (!pager.made)
		rpc_client_init(&pager.member, f, NULL);
	pager.made = true;
	pager.core = (coreid_t)f->core;
	/* A spanning process: elsewhere what it has is another core's. */
	if (dispatcher_core() != pager.core)
		return ERR_CORE_ID;
	err = rpc_client_open(&pager.member, PAGE_FLEET);
	return err ? err : channel_prepare(&pager.member.own);
}

/* May be interrupted by whoever asks for memory, itself among them: till it is done they ask the monitor. */
static void pager_settle(void)
{
	ram_unsettled = false;
	if (pager.open || __atomic_exchange_n(&pager.opening, true, __ATOMIC_ACQUIRE))
		return;
	pager.open = !pager_open();
	__atomic_store_n(&pager.opening, false, __ATOMIC_RELEASE);
}

void pager_init(void)
{
	if (process_args()->service || ram_source != mon_ram_alloc)
		return;
	ram_source = pager_source;
	ram_settle = pager_settle;
}
