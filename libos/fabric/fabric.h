/*
 * The fabric: channels between two parties, whatever carries them.
 *
 * A service is written against this header alone: it exports a name, accepts
 * channels, waits for messages on all of them, answers.  Which implementation
 * it gets is in its struct fabric: metal (LMP on the same core, URPC between
 * cores, chosen by the monitor when the channel is opened), hosted (URPC between
 * two Linux threads), or another that fills the two tables of operations below.
 *
 * A channel has two ends.  At each end one thread at a time sends and one at a
 * time receives.  A message is one line of 7 words, or several lines in a row.
 * Messages of a channel arrive in order, once; when the peer closes or dies, what
 * it sent before can still be received, then every call says ERR_CLOSED.
 *
 * A process that spans cores has its channels on one of them, where the fabric was first asked
 * for. The calls that may block go there and back by themselves. Those defined in here
 * do not: they are for threads that stay there (thread_visit of the fabric's core).
 *
 * Deadlines are values of fabric_now(); 0 means none.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"
#include "libos/fabric/hint.h"
#include "libos/fabric/mailbox.h"
#include "libos/fabric/urpc.h"

struct channel;
struct fabric;
struct service;
struct wait_set;

/* What the two ends want beyond a ring of lines. The opener's choice counts. */
struct channel_options {
	unsigned bulk_bits;       /* shared memory for bulk.h of 1 << bulk_bits bytes; 0: none */
	struct wait_board *board; /* where accepted channels shall hint, if the implementation can; NULL: nowhere */
	/*
	 * Of channel_open_at, where the implementation can: let monitors carry its lines. Nothing is set up, so
	 * opening costs nothing and is told of no error; every line is dear. No bulk memory, no capabilities. 0: no.
	 * Else a number (30 bits) that no other such channel of this process has: the peer's channel.opener.
	 */
	uint32_t carried;
};

/* What carries a channel. None of these block. */
struct channel_ops {
	const char *name;
	/* ERR_AGAIN: no room. ERR_CLOSED. The peer may sleep on until flush. */
	err_t (*send)(struct channel *c, const struct urpc_message *m);
	/* ERR_AGAIN: nothing there. ERR_CLOSED: and nothing will come. */
	err_t (*receive)(struct channel *c, struct urpc_message *m);
	/* After sends: sees to it that a sleeping peer wakes. */
	void (*flush)(struct channel *c);
	/* Would receive give something other than ERR_AGAIN, as far as one line tells? */
	bool (*ready)(struct channel *c);
	/* The same after a look at everything; does what the peer waits for. */
	bool (*tend)(struct channel *c);
	/* Tells the peer that we do not poll, or do again. The caller fences after the former, then tends. */
	void (*sleep)(struct channel *c, bool asleep);
	/* Likewise that we wait for room. */
	void (*starve)(struct channel *c, bool starved);
	/* Would send do something other than ERR_AGAIN? */
	bool (*room)(struct channel *c);
	/* Sends and waits for the next line, quicker than those two; NULL: there is no such way. Not with a set. */
	err_t (*call)(struct channel *c, const struct urpc_message *request, struct urpc_message *reply);
	/*
	 * NULL unless monitors carry it. ERR_AGAIN: the line sent last is on its way, and no other can be sent.
	 * ERR_OK: the peer's process has it. Else why not, said once.
	 */
	err_t (*settled)(struct channel *c);
	/* Tells the peer, and gives back all that the channel holds. */
	void (*close)(struct channel *c);
	bool near; /* the peer is on our core: while we poll, it cannot run */
};

