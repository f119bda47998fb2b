/*
 * Capability slots of this process.
 *
 * The first second-level cnode is that of the task slots; further ones are made
 * out of the process's memory when the last is full.  Safe from any thread.
 */
#pragma once

#include "kernel/abi/cap.h"

/* An empty slot; ERR_NO_SLOTS or ERR_NO_MEMORY. */
err_t slot_alloc(cptr_t *out);
/* `count` (at most 256) neighbouring empty slots in one cnode; `out` is the first. */
err_t slot_alloc_run(unsigned count, cptr_t *out);
/* How many slots there may be yet, on this core: empty ones, and those of cnodes that can still be made. */
uint64_t slots_left(void);
/* Waits until nobody is making a cnode. Not while holding a lock of memory's. */
void slots_settle(void);
/* Gives a slot back. The caller has emptied it. */
void slot_free(cptr_t slot);
/* Empties the slot and gives it back; on an error the slot stays the caller's. */
err_t slot_delete(cptr_t slot);
