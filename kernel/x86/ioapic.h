/* The I/O APICs; arch_irq_*() in arch.h are the rest of the interface. */
#pragma once

/* Mask everything. The boot core alone owns them: on any other, arch_irq_valid() is false. */
void ioapic_init(void);