/* The world that a party lives in. */
struct fabric_ops {
	err_t (*open)(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c);
	err_t (*open_at)(struct fabric *f, const struct mailbox *at, const struct channel_options *o,
			 struct channel *c);
	/* NULL: there are only channels to names. */
	err_t (*lookup)(struct fabric *f, const char *name, struct mailbox *out);
	/* `name` may be NULL; `flags`: SERVICE_SHARED. Sets s->mailbox. With s->mailbox set: a further name for it. */
	err_t (*export)(struct fabric *f, const char *name, unsigned flags, struct service *s);
	/* ERR_AGAIN: nobody waits to be accepted. */
	err_t (*accept)(struct service *s, const struct channel_options *o, struct channel *c);
	/* Somebody may wait to be accepted. */
	bool (*incoming)(struct service *s);
	/* Wakes the peer of a channel that URPC carries. */
	void (*notify)(struct channel *c);
	cycles_t (*now)(struct fabric *f);
	/* Between two polls: lets others run, for a moment. */
	void (*relax)(struct fabric *f);
	/* What a set needs to block; and gives back. */
	err_t (*set_open)(struct wait_set *w);
	void (*set_close)(struct wait_set *w);
	/* Memory for hints that openers can write: sets b->shared. NULL: there is no such thing. */
	err_t (*board_open)(struct wait_board *b);
	void (*board_close)(struct wait_board *b);
	/*
	 * A call that may block comes from a thread that may be elsewhere: takes it to where the fabric's
	 * channels are, and back to what enter returned. NULL: they are everywhere.
	 */
	uint32_t (*enter)(struct fabric *f);
	void (*leave)(struct fabric *f, uint32_t back);
	/* Waits until the set was woken since the last return from here, or the deadline has passed. */
	void (*block)(struct wait_set *w, cycles_t deadline);
	/* Makes whoever blocks there, or will next, return. NULL: there is no such way. */
	void (*wake)(struct wait_set *w);
	/*
	 * Sends a line to a peer of this core and blocks, in one step: it runs at once. False: neither has been done.
	 * NULL: there is no such way.
	 */
	bool (*part)(struct wait_set *w, struct channel *c, const struct urpc_message *m);
	/* Would it, just now? Not NULL, if that is not. */
	bool (*parts)(struct fabric *f);
};

struct fabric {
	const struct fabric_ops *ops;
	uint32_t looks; /* at idle channels that take about as long as a wake-up: measured at start */
	uint32_t core;  /* the implementation's: where its channels are */
};

/*
 * The receiver's side of a hint board: the channels behind each byte.  It belongs
 * to one set, which polls the board's line in place of all of these channels.
 */
struct wait_board {
	struct hint_board *shared;
	uint64_t pending; /* bytes whose channels may have something */
	uint64_t used;    /* bytes that have channels */
	uint32_t numbers; /* given out so far */
	uint32_t turn;    /* the byte that is looked at first */
	struct channel *list[HINT_BYTES];
	struct fabric *fabric; /* whose memory it is; NULL: the user's own */
	uint64_t link, number; /* the implementation's */
};

/*
 * Channels that one thread waits on together, and at most one service.  Polls for
 * about as long as a wake-up costs, then says in every channel's doorbell that it
 * sleeps, looks once more, and blocks its thread.
 */
struct wait_set {
	struct fabric *fabric;
	struct channel *last; /* the ring of the channels without hints: the one given last */
	struct wait_board *board;
	struct service *service;
	uint32_t channels;     /* in the ring */
	uint32_t far;          /* channels with peers on other cores: worth polling for */
	struct channel *given; /* what the last wait gave */
	uint32_t waits;        /* since the last look at everything */
	uint32_t woken;        /* the implementation's */
	uint32_t interrupted;  /* by wait_set_interrupt */
	struct wait_set *next; /* likewise */
	void *waiter;          /* likewise */
};

struct channel {
	const struct channel_ops *ops; /* NULL: not open */
	struct fabric *fabric;
	struct wait_set *set; /* that it is in, or NULL */
	struct channel *next; /* in the set's ring, or in a list of its board */
	uint64_t peer;        /* who: pid on metal */
	void *tag;            /* the user's */
	void *link;           /* the implementation's */
	void *bulk;           /* shared memory for bulk.h, or NULL */
	uint64_t bulk_bytes;
	unsigned side;            /* 0: opened, 1: accepted */
	uint32_t opener;          /* accepted, and carried: the opener's number for it; else 0 */
	uint32_t closed;          /* the peer is gone; what it sent may still be there */
	struct wait_board *board; /* the peer hints there; NULL: it does not */
	uint32_t hint;            /* ... by this byte */
	struct urpc urpc;         /* when URPC carries it */
	struct wait_set alone;    /* made when it is first waited on in no other set; `set` is then this */
};

