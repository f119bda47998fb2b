/*
 * What Skerry wants from the ACPI tables: cores and how far they are from each
 * other, interrupt controllers, clocks, and how to switch the machine off.
 *
 * Portable and without state: tables are read through a function of the caller,
 * so that the parser is tested and fuzzed on the host.  Nothing in a table is
 * believed: lengths, counts and checksums are checked, no address need be aligned.
 * ACPI specification 6.4, chapter 5.
 */
#pragma once

#include "../abi/boot.h"

#define ACPI_IOAPICS 16
#define ACPI_ISA_IRQS 16
#define ACPI_TABLE_MAX (UINT32_C(4) << 20)

/* `length` bytes of physical memory at `p`, or NULL if they cannot be read. */
typedef const void *acpi_map_fn(void *context, paddr_t p, uint64_t length);

/* Where the usable cores go, at most `max`, in the MADT's order. */
struct acpi_cores {
	uint32_t *apic_id;
	uint8_t *node;                  /* proximity domain (SRAT); 0 when none is told, or one beyond NODES_MAX */
	uint8_t (*distance)[NODES_MAX]; /* between nodes (SLIT); what is not told stays as it is */
	unsigned max;
};

struct acpi_info {
	unsigned cores; /* written to the caller's arrays */
	paddr_t lapic;
	paddr_t hpet; /* 0: none */
	unsigned ioapics;
	struct {
		paddr_t base;
		uint32_t gsi;
	} ioapic[ACPI_IOAPICS];
	/* Where ISA interrupt i arrives; flags as in the MADT: polarity bits 0-1, trigger bits 2-3. */
	struct {
		uint32_t gsi;
		uint16_t flags;
	} isa[ACPI_ISA_IRQS];
	uint16_t pm_timer;  /* port; 0: none */
	bool pm_timer_wide; /* 32 bits, else 24 */
	uint8_t century;    /* index of the century in the clock's registers, or 0 */
	uint16_t pm1a_control, pm1b_control;
	uint16_t smi_command;
	uint8_t acpi_enable; /* to smi_command: hand over from the firmware */
	bool off_valid;      /* the DSDT has \_S5 */
	uint8_t off_a, off_b;
	bool reset_valid;
	uint8_t reset_space; /* 0 memory, 1 port */
	uint64_t reset_address;
	uint8_t reset_value;
};

#define ACPI_RSDP_BYTES 36

/*
 * Read the tables that the RSDP (`rsdp_bytes` of it at `rsdp`) leads to.
 * False: no MADT, and `out` says a machine of no known cores.
 */
bool acpi_parse(const void *rsdp, uint64_t rsdp_bytes, acpi_map_fn *map, void *context, struct acpi_info *out,
		const struct acpi_cores *cores);
/* The RSDP at one of the 16-byte steps of [p, p + length), or NULL. */
const void *acpi_find_rsdp(const void *p, uint64_t length);
