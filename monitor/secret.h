/*
 * The secrets of mailboxes (libos/fabric/mailbox.h) of this core's processes.
 *
 * A secret is SipHash-2-4 (Aumasson, Bernstein 2012, section 2) of process number and service number
 * under a key that the monitor draws once: nothing is stored, and who does not know the key
 * cannot tell one secret from another.  Numbers of processes are not used again soon, so the
 * secrets of one that ended open nothing.
 */
#pragma once

#include <stdint.h>

uint64_t secret_of(uint32_t process, uint32_t service);
/* SipHash-2-4 of `count` words under a key; what secret_of is made of. Portable. */
uint64_t secret_hash(const uint64_t key[2], const uint64_t *words, unsigned count);
