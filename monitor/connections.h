/*
 * The sides of connections that processes of this core have.
 *
 * A connection has two sides, each a record at the monitor of its process; when
 * both processes are on one core, both records are here.  A record lives until
 * its process is done with it and the other side is too.  Portable but for what
 * is behind the capability addresses.
 */
#pragma once

#include "monitor/monitor.h"

#define CONNECTIONS_MAX 512  /* a power of two */
#define CONNECTION_OFFERS 60 /* waiting to be accepted, per process: fewer than the client library queues */

enum connection_state {
	CONNECTION_FREE,
	CONNECTION_LOOKUP,  /* connecting side: the name is being looked up */
	CONNECTION_ASKED,   /* connecting side: the serving side has been asked */
	CONNECTION_OFFERED, /* serving side: its process has been told */
	CONNECTION_OPEN,
	CONNECTION_LENT /* over, but other connections still use its frame */
};

struct connection_offer {
	uint32_t endpoint, notification, slot_channel, slot_doorbell, slot_board;
};

struct connection {
	struct connection *next; /* of the same process */
	uint32_t id;
	uint8_t state; /* enum connection_state */
	uint8_t op;    /* connecting side: MON_CONNECT or MON_CONNECT_AT */
	uint8_t frame_bits;
	uint8_t shared_bits; /* connecting side: of the frame that it wants when both are on one core; 0: none */
	bool local_done;     /* our process has closed it or ended */
	bool peer_done;
	uint8_t leaving;     /* local_done: what is being taken from our process, plus 1 till all of that has begun */
	uint64_t late_board; /* opening: waits till what a process had of that board has gone; 0: does not */
	bool can_hint;       /* serving side: the client has a slot for our process's board */
	uint8_t hint;        /* our byte on that board */
	uint32_t board;      /* number in this monitor's table of boards; 0: it uses none */
	bool foreign;        /* serving side of a connection between cores: `frame` is the other core's */
	uint32_t process;    /* number of our process */
	uint32_t sequence;   /* of the request that opens it: our process's MON_CONNECT, or a monitor's MON_OPEN */
	coreid_t peer_core;
	uint32_t peer_id; /* 0: not known */
	uint64_t peer_pid;
	uint64_t frame_base;
	uint32_t doorbell;  /* the peer's, by its exported number */
	cptr_t frame;       /* the monitor's own capability: the frame (connecting side) or a foreign one; 0: none */
	uint32_t lender;    /* connecting side: the connection whose frame it wants to use; 0: one of its own */
	bool borrowed;      /* ... and does */
	uint32_t borrowers; /* connections that use our frame */
	struct connection_offer offer;
};

struct connection *connection_new(struct process *p, unsigned state);
struct connection *connection_find(uint32_t id);
/* The record in that place, or NULL; there are CONNECTIONS_MAX. */
struct connection *connection_at(unsigned at);
/* An opening one that waits for the board at that address, or NULL. */
struct connection *connection_late(uint64_t base);
/* Does a connection of this core have the foreign frame at that address already? */
bool connection_frame_known(uint64_t base);
/* The one of a process, or NULL. */
struct connection *connection_of(struct origin who, uint64_t id);
/* Gives back the frame, if any, and the record; both wait while other connections use the frame. */
void connection_free(struct connection *c);
/* One of a process that it is not done with; NULL: there is none. */
struct connection *connection_open_of(const struct process *p);

/* --- connection_caps.c: the capabilities of a connection ------------------------------- */

/* May the process open channels to that core? */
err_t connection_allowed(const struct process *p, coreid_t core);
/* Each side's endpoint into the other's slot. */
err_t connection_join_here(struct connection *server, struct connection *client);
/* Both on one core: makes the frame that the client wants, if both offer slots for it; it fills slot_doorbell. */
err_t connection_share_here(struct connection *server, struct connection *client);
/* Makes the frame of the connecting side, shared with another core, or borrows that of c->lender. */
err_t connection_frame_make(struct connection *c, unsigned bits);
/* Exports our process's notification. */
err_t connection_doorbell_export(struct connection *c, uint32_t *number);
/* Fills our process's slots with the frame and the peer's doorbell. */
err_t connection_frame_give(struct connection *c);
/* Serving side: makes the foreign frame capability out of frame_base and frame_bits, then as above. */
err_t connection_frame_forge(struct connection *c);
/* Serving side: the frame is taken from all processes of this core; connection_left() follows. */
void connection_frame_release(struct connection *c);
/* ... at once, from a process that has not run since it got it. */
void connection_frame_drop(struct connection *c);
/* One thing less that our process has of a connection that it is done with. */
void connection_left(struct connection *c);
/* Nobody of this core has the board any more: who waits for that gets it. */
void connections_board_again(uint64_t base);

/* --- parcels.c: capabilities sent over channels ---------------------------------------- */

/* What was sent and not received goes. */
void parcels_channel_gone(uint32_t channel);