struct service {
	struct fabric *fabric;
	struct wait_set *set; /* that it is in, or NULL */
	uint32_t id;
	void *link; /* the implementation's */
	struct mailbox mailbox;
};

/* --- channels ------------------------------------------------------------- */

/* Opens a channel to the service of that name; waits until it has accepted. `o` may be NULL. */
err_t channel_open(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c);
/* Likewise to a mailbox. ERR_CLOSED: its process is gone. ERR_DENIED: that is not its secret. */
err_t channel_open_at(struct fabric *f, const struct mailbox *at, const struct channel_options *o, struct channel *c);
/* The mailbox of the service that channel_open would open a channel to. ERR_NOT_FOUND, ERR_UNSUPPORTED. */
err_t channel_lookup(struct fabric *f, const char *name, struct mailbox *out);
/* Closes it and takes it out of its set. Not while another thread uses it. */
void channel_close(struct channel *c);

/* Sends one line, or says ERR_AGAIN; the peer may be told only at channel_flush. */
static inline err_t channel_put(struct channel *c, const struct urpc_message *m) { return c->ops->send(c, m); }
static inline void channel_flush(struct channel *c) { c->ops->flush(c); }
/* Sends one line and tells the peer. */
static inline err_t channel_send(struct channel *c, const struct urpc_message *m)
{
	err_t err = c->ops->send(c, m);

	if (!err)
		c->ops->flush(c);
	return err;
}
/* Is there something to take, as far as one line tells? */
static inline bool channel_ready(struct channel *c)
{
	/* What URPC carries is looked at here and now: a poll of many channels is mostly this. */
	return c->urpc.own ? urpc_poll(&c->urpc) || mem_load32(&c->closed) : c->ops->ready(c);
}
/* Takes the next line: ERR_AGAIN when there is none. */
static inline err_t channel_receive(struct channel *c, struct urpc_message *m) { return c->ops->receive(c, m); }

/*
 * Sends `lines` lines and tells the peer, waiting for room as need be.  ERR_TIMEOUT:
 * *sent lines went out.  Two parties that both only send wait for each other.
 */
err_t channel_send_lines(struct channel *c, const struct urpc_message *m, unsigned lines, cycles_t deadline,
			 unsigned *sent);
/*
 * Waits until the peer's process has what was sent, where monitors carry it; why it has not. The channel can be used
 * further unless that is ERR_CLOSED. Of other channels it says nothing.
 */
err_t channel_settle(struct channel *c);
/* Takes the next line, waiting for it. */
err_t channel_receive_wait(struct channel *c, struct urpc_message *m, cycles_t deadline);
/* Sends a line and waits for the answer, for a peer that answers in order. */
err_t channel_call(struct channel *c, const struct urpc_message *request, struct urpc_message *reply);
/* Makes now what waiting at the channel would else make of the heap's memory when it is first needed. */
err_t channel_prepare(struct channel *c);

/* --- services ---------------------------------------------------------------- */

/* Announces a service. ERR_EXISTS. */
err_t service_export(struct fabric *f, const char *name, struct service *s);
/*
 * The same under a name that several processes may announce (all with SERVICE_SHARED): who opens it gets the nearest
 * living one. `name` NULL: under none; it is reached by its mailbox alone.
 */
#define SERVICE_SHARED 1u
err_t service_export_as(struct fabric *f, const char *name, unsigned flags, struct service *s);
/* A further name, or the first, for a service that is announced already. */
err_t service_name(struct service *s, const char *name, unsigned flags);
/* The address to hand out: channel_open_at takes it, on any core. */
static inline struct mailbox service_mailbox(const struct service *s) { return s->mailbox; }
/* Accepts the next channel; ERR_AGAIN when nobody waits. `o` may be NULL. */
err_t service_accept(struct service *s, const struct channel_options *o, struct channel *c);

/* --- waiting -------------------------------------------------------------------- */

err_t wait_set_init(struct wait_set *w, struct fabric *f);
/* Takes all channels out. */
void wait_set_destroy(struct wait_set *w);
void wait_set_add(struct wait_set *w, struct channel *c);
void wait_set_remove(struct channel *c);
void wait_set_serve(struct wait_set *w, struct service *s);
/* Channels with hints on this board, added from now on, are found by it. Once per set. */
void wait_set_use_board(struct wait_set *w, struct wait_board *b);
/*
 * Makes a board for channels of this fabric, to be named in channel_options when
 * they are accepted. ERR_UNSUPPORTED, ERR_NO_MEMORY: the service goes without.
 */
