/*
 * A core's own page tables: what is mapped where, and pages for device registers.
 * The user half of an address space is kernel/core's, through arch.h.
 */
#pragma once

#include "machine.h"

/* Pages at DEVICE_BASE. */
enum device_slot {
	DEVICE_LAPIC,
	DEVICE_HPET,
	DEVICE_SCRATCH,
	DEVICE_IOAPIC,
	DEVICE_SLOTS = DEVICE_IOAPIC + ACPI_IOAPICS
};

/* How many table pages a slice needs, for the window and image in `m`, whatever part of the window is taken out. */
unsigned paging_tables_needed(struct machine *m);
/* Fill the tables at the end of `slice`; runs on the early page tables. Returns the root; 0: they are too few. */
paddr_t paging_build(const struct machine *m, paddr_t slice, bool nx);
/* On the final tables, before any other call. */
void paging_init(void);
/* After cpu_init(), which finds out what the processor can: before the first arch_pte_leaf(). */
void paging_access_init(void);
/* Show the page of device registers at `p`, uncached; returns where it is seen, `p`'s offset included. */
volatile void *paging_map_device(enum device_slot slot, paddr_t p);
/*
 * Makes page tables for the text and constants at `image`: what to store where, for them to be seen in place of ours.
 */
uint64_t *paging_text(const struct driver_header *h, paddr_t image, uint64_t *value);
/* Pages below stacks are seen, so that another CPU driver's stacks can be anywhere, or are not. */
void paging_guards(bool on);
