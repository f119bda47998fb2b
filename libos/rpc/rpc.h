/*
 * The runtime of the stubs that tools/rpcgen makes: calls, one-way messages, servers.
 *
 * Needs a fabric (libos/fabric/fabric.h) and threads (libos/thread/thread.h), nothing else,
 * so the same service runs on metal, hosted and simulated.  Threads of a server are cooperative
 * and all on the fabric's core: handlers are straight-line and need no locks, but what
 * they read before a call of their own may have changed after it.
 *
 * A server's loop: the thread that takes a message runs its handler in place; when the
 * handler blocks in a call of its own, another thread of the pool goes on with the loop.
 * A handler that blocks in anything else (a mutex, mon_wait, a sleep) calls rpc_release first.
 *
 * docs/rpc.md has the format of the messages.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"
#include "libos/fabric/fabric.h"
#include "libos/fabric/mailbox.h"
#include "libos/rpc/message.h"
#include "libos/thread/thread.h"

struct rpc_connection;
struct rpc_pending;
struct rpc_server;

/* --- clients ---------------------------------------------------------------------------- */

#define RPC_REPEATS 16 /* of one call at ever new peers; and redirects in a row */

/*
 * One end of a channel on which calls are made, of any interfaces that the peer serves.
 * Used by one thread at a time, unless it is a server's (whose threads are cooperative) or
 * rpc_client_share was called.
 */
struct rpc_client {
	struct channel *channel; /* NULL: not connected; the next call asks renew first */
	uint32_t slow;           /* a bit for each reason to leave the short path; not connected is one */
	uint32_t sequence;       /* of the last call */
	struct channel own;      /* what `channel` points to */
	struct fabric *fabric;
	struct rpc_server *server; /* whose loop takes the answers; NULL: the caller waits itself */
	/*
	 * The peer is gone (or, at the first call, there was none): find another and rpc_client_open or
	 * rpc_client_open_at it. Called by the thread that makes the call, which may make calls of other clients.
	 * An error goes to the caller. NULL: ERR_CLOSED does.
	 */
	err_t (*renew)(struct rpc_client *c);
	/*
	 * A call is repeated RPC_REPEATS times at most, but of these one is forgotten for each `calm` of fabric time
	 * that goes by: who waits for long may outlive many peers. 0: none is.
	 */
	cycles_t calm;
	/*
	 * A member said: ask that one. Opens `way` to it: the client itself, or, while other calls of it are under way,
	 * one for this call alone. Else as renew; ERR_AGAIN: the member is asked again. NULL: the caller gets
	 * ERR_REDIRECT.
	 */
	err_t (*redirect)(struct rpc_client *c, struct rpc_client *way, const struct mailbox *to);
	/*
	 * Monitors carry the channel (rpc_client_open_carried), and a message of so many words is about to go that
	 * way; or they have `refused` one. May rpc_client_promote it, to a channel of its own. An error goes to the
	 * caller; ERR_OK: go on, or try once more. NULL: they carry all, and what they refuse is the caller's.
	 */
	err_t (*carried)(struct rpc_client *c, unsigned words, err_t refused);
	/*
	 * The server has said that there may be a better one now (rpc_server_look): opens the channel anew if it likes.
	 * Called before a call, when none is under way. NULL: nothing is done.
	 */
	void (*look)(struct rpc_client *c);
	void *tag;                        /* the user's */
	uint64_t identity;                /* of this client within its process: told to each peer */
	uint64_t peer;                    /* pid that the channel leads to */
	bool leading;                     /* a thread takes the answers */
	struct rpc_pending *calls, *last; /* without an answer yet, oldest first */
	struct rpc_inbox inbox;           /* the answer that is being put together */
	struct mutex lock;                /* of all this, when shared */
	struct mutex sending;             /* of messages that wait for room, or have several lines */
	struct mutex receiving;           /* of lines, when shared */
	struct mutex renewing;            /* of renew and redirect */
};

/*
 * A client without a channel. `server`: the process's own, whose loop shall take the answers; NULL for programs that
 * serve nothing. Sets identity to a fresh number.
 */
void rpc_client_init(struct rpc_client *c, struct fabric *f, struct rpc_server *server);
/* Several threads of a process without a server use it. Before the first call. */
void rpc_client_share(struct rpc_client *c);
/*
 * (Re)opens its channel: a name of the fabric's, an address. What was open before is closed. ERR_AGAIN: calls are under
 * way at a peer that is not known to be gone, and it stays as it is.
 */
err_t rpc_client_open(struct rpc_client *c, const char *name);
err_t rpc_client_open_at(struct rpc_client *c, const struct mailbox *at);
/*
 * Likewise, but the monitors carry its messages, where the fabric can; nothing is lost or said twice at the change to
 * a channel. Promote is for `carried`. ERR_AGAIN: calls are under way, it stays as it is, as after any other error but
 * ERR_CLOSED.
 */
