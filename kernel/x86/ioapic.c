/*
 * Device interrupts.  All go to the boot core, which alone has the I/O APICs'
 * registers mapped; on other cores no interrupt number is valid.
 *
 * Interrupt 0 to 15 is the ISA interrupt of that number, wherever the MADT says
 * that it arrives; above, the number is the global system interrupt.  Each is
 * masked until someone binds to it.  Intel 82093AA, section 3.
 */
#include "arch.h"
#include "cpu.h"
#include "ioapic.h"
#include "machine.h"
#include "paging.h"

#define IRQS (VECTOR_IRQ_END - VECTOR_IRQ)
#define ENTRY_MASKED 0x10000
#define ENTRY_LEVEL 0x8000
#define ENTRY_LOW 0x2000

enum { REG_VERSION = 1, REG_TABLE = 0x10 };

static struct {
	volatile uint32_t *page;
	uint32_t first, count;
} ioapic[ACPI_IOAPICS];
static unsigned ioapics;

static uint32_t ioapic_read(volatile uint32_t *page, unsigned reg)
{
	page[0] = reg;
	return page[4];
}

static void ioapic_write(volatile uint32_t *page, unsigned reg, uint32_t v)
{
	page[0] = reg;
	page[4] = v;
}

/* The old controllers: moved off the exceptions' vectors and masked. */
static void pic_silence(void)
{
	static const uint8_t command[] = { 0x11, 0, 4, 1 }, command2[] = { 0x11, 0, 2, 1 };

	for (unsigned i = 0; i < sizeof(command); i++) {
		outb(i ? 0x21 : 0x20, i == 1 ? VECTOR_IRQ : command[i]);
		outb(i ? 0xa1 : 0xa0, i == 1 ? VECTOR_IRQ + 8 : command2[i]);
	}
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void ioapic_init(bool fresh)
{
	if (fresh)
		pic_silence();
	for (unsigned i = 0; i < machine.acpi.ioapics; i++) {
		volatile uint32_t *page = paging_map_device(DEVICE_IOAPIC + i, machine.acpi.ioapic[i].base);
		uint32_t version = ioapic_read(page, REG_VERSION);

		ioapic[i].page = page;
		ioapic[i].first = machine.acpi.ioapic[i].gsi;
		ioapic[i].count = version == UINT32_MAX ? 0 : (version >> 16 & 0xff) + 1; /* all ones: none is there */
		for (unsigned e = 0; fresh && e < ioapic[i].count; e++)
			ioapic_write(page, REG_TABLE + 2 * e, ENTRY_MASKED);
	}
	ioapics = machine.acpi.ioapics;
}

/* Is `gsi` that of an ISA interrupt, so that no number of its own names it? */
static bool gsi_taken(uint32_t gsi)
{
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++)
		if (machine.acpi.isa[i].gsi == gsi)
			return true;
	return false;
}

/* The table entry of an interrupt and the flags that it wants; false: there is none. */
static bool irq_find(unsigned irq, volatile uint32_t **page, unsigned *reg, uint32_t *flags)
{
	uint32_t gsi = irq;

	if (irq >= IRQS || (irq >= ACPI_ISA_IRQS && gsi_taken(irq)))
		return false;
	*flags = ENTRY_LEVEL | ENTRY_LOW; /* PCI's */
	if (irq < ACPI_ISA_IRQS) {
		unsigned f = machine.acpi.isa[irq].flags;

		gsi = machine.acpi.isa[irq].gsi;
		*flags = ((f & 3) == 3 ? ENTRY_LOW : 0) | ((f >> 2 & 3) == 3 ? ENTRY_LEVEL : 0);
		for (unsigned i = 0; i < irq; i++)
			if (machine.acpi.isa[i].gsi == gsi)
				return false; /* number 2 is the cascade: its input is number 0's */
	}
	for (unsigned i = 0; i < ioapics; i++) {
		if (gsi - ioapic[i].first >= ioapic[i].count)
			continue;
		*page = ioapic[i].page;
		*reg = REG_TABLE + 2 * (gsi - ioapic[i].first);
		return true;
	}
	return false;
}

bool arch_irq_valid(unsigned irq)
{
	volatile uint32_t *page;
	unsigned reg;
	uint32_t flags;

	return irq_find(irq, &page, &reg, &flags);
}

void arch_irq_unmask(unsigned irq)
{
	volatile uint32_t *page;
	unsigned reg;
	uint32_t flags;

	if (!irq_find(irq, &page, &reg, &flags))
		return;
	ioapic_write(page, reg + 1, arch_start.info.apic_id[0] << 24);
	ioapic_write(page, reg, flags | (VECTOR_IRQ + irq));
}

void arch_irq_mask(unsigned irq)
{
	volatile uint32_t *page;
	unsigned reg;
	uint32_t flags;

	if (irq_find(irq, &page, &reg, &flags))
		ioapic_write(page, reg, flags | ENTRY_MASKED | (VECTOR_IRQ + irq));
}
