/*
 * Any bytes as a machine's ACPI tables. Checksums are put right on the way, so
 * that the fuzzer gets past them; what is mapped is a copy of exactly that size.
 */
/* needs: kernel/x86/acpi.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/x86/acpi.h"

#define CORES 16
#define MAPS 512
#define HEADER_BYTES 36

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	const uint8_t *data;
	size_t size;
	void *given[MAPS];
	unsigned count;
};

static void checksum_fix(uint8_t *p, uint64_t length, uint8_t *field)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + p[i]);
	*field = (uint8_t)(*field - sum);
}

static const void *map(void *context, paddr_t p, uint64_t length)
{
	struct memory *m = context;
	uint8_t *copy;

	if (p >= m->size || length > m->size - p || m->count == MAPS)
		return NULL;
	copy = malloc(length);
	memcpy(copy, m->data + p, length);
	if (length >= HEADER_BYTES)
		checksum_fix(copy, length, copy + 9);
	m->given[m->count++] = copy;
	return copy;
}

/* The input is memory from address 0; its first bytes are the RSDP. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = { .data = data, .size = size };
	uint8_t rsdp[ACPI_RSDP_BYTES] = { 0 };
	uint32_t apic_id[CORES];
	uint8_t node[CORES];
	static uint8_t distance[NODES_MAX][NODES_MAX];
	const struct acpi_cores cores = { apic_id, node, distance, CORES };
	struct acpi_info info;
	bool ok;

	memcpy(rsdp, data, size < sizeof rsdp ? size : sizeof rsdp);
	memcpy(rsdp, "RSD PTR ", 8);
	checksum_fix(rsdp, 20, rsdp + 8);
	checksum_fix(rsdp, sizeof rsdp, rsdp + 32);
	ok = acpi_parse(rsdp, sizeof rsdp, map, &m, &info, &cores);
	if (info.cores > CORES || info.ioapics > ACPI_IOAPICS || (!ok && info.cores) || info.off_a > 7 ||
	    info.off_b > 7)
		abort();
	for (unsigned i = 0; i < info.cores; i++)
		for (unsigned j = 0; j < i; j++)
			if (apic_id[i] == apic_id[j] || node[i] >= NODES_MAX)
				abort();
	acpi_find_rsdp(data, size);
	while (m.count > 0)
		free(m.given[--m.count]);
	return 0;
}
