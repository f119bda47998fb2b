/*
 * The links of a monitor, for links.c and introduce.c.
 */
#pragma once

#include "libos/fabric/urpc.h"
#include "monitor/monitor.h"

enum link_state { LINK_CONNECTING, LINK_UP };

struct link {
	struct link *next; /* all links */
	coreid_t peer;
	uint8_t state; /* enum link_state */
	bool unkicked; /* sent since the last look at the peer's doorbell */
	struct urpc urpc;
	vaddr_t memory;               /* of the frame */
	cptr_t frame;                 /* our capability to it */
	cptr_t doorbell;              /* the peer's notification; 0: not known yet */
	struct outgoing *head, *tail; /* messages that the ring has no room for, or no ring is there for yet */
};

/* The link to a core, or NULL. */
struct link *link_find(coreid_t peer);
/* A new one without a ring, LINK_CONNECTING. */
err_t link_new(coreid_t peer, struct link **out);
/* Gives it a ring. Until the peer's doorbell is known it counts as connecting. */
err_t link_attach(struct link *l, vaddr_t memory, size_t bytes, unsigned side);
/* Makes the peer's doorbell out of its exported number, and lets messages flow. */
err_t link_open(struct link *l, uint64_t number);
/* Forgets it: what waits is dropped, and who waits for answers gets `err`. */
void link_fail(struct link *l, err_t err);
/* The number by which other cores ring this monitor. */
uint64_t links_doorbell(void);

/* introduce.c: asks monitor 0 for a link to `peer`. */
err_t link_request(coreid_t peer, struct link **out);
