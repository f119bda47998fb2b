/*
 * Memory that processes of one core share till one of them writes: copy-on-write by capabilities.
 *
 * A mapping is given: others have capabilities to its frame for reading, and here it may only be read. Or it is
 * taken: the frame is somebody else's. Whoever writes gets a frame of his own with the same contents in its place, or,
 * if the monitor says that nobody else has it any more, just goes on.
 *
 * Writes in disabled mode are served as well, where nothing can be waited for: hence some memory is set aside. Only in
 * a process on one core; one that is to span cores has all to itself first. Mappings are of COW_BITS, in one piece, and
 * stay.
 */
#pragma once

#include "kernel/abi/cap.h"

#define COW_BITS 16

enum cow_share { COW_OWN, COW_GIVEN, COW_TAKEN };

/* Before the first of so many mappings is given or taken: sets memory aside. ERR_NO_MEMORY, ERR_NO_SLOTS. */
err_t cow_prepare(uint64_t mappings);
/* Afterwards: frees what was left before that. `nobody`: then there was nobody who could have had any of it. */
void cow_sweep(bool nobody_had);
/* Puts a capability to read the memory that is mapped at va into the empty slot `to`; from then on it is given. */
err_t cow_give(vaddr_t va, cptr_t to);
/* Maps a frame that was given, of which `from` stays the only capability here. */
err_t cow_take(vaddr_t va, cptr_t from);
/* An object that others may have capabilities to: it goes when they have none any more. */
void cow_leave(cptr_t object);
