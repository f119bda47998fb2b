/*
 * Starting the other cores, one at a time, by the boot core.
 *
 * A core begins in the trampoline page, finds its record where the boot core found
 * its own, and follows the boot core's own path.  It says ARRIVED, then READY when it no
 * longer reads the record.  One that does not come is sent back to wait for a
 * start-up message, so that it cannot come later to a record that is another's;
 * should it yet, it sees that the APIC id is not its own, and stops.
 */
#include "apic.h"
#include "arch.h"
#include "cpu.h"
#include "machine.h"
#include "memory.h"
#include "paging.h"

#include "../abi/error.h"
#include "../core/handover.h"

#define INIT_PER_SECOND 100     /* 10 ms after INIT (Intel SDM volume 3, 8.4.4.1) */
#define STARTUP_PER_SECOND 5000 /* 200 us before the second start-up message */
#define APIC_ID_ALL 0xff        /* an xAPIC message's address has 8 bits; this one is everybody's */
#define ARRIVAL_SECONDS 25      /* an emulator may leave a core aside for seconds */

/* boot.asm */
extern const char trampoline_start[], trampoline_end[];

static bool running[CORES_MAX];
static bool prepared; /* all others wait for a start-up message */

/* Until `state` is at least `wanted` or `ticks` have passed. */
static bool state_await(struct boot_record *r, enum record_state wanted, cycles_t ticks)
{
	cycles_t from = rdtsc();

	do {
		if (r->state >= (uint32_t)wanted)
			return true;
		cpu_pause();
	} while (rdtsc() - from < ticks);
	return false;
}

static void delay(cycles_t ticks)
{
	cycles_t from = rdtsc();

	while (rdtsc() - from < ticks)
		cpu_pause();
}

static void record_fill(struct boot_record *r, coreid_t core, paddr_t ram, unsigned ram_bits, paddr_t urpc,
			unsigned urpc_bits)
{
	r->slice = machine.slices + core * machine.slice_bytes;
	r->stack = r->slice + ((vaddr_t)kernel_stack_top - KPRIV_BASE);
	r->apic_id = arch_start.info.apic_id[core];
	r->machine = machine;
	r->start = arch_start;
	r->start.info.core = core;
	r->start.info.boot_urpc = urpc;
	r->start.info.boot_urpc_bits = urpc_bits;
	r->start.ram_count = 1;
	r->start.ram[0] = (struct arch_ram){ ram, SIZE_OF_BITS(ram_bits) };
	r->root = 0;
}

static bool core_run(struct boot_record *r)
{
	unsigned page = (unsigned)(machine.trampoline / PAGE_SIZE);
	uint64_t hz = arch_tsc_hz();

	r->state = RECORD_WAITING;
	cpu_order(); /* pairs with the new core's first read, after the start-up message */
	apic_send_startup(r->apic_id, page);
	if (!state_await(r, RECORD_ARRIVED, hz / STARTUP_PER_SECOND))
		apic_send_startup(r->apic_id, page);
	if (state_await(r, RECORD_READY, hz * ARRIVAL_SECONDS))
		return true;
	apic_send_init(r->apic_id);
	return false;
}

/* Of the image that was booted: a later CPU driver's need not fit what lies at the image's place. */
void smp_init(void)
{
	if (machine.trampoline)
		memcpy(arch_window(machine.trampoline), trampoline_start,
		       (uint64_t)(trampoline_end - trampoline_start));
}

err_t arch_core_start(coreid_t core, paddr_t ram, unsigned ram_bits, paddr_t urpc, unsigned urpc_bits)
{
	struct boot_record *r = arch_window(machine.record);

	if (arch_start.info.core != 0 || core >= arch_start.info.cores || machine.trampoline == 0)
		return ERR_CORE_ID;
	if (!cpu.x2apic && arch_start.info.apic_id[core] >= APIC_ID_ALL)
		return ERR_CORE_ID;
	if (core == 0 || running[core])
		return ERR_CORE_STATE;
	record_fill(r, core, ram, ram_bits, urpc, urpc_bits);
	if (!prepared) {
		apic_send_init_others();
		delay(arch_tsc_hz() / INIT_PER_SECOND);
		prepared = true;
	}
	if (!core_run(r))
		return ERR_CORE_TIMEOUT;
	running[core] = true;
	return 0;
}

/* On the boot core's old stack, and by the trampoline that was made for its first start. */
err_t arch_processor_start(uint32_t apic_id, paddr_t root)
{
	struct boot_record *r = arch_window(machine.record);

	r->stack = machine.record + ((vaddr_t)boot_stack_top - (vaddr_t)&boot_record);
	r->apic_id = apic_id;
	r->root = root;
	return core_run(r) ? 0 : ERR_CORE_TIMEOUT;
}

uint64_t *arch_doorbell(coreid_t core) { return arch_window(machine.doorbells + (paddr_t)core * PAGE_SIZE); }

void smp_hand_over(struct arch_handover *h, bool take)
{
	HAND_OVER(take, h->running, running);
	HAND_OVER(take, h->prepared, prepared);
}
