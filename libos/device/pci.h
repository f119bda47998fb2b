/*
 * PCI: finding a device, and what its configuration space says (PCI Local Bus specification 3.0, chapter 6).
 *
 * By configuration mechanism 1: an address in one port, data in another, through the I/O port capability that
 * a driver has. The two accesses are not one: drivers of one machine that look at configuration space
 * at the same time must agree on it. Here each does so at its start, and they are started one after the other.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

struct pci_device {
	uint8_t bus, slot, function;
	uint16_t vendor, device, subsystem;
};

/* Registers of the configuration space, by their offset. */
enum {
	PCI_VENDOR = 0x00,
	PCI_COMMAND = 0x04,
	PCI_CLASS = 0x08,
	PCI_HEADER = 0x0c,
	PCI_BAR0 = 0x10,
	PCI_BUSES = 0x18, /* of a bridge */
	PCI_SUBSYSTEM = 0x2c,
	PCI_INTERRUPT = 0x3c,
};
enum { PCI_COMMAND_PORTS = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_MASTER = 4, PCI_COMMAND_NO_INTERRUPT = 0x400 };

/* A 32-bit register; all ones where nothing is. */
uint32_t pci_read(const struct pci_device *d, unsigned reg);
void pci_write(const struct pci_device *d, unsigned reg, uint32_t value);

/* Each device function that there is, bridges too, from the first bus down, till `found` says true. */
bool pci_walk(bool (*found)(const struct pci_device *d, void *arg), void *arg);

/* The first port of a base address register; ERR_NOT_FOUND: it is for memory, or nothing was assigned. */
err_t pci_ports(const struct pci_device *d, unsigned bar, uint16_t *first);
/* Turns accesses and bus mastering on (PCI_COMMAND_*), or off. */
void pci_enable(const struct pci_device *d, uint16_t command);
void pci_disable(const struct pci_device *d, uint16_t command);
/* The number of its interrupt for irq_bind, as far as it can be told without ACPI's byte code. ERR_NOT_FOUND. */
err_t pci_interrupt(const struct pci_device *d, unsigned *irq);
