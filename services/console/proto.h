/*
 * What the console service and its clients say to each other, one line each.
 *
 * word[0] of a message is the operation and a length; text is in words 1 to 6.
 * Output: text goes ahead in CONSOLE_WRITE messages and appears by whole lines.
 * Input: the client that asks first holds the input until it closes; the holder
 * may lend it to another process, and takes it back by asking again.  The bytes
 * are raw: echo and editing are the reader's.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/fabric/urpc.h"

#define CONSOLE_NAME "console"
#define CONSOLE_TEXT 48 /* bytes of text in one message */

enum console_op {
	/* from a client */
	CONSOLE_WRITE,  /* length bytes of output */
	CONSOLE_FLUSH,  /* show the line that has no end yet */
	CONSOLE_SYNC,   /* answered by CONSOLE_SYNCED when everything before has been taken in */
	CONSOLE_READ,   /* answered by one CONSOLE_INPUT when there is input for this client */
	CONSOLE_LEND,   /* word[1] = pid: input goes to that process until it closes or we read again */
	CONSOLE_PROMPT, /* answered by CONSOLE_PROMPTED */
	/* to a client */
	CONSOLE_INPUT, /* length bytes, 1 to CONSOLE_TEXT, at most one line */
	CONSOLE_SYNCED,
	CONSOLE_INTERRUPT, /* the interrupt key was pressed while the input is lent */
	CONSOLE_PROMPTED,  /* word[1] = TSC when input was asked for first: the first prompt; 0: not yet */
};

static inline uint64_t console_header(unsigned op, size_t length) { return op | (uint64_t)length << 8; }
static inline unsigned console_op(const struct urpc_message *m) { return m->word[0] & 0xff; }

/* Bytes of text in a message, or 0 when it claims more than fit. */
static inline size_t console_length(const struct urpc_message *m)
{
	uint64_t length = m->word[0] >> 8;

	return length <= CONSOLE_TEXT ? (size_t)length : 0;
}
static inline const char *console_text(const struct urpc_message *m) { return (const char *)&m->word[1]; }
static inline char *console_text_room(struct urpc_message *m) { return (char *)&m->word[1]; }
