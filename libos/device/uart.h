/*
 * Serial ports, 16550s: bytes out and in, and when to look again.
 *
 * Works through the I/O port and interrupt capabilities that the monitor gives
 * a driver.  Nothing waits for the device: what it does not take now is to be
 * offered again when its event was raised.  One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/abi/types.h"
#include "libos/thread/thread.h"

/* The first and the second of a PC. */
#define UART_COM1 0x3f8
#define UART_COM1_IRQ 4
#define UART_COM2 0x2f8
#define UART_COM2_IRQ 3

/* All zero at first. */
struct uart {
	struct event event; /* raised when the device has something to say; others may raise it, too */
	uint16_t base;
	uint8_t irq;
	bool present;
	bool room_wanted;
	cptr_t notification;
};

/* Sets the port up: 115200 bits a second, 8 bits, FIFOs on. ERR_NOT_FOUND when there is none. */
err_t uart_init(struct uart *u, uint16_t base, unsigned irq);
/* After its event: lets the next interrupt come. Then read and write until both have nothing to do. */
void uart_acknowledge(struct uart *u);
/* Takes a byte that has come in; false when there is none. */
bool uart_read(struct uart *u, char *out);
/* Gives the device as many bytes as it has room for; returns how many. */
size_t uart_write(struct uart *u, const char *text, size_t length);
/* Asks for an interrupt when there is room again, or for none. */
void uart_want_room(struct uart *u, bool want);
/* Waits for the last byte that the device took to be on the wire: a few milliseconds at most. */
void uart_finish(struct uart *u);
