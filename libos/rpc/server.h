/*
 * Between the files of a server.
 */
#pragma once

#include "libos/rpc/private.h"

/* Answers that wait for room. */
struct rpc_queue {
	struct urpc_message *line;
	uint32_t first, count, room; /* lines; a ring */
};

/* A client's channel. Lives while it is open, and while a handler or an rpc_later refers to it. */
struct rpc_connection {
	struct channel channel;
	struct rpc_server *server;
	struct rpc_connection *next, **at; /* in the server's list */
	struct rpc_connection *paused;     /* the next that waits for a thread */
	struct rpc_connection *queued;     /* the next with answers that wait */
	uint64_t *held;                    /* message that waits for a thread */
	uint64_t identity;
	/* The method that came last, if it always fits a line; its header's lower half. Or NULL. */
	const struct rpc_method *method;
	const void *handlers;
	uint32_t match;
	struct rpc_inbox inbox;
	struct rpc_queue queue;
	uint32_t refs;
	bool open;
	bool in_queue;
};

/* Accepts one. ERR_AGAIN: nobody waits. */
err_t rpc_connection_accept(struct rpc_server *s);
/* Of an open channel that is at n->channel already, on the heap. */
void rpc_connection_start(struct rpc_server *s, struct rpc_connection *n);
/* Something came: takes messages while the calling thread leads. */
void rpc_connection_ready(struct rpc_connection *n);
/* Goes on with the first channel that waits for a thread. */
void rpc_connection_resume(struct rpc_server *s);
void rpc_connection_close(struct rpc_connection *n);
void rpc_connection_unref(struct rpc_connection *n);
/* A line came. False: nothing more is to be taken at the moment. */
bool rpc_connection_take(struct rpc_connection *n, const struct urpc_message *m);
/* An answer in one piece, which was noted if it had to be. */
void rpc_answer_words(struct rpc_call *call, err_t err, uint64_t *word, unsigned words);
/* A handler may be run: there is a thread for the loop. */
bool rpc_server_spare(struct rpc_server *s, unsigned interface);
