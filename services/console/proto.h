/*
 * What the console service and its clients say to each other, one line each.
 *
 * word[0] of a message is the operation and a length; text is in words 1 to 6.
 * Output: text goes ahead in CONSOLE_WRITE messages and appears by whole lines.
 * Input: the client that asks first holds the input until it closes; the holder
 * may lend it to another process, and takes it back by asking again.  The bytes
 * are raw: echo and editing are the reader's.  What the terminal is like for all of them (termios, the
 * window, the group in the foreground) is kept here, so that they see the same.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/fabric/urpc.h"

#define CONSOLE_NAME "console"
#define CONSOLE_TEXT 48 /* bytes of text in one message */

enum console_op {
	/* from a client */
	CONSOLE_WRITE, /* length bytes of output */
	CONSOLE_FLUSH, /* show the line that has no end yet */
	CONSOLE_SYNC,  /* answered by CONSOLE_SYNCED when everything before has been taken in */
	/*
	 * Answered by one CONSOLE_INPUT when there is input for this client. word[1] = its process group, 0: one that
	 * takes all keys as they are; word[2] = 1: answered at once, by nothing if need be.
	 */
	CONSOLE_READ,
	CONSOLE_CANCEL, /* no more wanted: answered by an empty CONSOLE_INPUT, unless there was an answer already */
	/* word[1] = pid, word[2] = its group: input goes to them until that process closes or we read again */
	CONSOLE_LEND,
	CONSOLE_PROMPT, /* answered by CONSOLE_PROMPTED */
	CONSOLE_GET,    /* answered by CONSOLE_STATE; word[1], word[2]: the asker's process group and session */
	/*
	 * word[1], word[2] as above; word[3] = the group that is to be in the foreground, 0: as it is. The terminal is
	 * that session's from now on, unless it is another's. Answered by CONSOLE_STATE.
	 */
	CONSOLE_CONTROL,
	/* text: a struct console_state, of which length says what is to be set, enum console_set; answered likewise */
	CONSOLE_SET,
	/* to a client */
	CONSOLE_INPUT, /* length bytes, 1 to CONSOLE_TEXT, at most one line */
	CONSOLE_SYNCED,
	CONSOLE_INTERRUPT, /* a key was pressed while the input is lent that sends the signal word[1] */
	CONSOLE_PROMPTED,  /* word[1] = TSC when input was asked for first: the first prompt; 0: not yet */
	CONSOLE_STATE,     /* text: a struct console_state */
};

/* What CONSOLE_SET sets, in a message's length. */
enum console_set {
	CONSOLE_SET_MODES = 1,  /* flags, keys, speed */
	CONSOLE_SET_WINDOW = 2, /* rows, columns: the foreground is told */
	CONSOLE_SET_FLUSH = 4,  /* what was typed ahead is dropped */
};

/* Where the asker stands. */
enum console_place {
	CONSOLE_CONTROLS = 1,   /* it is its session's controlling terminal */
	CONSOLE_ELSEWHERE = 2,  /* it is another session's */
	CONSOLE_BACKGROUND = 4, /* its session's, and another group is in the foreground */
};

#define CONSOLE_KEYS 16 /* c_cc: their places are sys/termios.h's */

struct console_state {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t key[CONSOLE_KEYS];
	uint16_t rows, columns;
	uint32_t group; /* in the foreground; 0: nobody has said */
	uint32_t speed;
	/* Not to be set. */
	uint16_t waiting; /* keys typed ahead */
	uint16_t place;   /* enum console_place; in the answer to CONSOLE_GET and CONSOLE_CONTROL */
};

_Static_assert(sizeof(struct console_state) <= CONSOLE_TEXT, "a state fits into a message");

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
