/* The serial line; arch_log() in arch.h writes to it. */
#pragma once

/* Set speed and format. Once, by the boot core, first of all. */
void serial_init(void);
