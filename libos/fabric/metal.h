/*
 * The fabric on metal: one per process.
 *
 * The monitor introduces two processes; on one core it leaves each with an
 * endpoint of the other, which makes the channel LMP, between cores with a shared
 * frame and a notification of the other, which makes it URPC.  Needs threads.
 */
#pragma once

#include "libos/core/lmp.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/fabric.h"

/*
 * This process's fabric; made, and the time to poll measured, at the first call. ERR_AGAIN: this thread is about it
 * just now.
 */
err_t fabric_metal(struct fabric **out);

/*
 * A copy of a capability, with the rights in `rights` only, for the channel's peer, which takes it by the ticket; tell
 * it that in a message. On another core that can be RAM, frames, page tables below the root. Needs RIGHT_GRANT.
 */
err_t channel_send_cap(struct channel *c, cptr_t cap, unsigned rights, uint64_t *ticket);
/* What the peer has sent, into an empty slot. */
err_t channel_receive_cap(struct channel *c, uint64_t ticket, cptr_t slot);

/* --- between the files of the metal fabric ----------------------------------------- */

#define METAL_LMP_MESSAGES 8 /* that wait at an endpoint */

/* An open channel's capabilities and memory. In the heap; touched before it is used in disabled mode. */
struct metal_link {
	struct metal_link *next;
	struct channel *channel;
	uint32_t number; /* the monitor's, of our side */
	bool has_endpoint;
	struct lmp_endpoint endpoint;
	cptr_t peer;     /* its endpoint (LMP), or the shared frame (URPC) */
	cptr_t doorbell; /* URPC: its notification. LMP: the bulk frame, if there is one */
	vaddr_t va;      /* where the frame is mapped; 0: none */
	cptr_t board;    /* connecting side: the server's hint board, or an empty slot, or 0 */
	vaddr_t board_va;
};

extern const struct channel_ops metal_lmp_ops;
/* Has the endpoint's handler wake the channel's set. */
void metal_lmp_attach(struct metal_link *link);
/* Sends its own endpoint an empty message: who waits there looks whether the channel is closed. In disabled mode. */
void metal_lmp_poke(struct metal_link *link);

/* Wakes whoever waits in the set, or in any set of the process. In disabled mode. */
void metal_wake(struct wait_set *w);
void metal_wake_all(void *unused);

/* What we bring to a connection, not knowing yet which kind it will be. */
err_t metal_link_make(struct metal_link **out, cptr_t notification, struct mon_offer *offer);
/* Connecting side: offers a slot for the server's hint board, too. */
err_t metal_link_offer_hints(struct metal_link *link, struct mon_offer *offer);
/* The monitor has connected it: makes the channel. On failure the connection is ended and the link gone. */
err_t metal_link_attach(struct channel *c, struct metal_link *link, const struct mon_binding *b);
/* Gives back what the link holds, and the link. */
void metal_link_drop(struct metal_link *link);
/* The same, and ends the connection. */
void metal_link_free(struct metal_link *link);
/* The monitor says that a peer is gone. In disabled mode. */
void metal_link_closed(uint32_t number);
/* A board's memory. */
err_t metal_board_open(struct wait_board *b);
void metal_board_close(struct wait_board *b);
/* Channels that monitors carry, and what the monitor says of them, in disabled mode. */
err_t metal_mail_open(const struct mailbox *at, uint32_t number, struct channel *c);
void metal_mail_arrived(const struct mon_mail *m);
void metal_mail_gone(uint64_t pid);
/* Has a sender without a channel written to that service? Makes a channel for it, c->side being 1; ERR_AGAIN. */
bool metal_mail_incoming(uint32_t service);
err_t metal_mail_accept(uint32_t service, struct channel *c);
/* Is there mail to that service from a process that has not been received? */
bool metal_mail_waits(uint32_t service, uint64_t peer);
/* Channels that URPC carries. */
extern const struct channel_ops metal_channel_ops;
void metal_notify(struct channel *c);