err_t rpc_client_open_carried(struct rpc_client *c, const struct mailbox *at);
err_t rpc_client_promote(struct rpc_client *c, const struct mailbox *at);
#define RPC_WORDS_ANY (~0u) /* of a message with a capability: monitors cannot carry it */
/* Init and open: the plain client of a service whose name the fabric knows. */
err_t rpc_connect(struct rpc_client *c, struct fabric *f, struct rpc_server *server, const char *name);
/* It has a peer that is not known to be gone. */
bool rpc_client_is_open(const struct rpc_client *c);
/* Would a call of one line go out without waiting for room, or for another message that does? */
bool rpc_client_has_room(const struct rpc_client *c);
/* Calls under way end with ERR_CLOSED, without renewal. */
void rpc_client_close(struct rpc_client *c);

/*
 * A call under way: X_method_start fills it, X_method_finish waits for its answer and unpacks it, once for
 * each start that gave ERR_OK. Lies where the user likes until then. Several may be under way; their answers come in
 * any order.
 */
struct rpc_pending {
	struct rpc_client *client;
	struct rpc_pending *next;   /* in the client's list */
	struct urpc_message line;   /* the call, when it fits a line */
	struct urpc_message answer; /* likewise */
	uint64_t *call;             /* the whole call, to repeat it: `line`, or the caller's memory, or held */
	uint64_t *held;             /* from the heap, for `call`; or NULL */
	uint64_t *reply;            /* the whole answer: `answer`, or from the heap */
	uint32_t words;             /* of the call, the header too */
	uint32_t most;              /* words of arguments that the answer may have */
	err_t err;
	uint16_t repeats;   /* not forgotten yet */
	uint16_t redirects; /* since its last peer died */
	cycles_t since;     /* repeats were last forgotten */
	bool idempotent;    /* may be done twice */
	bool once;          /* cannot be repeated at all: carries a capability */
	bool sent, gone;    /* a peer may have it; ... and that peer is gone */
	bool waited, done;  /* a thread waits; the answer is there */
	struct event event;
};

/* Sends a packed call, to be finished by its X_method_finish. */
err_t rpc_start_packed(struct rpc_client *c, struct rpc_pending *p, const struct rpc_packed *m);
/* The same for a one-way message. */
err_t rpc_send_packed(struct rpc_client *c, const struct rpc_packed *m);
/* Has the answer come, so that finish will not wait? */
bool rpc_done(const struct rpc_pending *p);
/* A client without a server: takes the answers that have come, and does not wait. */
void rpc_client_poll(struct rpc_client *c);
/* In place of X_method_finish: its answer is not wanted any more. */
void rpc_abandon(struct rpc_pending *p);

/*
 * What rpcgen makes of `err_t page_take(rpc_in uint32_t bits, rpc_out uint64_t *base)` (docs/rpc.md):
 *   page_client.h: err_t page_take(struct rpc_client *c, uint32_t bits, uint64_t *base);
 *                  err_t page_take_start(struct rpc_client *c, struct rpc_pending *p, uint32_t bits);
 *                  err_t page_take_finish(struct rpc_pending *p, uint64_t *base);
 *                  err_t page_take_pack(struct rpc_packed *m, uint32_t bits);
 *                  void page_take_broadcast(struct rpc_client *const *c, unsigned n_clients, err_t *results,
 *                                           uint32_t bits, uint64_t *base);      base[i], if not NULL, from c[i]
 *   page_server.h: struct page_handlers { err_t (*take)(struct rpc_call *call, uint32_t bits, uint64_t *base); ... };
 *                  extern const struct rpc_service page_service;
 *                  err_t page_take_answer(struct rpc_later *l, err_t err, uint64_t base);
 * A one-way method has no finish and no answer; its functions return err_t: ERR_CLOSED when it cannot be sent. A
 * handler that is NULL answers ERR_UNSUPPORTED.
 */

/* --- servers ---------------------------------------------------------------------------- */

struct rpc_call {
	struct rpc_server *server;
	struct rpc_connection *from;
	const struct rpc_method *method;
	const void *handlers; /* given to rpc_server_add */
	uint64_t peer;        /* pid of the caller, told by the monitor */
	uint64_t header;
	uint32_t *received; /* to be counted on when the arguments have been read: rpc_taken */
	uint32_t unused;    /* what that points to when they are in memory of ours */
};

static inline uint32_t rpc_call_sequence(const struct rpc_call *call) { return rpc_header_sequence(call->header); }
/* rpc_later was called, or the answer is on its way. A call's header has that bit only here. */
static inline bool rpc_call_later(const struct rpc_call *call) { return call->header & RPC_REPLY; }
/* It was sent before, to another member or over a channel that broke. */
static inline bool rpc_call_repeated(const struct rpc_call *call) { return call->header & RPC_REPEAT; }
/* What the caller's client calls itself; (peer, identity, sequence) names one call for ever. 0: none was told. */
uint64_t rpc_call_identity(const struct rpc_call *call);
/* Core of the caller. */
static inline coreid_t rpc_call_core(const struct rpc_call *call) { return (coreid_t)(call->peer >> 32); }

