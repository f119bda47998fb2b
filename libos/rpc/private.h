/*
 * Between the files of the runtime.
 */
#pragma once

#include "libos/rpc/stub.h"

/* Methods of interface 0. */
#define RPC_HELLO 1 /* one-way: word 1 is the client's identity */
#define RPC_LOOK 2  /* from a server: its client may find a better one now */

#define RPC_NAMES UINT64_C(0xffffffff0000ffff) /* of a header: what call and answer have in common */
#define RPC_REDIRECT_WORDS 3
_Static_assert(sizeof(struct mailbox) == RPC_REDIRECT_WORDS * sizeof(uint64_t), "a mailbox follows a redirection");

/* Line number `line` of a message in one piece; zeroes behind its end. */
static inline void rpc_line_fill(struct urpc_message *m, const uint64_t *word, unsigned words, unsigned line)
{
	unsigned at = line * URPC_WORDS;

	for (unsigned i = 0; i < URPC_WORDS; i++)
		m->word[i] = at + i < words ? word[at + i] : 0;
}

/*
 * The next line of a message of several lines. *whole: it is complete, and the caller's. ERR_MESSAGE, ERR_NO_MEMORY:
 * where the next message begins is not known.
 */
err_t rpc_inbox_take(struct rpc_inbox *in, const struct urpc_message *m, uint64_t **whole);
void rpc_inbox_drop(struct rpc_inbox *in);

/* --- client.c: a client's channel --- */

static inline void rpc_client_lock(struct rpc_client *c)
{
	if (c->slow & RPC_SLOW_SHARED)
		mutex_lock(&c->lock);
}

static inline void rpc_client_unlock(struct rpc_client *c)
{
	if (c->slow & RPC_SLOW_SHARED)
		mutex_unlock(&c->lock);
}
/* The peer is gone: so are the calls that it had. Under the lock. */
void rpc_client_gone(struct rpc_client *c);
/* Are calls under way? */
bool rpc_client_busy(struct rpc_client *c);
/* There is a channel for a message of so many words, when this returns ERR_OK. */
err_t rpc_client_prepare(struct rpc_client *c, unsigned words);
/* Finds another peer, if that is still to be done. */
err_t rpc_client_renew(struct rpc_client *c);
/* Monitors carry the channel: asks whose client it is whether they are to carry this, too; `refused`: they did not. */
err_t rpc_client_carried(struct rpc_client *c, unsigned words, err_t refused);

/* --- client_answer.c: answers --- */

/* Into the list of those without an answer; out of it, found by a header (NULL: none is). Under the lock. */
void rpc_call_append(struct rpc_client *c, struct rpc_pending *p);
struct rpc_pending *rpc_call_take(struct rpc_client *c, uint64_t header);
/* What a receive has given: a line, or an error, which is the peer's end. */
void rpc_client_take(struct rpc_client *c, err_t err, const struct urpc_message *m);
void rpc_pending_wait(struct rpc_pending *p);
void rpc_pending_done(struct rpc_pending *p, err_t err);

/* --- client_send.c: sending --- */

/*
 * Puts the call into the list and sends it. A peer that is gone is no error here: the call stays in the list,
 * and whoever receives finds out.
 */
err_t rpc_call_send(struct rpc_client *c, struct rpc_pending *p);
void rpc_call_unlink(struct rpc_client *c, struct rpc_pending *p);

/* --- servers --- */

/* Lines came for a client of a server: takes all that are there. */
void rpc_client_ready(struct rpc_client *c);
/* Puts a channel into the server's set. True: it has something already, and the leader, asleep, may not see it. */
bool rpc_set_join(struct rpc_server *s, struct channel *c);