err_t wait_board_open(struct wait_board *b, struct fabric *f);
/* Gives its memory back. Its channels are closed, and no set uses it. */
void wait_board_close(struct wait_board *b);
/* A board over the caller's memory, for openers that share it with us. */
void wait_board_init(struct wait_board *b, struct hint_board *shared);
/* For implementations: gives a channel its byte on the board. */
void wait_board_number(struct wait_board *b, struct channel *c);
/* For the set: add, remove; the first channel that `look` finds ready, all or only what is hinted at. */
void wait_board_add(struct wait_board *b, struct channel *c);
void wait_board_remove(struct wait_board *b, struct channel *c);
struct channel *wait_board_poll(struct wait_board *b);
struct channel *wait_board_look_all(struct wait_board *b);
/* ... says in the doorbells of all whether we sleep. */
void wait_board_sleep(struct wait_board *b, bool asleep);
/*
 * Waits until a channel has something to receive (or is closed), in turn: *out is
 * that channel; or until the service has somebody to accept: *out is NULL.
 * ERR_TIMEOUT; ERR_AGAIN at once if `deadline` is FABRIC_POLL.
 */
err_t wait_set_wait(struct wait_set *w, struct channel **out, cycles_t deadline);
#define FABRIC_POLL 1
/*
 * For who has one line left to send before he waits in the set for as long as it takes: sends it and sleeps, in one
 * step, if nothing is there to be done and the carrier can. False: it is still to be sent. Then wait_set_wait, in
 * any case.
 */
bool wait_set_part(struct wait_set *w, struct channel *c, const struct urpc_message *m);
/* Is it worth it to leave that line till then? Peers on other cores are polled for first. */
static inline bool wait_set_parts(const struct wait_set *w, const struct channel *c)
{
	return c->ops->near && !w->far && w->fabric->ops->part && w->fabric->ops->parts(w->fabric);
}
/* From a thread: the wait that is under way, or else the next one, ends with ERR_TIMEOUT if it would sleep. */
void wait_set_interrupt(struct wait_set *w);
/* One look at the set's channels, by their lines or its board: one that is ready, or NULL. Never blocks. */
struct channel *wait_set_poll(struct wait_set *w);

/* This process's fabric, whichever it is; services use no other way to get one. */
err_t fabric_here(struct fabric **out);

/* To where the fabric's channels are, and back. */
static inline uint32_t fabric_enter(struct fabric *f) { return f->ops->enter ? f->ops->enter(f) : 0; }
static inline void fabric_leave(struct fabric *f, uint32_t back)
{
	if (f->ops->leave)
		f->ops->leave(f, back);
}

static inline cycles_t fabric_now(struct fabric *f) { return f->ops->now(f); }

/* --- for implementations: the part of the URPC carrier that is the same everywhere --- */

/* c->urpc is set up and fabric_ops.notify wakes the peer; `close` is the implementation's. */
err_t channel_urpc_send(struct channel *c, const struct urpc_message *m);
err_t channel_urpc_receive(struct channel *c, struct urpc_message *m);
void channel_urpc_flush(struct channel *c);
bool channel_urpc_ready(struct channel *c);
bool channel_urpc_tend(struct channel *c);
void channel_urpc_sleep(struct channel *c, bool asleep);
void channel_urpc_starve(struct channel *c, bool starved);
bool channel_urpc_room(struct channel *c);
/* Says that we send no more, and wakes a peer that waits for anything. */
void channel_urpc_end(struct channel *c);

#define CHANNEL_URPC_OPS(close_function)                                                               \
	{                                                                                              \
		.name = "urpc", .send = channel_urpc_send, .receive = channel_urpc_receive,            \
		.flush = channel_urpc_flush, .ready = channel_urpc_ready, .tend = channel_urpc_tend,   \
		.sleep = channel_urpc_sleep, .starve = channel_urpc_starve, .room = channel_urpc_room, \
		.close = (close_function),                                                             \
	}