/* An answer as it is on the wire, behind its header: to be kept for repeated calls. */
struct rpc_answer {
	err_t err;
	uint32_t words; /* 0 unless err is ERR_OK */
	const uint64_t *word;
};

/* What a server may want to know beside its calls. All may be NULL. */
struct rpc_hooks {
	/*
	 * A call that is not idempotent came again (RPC_REPEAT). ERR_OK: it was done, *answer is what was answered (it
	 * is sent before the hook's memory is touched again). ERR_NOT_FOUND: nobody has done it, so do it. Else the
	 * caller gets the error. Without this hook the caller gets ERR_CLOSED.
	 */
	err_t (*seen)(struct rpc_call *call, struct rpc_answer *answer);
	/* A call that is not idempotent was done, and is about to be answered. May make calls (to a mirror). */
	void (*answered)(struct rpc_call *call, const struct rpc_answer *answer);
	/* A client's channel has closed; the last thing that is heard of it. In the loop: does not block. */
	void (*closed)(struct rpc_server *s, uint64_t peer);
};

struct rpc_stats {
	uint64_t calls;     /* taken, one-way too */
	uint64_t malformed; /* messages dropped, with their channels closed */
	uint64_t overrun;   /* channels closed because their client did not read */
	uint32_t clients;
	uint32_t threads; /* of the pool */
	uint32_t busy;    /* ... that are not idle: handlers that wait, and the loop */
	uint32_t paused;  /* channels that wait for a thread */
};

/* One per process, or more. */
struct rpc_server {
	struct fabric *fabric;
	struct wait_set set;
	struct service service;
	struct wait_board board;
	const struct rpc_service *interface[RPC_INTERFACES];
	const void *handlers[RPC_INTERFACES];
	const struct rpc_hooks *hooks;
	void *tag; /* the user's */
	struct rpc_stats stats;
	uint32_t threads_max; /* of the pool; RPC_THREADS unless set before rpc_serve */
	/*
	 * A bit for each interface that handlers of other servers of the same service call: they wait for each other,
	 * so its calls get RPC_THREADS_INNER threads more when clients' calls have used up the pool.
	 */
	uint32_t inner;
	/* --- the runtime's own --- */
	struct thread *leader;    /* runs the loop */
	struct rpc_call *current; /* of the channel whose messages it takes, as long as it may */
	struct rpc_worker *idle;  /* threads that may take it over */
	struct rpc_connection *connections;
	struct rpc_connection *paused; /* their message waits for a thread */
	struct rpc_connection *queued; /* with answers that did not fit */
	bool flushing;                 /* a thread sends what is queued */
	bool stop;
	struct event ended; /* a thread of the pool has ended, after stop */
};

#define RPC_THREADS 64 /* of a pool, if not said otherwise */
#define RPC_THREADS_INNER 128
#define RPC_QUEUE_LINES 512 /* answers to one client that wait for room: with more its channel is closed */

err_t rpc_server_init(struct rpc_server *s, struct fabric *f);
/* Serves an interface; `handlers` is its struct X_handlers, which stays the caller's. ERR_EXISTS. */
err_t rpc_server_add(struct rpc_server *s, const struct rpc_service *service, const void *handlers);
/* Announces it: under a name of the fabric's, or NULL: by its address only, service_mailbox(&s->service). */
err_t rpc_server_export(struct rpc_server *s, const char *name);
/*
 * The loop: accepts, takes messages, runs handlers; until rpc_server_stop. ERR_NO_MEMORY when there is
 * none for a second thread.
 */
err_t rpc_serve(struct rpc_server *s);
/* Tells all clients that have room for it that they may find a better server now: their `look` is called. */
void rpc_server_look(struct rpc_server *s);
/* The same to one of them, by turns. Returns how many there are. */
unsigned rpc_server_look_one(struct rpc_server *s, unsigned turn);
/* From a handler: rpc_serve returns when all handlers that run have ended. */
void rpc_server_stop(struct rpc_server *s);
/* Closes all channels and frees all. rpc_serve has returned. */
void rpc_server_destroy(struct rpc_server *s);
/* The calling handler is about to block in something that is not a call: another thread takes over the loop. */
void rpc_release(struct rpc_server *s);

/*
 * The handler will not answer itself: fills *l, and what it returns does not matter. The answer is given by the
 * generated X_method_answer(l, err, outputs), once, by any thread; ERR_CLOSED: the caller is gone.
 */
struct rpc_later {
	struct rpc_connection *from;
	const struct rpc_method *method;
	uint64_t header;
};
void rpc_later(struct rpc_call *call, struct rpc_later *l);
/* For handlers: sends the caller to that mailbox. The handler returns what this returns. */
err_t rpc_redirect(struct rpc_call *call, const struct mailbox *to);
