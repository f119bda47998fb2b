/*
 * The links of a monitor, for links.c and introduce.c.
 */
#pragma once

#include "libos/fabric/hint.h"
#include "libos/fabric/urpc.h"
#include "monitor/monitor.h"

enum link_state { LINK_CONNECTING, LINK_UP, LINK_CLOSED };

/* A page of each monitor's that its peers map. */
struct link_board {
	struct hint_board hints; /* a peer's byte: its core modulo HINT_BYTES */
	uint32_t asleep;         /* does not poll: notify it */
};

struct link {
	struct link *next;          /* all links */
	struct link *next_hinted;   /* those with the same byte of our board */
	struct link *next_unkicked; /* those sent to since the last kick */
	coreid_t peer;
	uint8_t state; /* enum link_state */
	bool unkicked;
	struct urpc urpc;
	struct link_board *board;     /* the peer's */
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
/* Makes the peer's doorbell out of its exported number, maps its board, and lets messages flow. */
err_t link_open(struct link *l, uint64_t number, paddr_t board);
/* Forgets it: what waits is dropped, and who waits for answers gets `err`. */
void link_fail(struct link *l, err_t err);
/* The number by which other cores ring this monitor. */
uint64_t links_doorbell(void);
/* Wakes the peer's monitor if it says that it sleeps; the caller has fenced. */
void link_rouse(coreid_t peer);
/* Where this monitor's board is. */
paddr_t links_board(void);

/* introduce.c: asks monitor 0 for a link to `peer`. */
err_t link_request(coreid_t peer, struct link **out);
