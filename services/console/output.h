/*
 * Bytes on their way to the device.
 *
 * A ring that the screen fills and the device empties.  Who is about to produce
 * output asks for room first and waits; what is put all the same is never lost,
 * since there is slack beyond what `output_room` promises.
 */
#pragma once

#include <stddef.h>

#include "kernel/abi/types.h"
#include "libos/device/uart.h"

/* The device; others than it raise its event, too. */
extern struct uart uart;

/* Puts bytes behind the others. A screen_emit. */
void output_put(void *arg, const char *text, size_t length);
/* Hands the device what it takes; asks it for an interrupt when that is not all. */
void output_pump(void);
/* Waits until a message's worth of output fits. Not from the thread that pumps. */
void output_wait_room(void);
/* Does the same fit now? */
bool output_room(void);
/* Has the device taken all? */
bool output_empty(void);
