/*
 * The virtio-9p device as a link of libos/ninep (Virtual I/O Device specification 1.2; the 9P device is QEMU's and
 * Linux's: one queue, a request and room for its answer in each chain).
 *
 * A request and its answer lie in one slot, a block of memory that the device sees; so many may be with the device at a
 * time. Slots are made when they are first needed. What the device wrote is read by the codec of libos/ninep, which
 * trusts nobody; what it claims to have written is held against the room that it had.
 */
#pragma once

#include "libos/ninep/link.h"
#include "libos/thread/thread.h"

#define DEVICE_SLOTS 64 /* as many as a client has tags */

/* Something may have come from the device. */
extern struct event device_event;

/* Finds the device and makes it ready. ERR_NOT_FOUND: there is none. */
err_t device_open(struct ninep_link *l);
/* Waits until the device may have something to say, or the deadline. */
void device_wait(cycles_t deadline);
/* When to look at the device, something being under way till `deadline` (0: nothing is); with interrupts, then. */
cycles_t device_deadline(cycles_t deadline);
/* What is wrong with it, as far as has been seen; NULL: nothing. Then all links are over. */
const char *device_fault(void);
/* Asks it whether it can go on. */
void device_look(void);
/* Stops it at once. */
void device_stop(void);
