/* I/O ports, through the capability that the monitor gives a driver. Without it they read as all ones. */
#pragma once

#include "libos/core/invoke.h"

static inline void port_out(uint16_t port, unsigned bytes, uint32_t value)
{
	(void)io_out(TASK_IOPORT, port, bytes, value);
}

static inline uint32_t port_in(uint16_t port, unsigned bytes)
{
	uint32_t value = UINT32_MAX;

	(void)io_in(TASK_IOPORT, port, bytes, &value);
	return value;
}
