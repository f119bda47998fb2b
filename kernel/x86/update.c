/*
 * One CPU driver after another on the same core, the part of the machine.
 *
 * The new one's text and constants are seen at the same addresses, by a page table of
 * their own that one store puts in place (gate.asm); its private data lie where the
 * old one's were, in the core's slice, and are made anew.  All page tables stay, so
 * dispatchers' root tables are right as they are.
 */
#include "../core/handover.h"
#include "apic.h"
#include "arch.h"
#include "cpu.h"
#include "ioapic.h"
#include "machine.h"
#include "memory.h"
#include "paging.h"
#include "trap.h"

#include "../abi/error.h"

#define HEADER_AT 0x80 /* linker/kernel.ld */
#define TABLE_SPAN 0x200000

/* gate.asm */
extern const char gate_end[];
void update_enter(paddr_t root, void *record, uint64_t *entry, uint64_t value) __attribute__((noreturn));

struct record {
	struct handover core;
	struct arch_handover arch;
};

const struct driver_header driver_header __attribute__((section(".header"), used)) = {
	.magic = DRIVER_MAGIC,
	.version = HANDOVER_VERSION,
	.record_bytes = sizeof(struct record),
	.text = (vaddr_t)text_start,
	.text_end = (vaddr_t)text_end,
	.rodata_end = (vaddr_t)rodata_end,
	.template = (vaddr_t)private_template,
	.private_bytes = (uint64_t)private_end - KPRIV_BASE,
};

static bool header_ok(const struct driver_header *h, const char *image)
{
	return h->magic == DRIVER_MAGIC && h->version == HANDOVER_VERSION && h->record_bytes == sizeof(struct record) &&
	       h->text == (vaddr_t)text_start && h->text < h->text_end && h->text_end <= h->template &&
	       h->template <= h->rodata_end && (h->text_end | h->rodata_end) % PAGE_SIZE == 0 &&
	       memcmp(image, text_start, (uint64_t)(gate_end - text_start)) == 0;
}

err_t arch_update_check(paddr_t image, uint64_t size, uint64_t bytes, void **record)
{
	const struct driver_header *h = arch_window(image + HEADER_AT);
	uint64_t room;

	if (size < PAGE_SIZE || bytes != sizeof(struct handover) || !header_ok(h, arch_window(image)))
		return ERR_UPDATE_IMAGE;
	room = h->rodata_end - h->text;
	if (room > size || size - room < sizeof(struct record) || h->private_bytes > machine.private_bytes ||
	    (h->rodata_end - 1) / TABLE_SPAN != h->text / TABLE_SPAN)
		return ERR_UPDATE_SIZE;
	*record = arch_window(image + room);
	return ERR_OK;
}

void arch_update(paddr_t image, void *record, paddr_t root)
{
	struct arch_handover *h = &((struct record *)record)->arch;
	uint64_t *entry, value;

	h->machine = machine;
	h->start = arch_start;
	smp_hand_over(h, false);
	entry = paging_text(arch_window(image + HEADER_AT), image, &value);
	paging_guards(false);
	update_enter(root, record, entry, value);
}

void update_take(void *record)
{
	struct arch_handover *h = &((struct record *)record)->arch;

	memcpy(private_data, private_template, (uint64_t)(private_data_end - private_data));
	memset(private_data_end, 0, (uint64_t)(private_bss_end - private_data_end));
	cpu_order(); /* the compiler does not know that what follows lies in there */
	machine = h->machine;
	arch_start = h->start;
	smp_hand_over(h, true);
	paging_init();
	cpu_init();
	paging_access_init();
	paging_guards(true);
	trap_init();
	apic_init();
	if (arch_start.info.core == 0)
		ioapic_init(false);
	kernel_take_over(record);
}
