/*
 * Capabilities whose objects other cores may use, too.
 *
 * The CPU driver does what concerns this core alone, and the monitor the rest: these
 * ask the CPU driver, and the monitor only when that says ERR_CAP_REMOTE.  They block the
 * calling thread, and take their turn when others change the same object.  Slots are
 * this core's.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "kernel/abi/error.h"

err_t shared_delete(cptr_t cap);
/* On all cores. Needs all rights. */
err_t shared_revoke(cptr_t cap);
/* As ram_free, of what other cores and monitors may have. */
void shared_free(cptr_t object);
/*
 * RAM that is another core's: what is made of it is this core's own from then on. Where that fails for one of several
 * objects, those before it stay.
 */
err_t shared_retype(cptr_t src, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t dst);
/* RAM, frames and page tables below the root: to an empty slot of this process's member on `core`. */
err_t shared_copy(cptr_t src, coreid_t core, cptr_t dst, unsigned rights);
/* ... from there to a slot here. */
err_t shared_fetch(coreid_t core, cptr_t src, cptr_t dst, unsigned rights);
/*
 * To the peer of a channel (by the monitor's number of our side), wherever that is: it gets the capability by
 * the ticket, which is told to it in a message. Needs RIGHT_GRANT.
 */
err_t shared_send(uint32_t channel, cptr_t cap, unsigned rights, uint64_t *ticket);
err_t shared_receive(uint32_t channel, uint64_t ticket, cptr_t dst);
/*
 * Has the monitors compare the capabilities of all cores. What is on its way looks like a violation, for a moment:
 * while something is found they are asked again, for up to two seconds. `violations` should be 0 then.
 */
err_t mon_walk(uint64_t *violations);
