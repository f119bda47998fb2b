/*
 * The process's physical memory: a buddy allocator over RAM capabilities.
 *
 * Blocks are made straight from the RAM capability they lie in, at an offset:
 * one retype an object.  When memory runs out the monitor is asked for more.
 * Safe from any thread; may block, so not in disabled mode.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "libos/core/local.h"

/* A RAM capability of 1 << bits bytes in a fresh slot. */
err_t ram_alloc(unsigned bits, cptr_t *out);
/*
 * An object of any type that is made from RAM, in a fresh slot: CAP_FRAME, CAP_CNODE,
 * CAP_PTABLE1, CAP_NOTIFICATION ...
 */
err_t ram_object(unsigned type, unsigned bits, cptr_t *out);
/* The same, into a slot of the caller's. */
err_t ram_object_at(unsigned type, unsigned bits, cptr_t slot);
/* A block of which the caller makes one object itself, out of *source at *offset; ram_free is for that. */
err_t ram_set_aside(unsigned bits, cptr_t *source, uint64_t *offset);
/*
 * Destroys an object that one of the above made, with all its copies and
 * descendants, and takes slot and memory back. ERR_CAP_REMOTE while another
 * core shares it.
 */
err_t ram_free(cptr_t object);
/*
 * Takes slot and memory of an object back whose capability someone else has
 * revoked. What that one still has of it is passed over when the memory is used again.
 */
void ram_reclaim(cptr_t slot, paddr_t base, unsigned bits);
/* Adds the memory of a RAM capability, whole; the slot must stay as it is. */
err_t ram_add(cptr_t ram, unsigned bits);
/* ... but for its first `used` bytes. */
err_t ram_add_from(cptr_t ram, unsigned bits, uint64_t used);
/* Asks the monitor till so many bytes are free in blocks of 1 << bits and more. ERR_NO_MEMORY. */
err_t ram_reserve(uint64_t bytes, unsigned bits);
/* Does the calling thread hold this allocator's mutex? Then it asks for memory just now, perhaps. */
bool ram_is_locked(void);
/*
 * A source of 1 << bits bytes of which nothing is in use, itself: it is ours no more, till ram_add. RAM made of RAM is
 * smaller than its source, so ram_alloc has none as large. ERR_NOT_FOUND.
 */
err_t ram_take_source(unsigned bits, cptr_t *out);
/* Bytes that are free now. */
uint64_t ram_free_bytes(void);

/*
 * Where more memory comes from: puts a RAM capability of 1 << bits bytes into
 * `slot`, and takes it back. mon_ram_alloc and mon_ram_free of the monitor client in every process, until
 * libos/posix/pager.c knows a better one; NULL in monitors, which have all there is.
 *
 * The first is called with memory's lock held, and from within malloc: it may neither allocate nor map.
 */
extern err_t (*ram_source)(unsigned bits, cptr_t slot);
extern err_t (*ram_source_back)(cptr_t slot);
/*
 * What ram_source cannot do where it is called: done when the heap's lock is given up for good, in enabled mode, when
 * `ram_unsettled` was set. NULL: nothing.
 */
extern void (*ram_settle)(void);
extern CORE_LOCAL bool ram_unsettled;
