/*
 * The errand thread: what the system asks of a process, while its own threads do what they will.
 *
 * A handler, in disabled mode, can neither block nor get memory for a thread.  So there is one in reserve, in memory
 * set aside at start, which is laid at its first errand and runs one at a time.  It takes
 * the processor from whatever runs, once; it stays on the core where the process started.
 */
#pragma once

#include "kernel/abi/types.h"

#define ERRAND_BYTES UINT64_C(0x4000) /* stack and control block */

/* Its memory, of ERRAND_BYTES; nothing is written there yet. */
void errand_init(vaddr_t low);
/*
 * It has other memory from now on, what it had is not looked at again. False: it is at something. In disabled mode.
 */
bool errand_move(vaddr_t low);
/* Has fn(arg) run in enabled mode, soon, after those before it. False: there are too many. In disabled mode. */
bool errand_raise(void (*fn)(uint64_t arg), uint64_t arg);
