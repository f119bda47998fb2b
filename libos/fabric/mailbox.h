/*
 * A mailbox: the address of a service of one process, with the right to send to it.
 *
 * The right is the secret: 64 bits made by the monitor of the serving process's core, which
 * checks them when a channel is opened or a message relayed.  So whoever was told a
 * mailbox may use it and tell others, from any core; who was not cannot guess it.  A mailbox
 * is plain data and stays valid as long as its process lives.
 */
#pragma once

#include "kernel/abi/types.h"

struct mailbox {
	uint64_t pid;     /* core << 32 | the process's number there */
	uint32_t service; /* the number that its monitor gave to the service */
	uint32_t flags;   /* the owner's own; the fabric hands them on untouched */
	uint64_t secret;
};

static inline coreid_t mailbox_core(const struct mailbox *m) { return (coreid_t)(m->pid >> 32); }

/* The same service of the same process? */
static inline bool mailbox_same(const struct mailbox *a, const struct mailbox *b)
{
	return a->pid == b->pid && a->service == b->service && a->secret == b->secret;
}
