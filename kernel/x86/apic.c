/*
 * The local APIC.  Intel SDM volume 3, chapter 10 (xAPIC, x2APIC, timer).
 *
 * The timer is TSC-deadline where the processor has it, else one-shot at the rate
 * that tsc.c measured.  A one-shot count has 32 bits: a deadline further away
 * fires early, and whoever set it sees that it has not passed and sets it again.
 */
#include "apic.h"
#include "arch.h"
#include "cpu.h"
#include "machine.h"
#include "paging.h"

enum {
	APIC_TPR = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ICR = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0
};
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_X2APIC (1u << 10)
#define SPURIOUS_ENABLE 0x100
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define LVT_TSC_DEADLINE 0x40000
#define DIVIDE_BY_1 0xb
#define ICR_FIXED 0x0
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600
#define ICR_ASSERT 0x4000
#define ICR_OTHERS 0xc0000
#define ICR_PENDING 0x1000

/* gate.asm */
void park_xapic(uint64_t *to, paddr_t root, volatile uint32_t *icr, uint32_t command) __attribute__((noreturn));
void park_x2apic(uint64_t *to, paddr_t root, uint32_t msr, uint64_t command) __attribute__((noreturn));

static volatile uint32_t *page; /* NULL: x2APIC */

static uint32_t apic_read(unsigned reg) { return page ? page[reg / 4] : (uint32_t)rdmsr(MSR_X2APIC + reg / 16); }

static void apic_write(unsigned reg, uint32_t v)
{
	if (page)
		page[reg / 4] = v;
	else
		wrmsr(MSR_X2APIC + reg / 16, v);
}

static void icr_send(uint32_t apic_id, uint32_t command)
{
	if (!page) {
		/* This write is no fence: what was stored before must be seen by who gets the interrupt. */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	while (page[APIC_ICR / 4] & ICR_PENDING)
		cpu_pause();
	page[APIC_ICR_HIGH / 4] = apic_id << 24;
	page[APIC_ICR / 4] = command;
}

void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	if (cpu.x2apic) {
		wrmsr(MSR_APIC_BASE, base);
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	} else {
		wrmsr(MSR_APIC_BASE, base);
		page = paging_map_device(DEVICE_LAPIC, machine.acpi.lapic);
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_ERROR, LVT_MASKED | VECTOR_SPURIOUS);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_timer_stop();
}

void apic_eoi(void) { apic_write(APIC_EOI, 0); }

void apic_send_init_others(void) { icr_send(0, ICR_INIT | ICR_ASSERT | ICR_OTHERS); }

void apic_send_init(uint32_t apic_id) { icr_send(apic_id, ICR_INIT | ICR_ASSERT); }

void apic_send_startup(uint32_t apic_id, unsigned start_page)
{
	icr_send(apic_id, ICR_STARTUP | ICR_ASSERT | start_page);
}

void arch_ipi_apic(uint32_t apic_id) { icr_send(apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_DOORBELL); }

void arch_apic_init(uint32_t apic_id) { apic_send_init(apic_id); }

void arch_park(uint64_t *to, paddr_t root, uint32_t apic_id)
{
	uint32_t command = ICR_FIXED | ICR_ASSERT | VECTOR_DOORBELL;

	apic_timer_stop();
	if (!page)
		park_x2apic(to, root, MSR_X2APIC + APIC_ICR / 16, (uint64_t)apic_id << 32 | command);
	while (page[APIC_ICR / 4] & ICR_PENDING)
		cpu_pause();
	page[APIC_ICR_HIGH / 4] = apic_id << 24;
	park_xapic(to, root, &page[APIC_ICR / 4], command);
}

void arch_ipi(coreid_t core) { icr_send(arch_start.info.apic_id[core], ICR_FIXED | ICR_ASSERT | VECTOR_DOORBELL); }

unsigned arch_apic_id(void) { return cpu_apic_id(); }

/* --- timer ---------------------------------------------------------------------- */

void apic_timer_run(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
}

uint32_t apic_timer_left(void) { return apic_read(APIC_TIMER_CURRENT); }

/* For good, or until the next deadline: in the mode that arch_timer_at() uses. */
void apic_timer_stop(void)
{
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (cpu.tsc_deadline ? LVT_TSC_DEADLINE : 0));
	/* In xAPIC mode the MSR below could overtake the store above (10.5.4.1). */
	__asm__ volatile("mfence" : : : "memory");
	if (cpu.tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
}

void arch_timer_at(cycles_t deadline)
{
	uint64_t now, ticks;

	if (cpu.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline);
		return;
	}
	if (deadline == 0) {
		apic_write(APIC_TIMER_INITIAL, 0);
		return;
	}
	now = rdtsc();
	ticks = deadline > now ? (uint64_t)((unsigned __int128)(deadline - now) * machine.apic_scale >> 32) + 1 : 1;
	apic_write(APIC_TIMER_INITIAL, ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks);
}

cycles_t arch_now(void) { return rdtsc(); }

uint64_t arch_tsc_hz(void) { return arch_start.info.tsc_hz; }
