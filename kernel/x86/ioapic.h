/* The I/O APICs; arch_irq_*() in arch.h are the rest of the interface. */
#pragma once

#include "../abi/types.h"

/* Find them. The boot core alone owns them: on any other, arch_irq_valid() is false. `fresh`: mask everything. */
void ioapic_init(bool fresh);
