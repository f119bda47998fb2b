/*
 * The start of a core, the same for all: fill its slice, enter it, switch on.
 *
 * core_prepare() runs on the early page tables and may touch no private data,
 * which is not there yet; core_begin() runs on the core's own.  The boot core only
 * has more to find out: it alone measures the clocks and owns the I/O APICs.
 */
#include "apic.h"
#include "arch.h"
#include "cpu.h"
#include "ioapic.h"
#include "machine.h"
#include "memory.h"
#include "paging.h"
#include "rtc.h"
#include "trap.h"
#include "tsc.h"

struct arch_start arch_start;
struct machine machine;

/* Where a private variable lies in a slice that is seen at its physical address. */
static void *in_slice(paddr_t slice, const void *variable)
{
	return (void *)(slice + ((vaddr_t)variable - KPRIV_BASE));
}

struct entrance core_prepare(struct boot_record *r)
{
	struct cpu_features f;
	paddr_t root;

	/* One that was given up and came after all, when the record is another's. */
	if (r->apic_id != cpu_apic_id())
		cpu_stop();
	r->state = RECORD_ARRIVED;
	cpu_detect(&f);
	if (f.nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	if (r->root)
		return (struct entrance){ r->root, ARRIVE_PROCESSOR };
	memcpy(in_slice(r->slice, private_data), private_template, (uint64_t)(private_data_end - private_data));
	memset(in_slice(r->slice, private_data_end), 0, (uint64_t)(private_bss_end - private_data_end));
	*(struct machine *)in_slice(r->slice, &machine) = r->machine;
	*(struct arch_start *)in_slice(r->slice, &arch_start) = r->start;
	root = paging_build(&r->machine, r->slice, f.nx);
	if (root == 0)
		boot_fail("core %u: its page tables do not fit", r->start.info.core);
	return (struct entrance){ root, ARRIVE_NEW };
}

static void clocks_start(void)
{
	struct boot_info *info = &arch_start.info;

	if (!tsc_calibrate(&info->tsc_hz, &machine.apic_scale))
		kernel_panic("no clock runs: neither HPET, nor ACPI timer, nor PIT");
	info->wall_valid = rtc_read(machine.acpi.century, &info->wall_seconds);
	if (info->wall_valid)
		info->wall_seconds -= (rdtsc() - info->boot_tsc) / info->tsc_hz;
}

static void record_ready(void)
{
	cpu_order(); /* pairs with state_await() in smp.c: the record is not read any more */
	((struct boot_record *)arch_window(machine.record))->state = RECORD_READY;
}

static void __attribute__((noreturn)) core_begin(void)
{
	arch_start.info.start_tsc = rdtsc();
	paging_init();
	cpu_init();
	paging_access_init();
	trap_init();
	apic_init();
	if (arch_start.info.core == 0) {
		clocks_start();
		ioapic_init(true);
		smp_init();
		arch_start.info.start_tsc = arch_start.info.boot_tsc;
	} else {
		record_ready();
	}
	kernel_start();
}

void core_enter(paddr_t root, uint64_t how)
{
	(void)root;
	if (how > ARRIVE_TURN)
		update_take((void *)how);
	if (how == ARRIVE_NEW)
		core_begin();
	if (how == ARRIVE_PROCESSOR) {
		record_ready();
		cpu_init();
		apic_init();
	} else {
		cpu_load();
	}
	trap_load();
	kernel_resume(how == ARRIVE_PROCESSOR);
}
