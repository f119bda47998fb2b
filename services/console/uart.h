/*
 * The first serial port, a 16550: bytes out and in, and when to look again.
 *
 * Works through the I/O port and interrupt capabilities that the monitor gives
 * the console.  Nothing waits for the device: what it does not take now is to be
 * offered again when uart_event was raised.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/abi/types.h"
#include "libos/thread/thread.h"

/* Raised when the device has something to say. */
extern struct event uart_event;

/* Sets the port up: 115200 bits a second, 8 bits, FIFOs on. ERR_NOT_FOUND when there is none. */
err_t uart_init(void);
/* After uart_event: lets the next interrupt come. Then read and write until both have nothing to do. */
void uart_acknowledge(void);
/* Takes a byte that has come in; false when there is none. */
bool uart_read(char *out);
/* Gives the device as many bytes as it has room for; returns how many. */
size_t uart_write(const char *text, size_t length);
/* Asks for an interrupt when there is room again, or for none. */
void uart_want_room(bool want);
/* Waits for the last byte that the device took to be on the wire: a few milliseconds at most. */
void uart_finish(void);
