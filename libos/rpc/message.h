/*
 * Messages of the stubs: how a call and its answer lie in lines of 7 words.
 *
 * The first word is the header, the words behind it the arguments: a message of n words
 * takes the next (n + 6) / 7 lines of its channel, and nothing comes in between.  A call and
 * its answer have the same interface, method and sequence.  In an answer that carries an
 * error the header says which, and nothing follows, but for ERR_REDIRECT a mailbox.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/fabric/urpc.h"

#define RPC_INTERFACES 32     /* interface numbers; 0 is the runtime's own */
#define RPC_WORDS_MAX 1024    /* of a message with its header */
#define RPC_TEXT_DEFAULT 3000 /* bytes of a string or buffer without rpc_max */

/*
 * Header: method (bits 0 to 7), interface (8 to 15), length (16 to 27), flags (28 to 31), sequence (32 to 63).
 * The length is the number of words behind the header; with RPC_ERROR it is the error.
 */
#define RPC_REPLY (UINT64_C(1) << 28)
#define RPC_ERROR (UINT64_C(1) << 29)  /* of an answer: the length is an err_t */
#define RPC_REPEAT (UINT64_C(1) << 29) /* of a call: it may have been done */
#define RPC_ONEWAY (UINT64_C(1) << 30)
#define RPC_LENGTH_MASK 0xfffu

#define RPC_HEADER(interface, method, words) ((method) | (interface) << 8 | (uint64_t)(words) << 16)
static inline unsigned rpc_header_method(uint64_t h) { return h & 0xff; }
static inline unsigned rpc_header_interface(uint64_t h) { return h >> 8 & 0xff; }
static inline unsigned rpc_header_length(uint64_t h) { return h >> 16 & RPC_LENGTH_MASK; }
static inline uint32_t rpc_header_sequence(uint64_t h) { return (uint32_t)(h >> 32); }
/* Words of the whole message, the header too. */
static inline unsigned rpc_header_words(uint64_t h)
{
	if ((h & (RPC_REPLY | RPC_ERROR)) == (RPC_REPLY | RPC_ERROR))
		return rpc_header_length(h) == ERR_REDIRECT ? 4 : 1;
	return rpc_header_length(h) + 1;
}
static inline unsigned rpc_lines(unsigned words) { return (words + URPC_WORDS - 1) / URPC_WORDS; }

/* A message of several lines that is coming in, line by line. */
struct rpc_inbox {
	uint64_t *word; /* NULL: none */
	uint32_t have, want;
};

/* --- the tables that rpcgen writes --------------------------------------------------------- */

struct rpc_call;

struct rpc_method {
	const char *name;
	/* Unpacks, calls the handler, answers. `in` has as many words as the header says, within the bounds below. */
	void (*receive)(struct rpc_call *call, const uint64_t *in);
	uint16_t least, most; /* words of arguments */
	uint16_t answer;      /* most words of outputs */
	bool idempotent, oneway;
	bool line; /* always a line: `in` may be the peer's memory; receive reads it once, and says rpc_taken */
};

struct rpc_service {
	const char *name;
	uint32_t number;
	uint32_t methods;
	const struct rpc_method *method;
};

/*
 * A call that is packed, and not sent: X_method_pack(m, inputs) fills it, rpc_start_packed sends
 * it, as often as one likes, X_method_finish takes the answer. The memory is the user's.
 */
struct rpc_shape;

struct rpc_packed {
	const struct rpc_shape *shape; /* of the method: set by pack */
	uint64_t *word;
	uint32_t room;  /* words */
	uint32_t words; /* used, the header too */
};
