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

void rpc_pending_done(struct rpc_pending *p, err_t err);
/* Lines came for a client of a server: takes all that are there. */
void rpc_client_ready(struct rpc_client *c);
/* Puts a channel into the server's set. True: it has something already, and the leader, asleep, may not see it. */
bool rpc_set_join(struct rpc_server *s, struct channel *c);
