/*
 * I/O ports for user-space drivers, one access per invocation. The caller has
 * checked that the port is the invoker's and that `bytes` is 1, 2 or 4.
 */
#include "arch.h"
#include "asm.h"

uint32_t arch_port_in(unsigned port, unsigned bytes)
{
	if (bytes == 1)
		return inb((uint16_t)port);
	return bytes == 2 ? inw((uint16_t)port) : inl((uint16_t)port);
}

void arch_port_out(unsigned port, unsigned bytes, uint32_t value)
{
	if (bytes == 1)
		outb((uint16_t)port, (uint8_t)value);
	else if (bytes == 2)
		outw((uint16_t)port, (uint16_t)value);
	else
		outl((uint16_t)port, value);
}
