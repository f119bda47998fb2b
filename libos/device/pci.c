/* See pci.h. */
#include "libos/device/pci.h"

#include "libos/device/ports.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define ENABLE UINT32_C(0x80000000)
#define SLOTS 32
#define FUNCTIONS 8
#define BUSES 256
#define NOTHING 0xffffu
#define HEADER_TYPE 0x7fu
#define HEADER_BRIDGE 1u
#define HEADER_MANY 0x80u /* functions */
#define BAR_PORTS 1u

/*
 * Intel ICH9's bridge to ISA, which QEMU's q35 has (Intel 316972, section 10.1): pins of slots 0 to 24 of the first bus
 * go to its lines E to H by slot, and those lines are inputs 20 to 23 of the I/O APIC.
 */
#define ICH9_SLOT 31
#define ICH9_VENDOR 0x8086
#define ICH9_DEVICE 0x2918
#define ICH9_SLOTS 25
#define ICH9_FIRST 20
#define ICH9_LINES 4
#define ISA_IRQS 16

static uint32_t address_of(const struct pci_device *d, unsigned reg)
{
	return ENABLE | (uint32_t)d->bus << 16 | (uint32_t)d->slot << 11 | (uint32_t)d->function << 8 | (reg & 0xfc);
}

uint32_t pci_read(const struct pci_device *d, unsigned reg)
{
	port_out(CONFIG_ADDRESS, 4, address_of(d, reg));
	return port_in(CONFIG_DATA, 4);
}

void pci_write(const struct pci_device *d, unsigned reg, uint32_t value)
{
	port_out(CONFIG_ADDRESS, 4, address_of(d, reg));
	port_out(CONFIG_DATA, 4, value);
}

/* --- what there is ------------------------------------------------------------------------------ */

static bool look(struct pci_device *d)
{
	uint32_t id = pci_read(d, PCI_VENDOR);

	d->vendor = (uint16_t)id;
	d->device = (uint16_t)(id >> 16);
	if (d->vendor == NOTHING)
		return false;
	d->subsystem = (uint16_t)(pci_read(d, PCI_SUBSYSTEM) >> 16);
	return true;
}

static unsigned header_of(const struct pci_device *d) { return pci_read(d, PCI_HEADER) >> 16 & 0xff; }

/* The bus behind a bridge is looked at later, once: its number must be above the bridge's, or it would be a loop. */
static void bridge_note(const struct pci_device *d, uint8_t buses[])
{
	unsigned behind = pci_read(d, PCI_BUSES) >> 8 & 0xff;

	if ((header_of(d) & HEADER_TYPE) == HEADER_BRIDGE && behind > d->bus)
		buses[behind] = 1;
}

static bool slot_walk(struct pci_device at, uint8_t buses[], bool (*found)(const struct pci_device *, void *),
		      void *arg)
{
	unsigned functions = 1;

	for (unsigned i = 0; i < functions; i++) {
		at.function = (uint8_t)i;
		if (!look(&at))
			continue;
		if (i == 0 && header_of(&at) & HEADER_MANY)
			functions = FUNCTIONS;
		bridge_note(&at, buses);
		if (found(&at, arg))
			return true;
	}
	return false;
}

bool pci_walk(bool (*found)(const struct pci_device *d, void *arg), void *arg)
{
	uint8_t buses[BUSES] = { [0] = 1 };

	for (unsigned bus = 0; bus < BUSES; bus++)
		for (unsigned slot = 0; slot < SLOTS && buses[bus]; slot++) {
			struct pci_device at = { .bus = (uint8_t)bus, .slot = (uint8_t)slot };

			if (slot_walk(at, buses, found, arg))
				return true;
		}
	return false;
}

/* --- of one device --------------------------------------------------------------------------------- */

err_t pci_ports(const struct pci_device *d, unsigned bar, uint16_t *first)
{
	uint32_t value = pci_read(d, PCI_BAR0 + 4 * bar);

	if (!(value & BAR_PORTS) || !(value & ~3u) || value > UINT16_MAX)
		return ERR_NOT_FOUND;
	*first = (uint16_t)(value & ~3u);
	return ERR_OK;
}

/* The upper half is the status, whose bits are cleared by ones. */
static void command_set(const struct pci_device *d, uint32_t command) { pci_write(d, PCI_COMMAND, command & 0xffff); }

void pci_enable(const struct pci_device *d, uint16_t command)
{
	command_set(d, (pci_read(d, PCI_COMMAND) | command) & ~(uint32_t)PCI_COMMAND_NO_INTERRUPT);
}

void pci_disable(const struct pci_device *d, uint16_t command)
{
	command_set(d, pci_read(d, PCI_COMMAND) & ~(uint32_t)command);
}

static bool has_ich9(void)
{
	struct pci_device d = { .slot = ICH9_SLOT };

	return look(&d) && d.vendor == ICH9_VENDOR && d.device == ICH9_DEVICE;
}

err_t pci_interrupt(const struct pci_device *d, unsigned *irq)
{
	uint32_t value = pci_read(d, PCI_INTERRUPT);
	unsigned line = value & 0xff, pin = value >> 8 & 0xff; /* pin 1 is A */

	if (!pin)
		return ERR_NOT_FOUND;
	if (has_ich9()) {
		*irq = ICH9_FIRST + (d->slot + pin - 1) % ICH9_LINES;
		return d->bus == 0 && d->slot < ICH9_SLOTS ? ERR_OK : ERR_NOT_FOUND;
	}
	*irq = line;
	return line && line < ISA_IRQS ? ERR_OK : ERR_NOT_FOUND;
}
