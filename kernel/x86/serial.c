/*
 * COM1 at 115200 baud, polled: where the CPU driver's own words go.
 *
 * Stateless, so it serves before a core has its private data.  Several cores may
 * write at once; their lines then mix, which a panic must accept.  Later the
 * console service drives the same port from user space.
 */
#include "arch.h"
#include "asm.h"
#include "serial.h"

#define COM1 0x3f8
enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5 };
#define STATUS_EMPTY 0x20
#define SPIN_MAX 200000 /* a port that is stuck must not stop the core */

void serial_init(void)
{
	outb(COM1 + INTERRUPTS, 0);
	outb(COM1 + LINE, 0x80); /* divisor 1 */
	outb(COM1 + DATA, 1);
	outb(COM1 + INTERRUPTS, 0);
	outb(COM1 + LINE, 0x03); /* 8 bits, no parity */
	outb(COM1 + FIFO, 0xc7);
	outb(COM1 + MODEM, 0x0b);
}

static void serial_put(char c)
{
	for (unsigned i = 0; i < SPIN_MAX && !(inb(COM1 + STATUS) & STATUS_EMPTY); i++)
		cpu_pause();
	outb(COM1 + DATA, (uint8_t)c);
}

void arch_log(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			serial_put('\r');
		serial_put(text[i]);
	}
}
