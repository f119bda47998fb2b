/*
 * Who gets the keys.
 *
 * The first reader to ask holds the input until it goes; then the next in the
 * order of asking.  The holder may lend it to a process, known by its pid: that
 * one, and its process group, get the keys until it goes, or the holder asks again.  While the input is
 * lent the interrupt key is for the holder.  When a process group was put into the
 * foreground, its readers alone get keys, and it is signalled; the terminal is its session's then.  Portable, tested on
 * the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_BYTES 4096  /* typed ahead; a power of two */
#define INPUT_INTERRUPT 3 /* ^C */

struct reader {
	struct reader *next; /* in the order of asking */
	uint64_t pid;
	uint32_t group; /* its process group; 0: it takes keys as they are */
	bool wants;     /* has asked, and not been answered */
	bool listed;
};

struct input {
	struct reader *readers; /* the first one holds the input */
	uint64_t lent;          /* pid, or 0 */
	uint32_t lent_group;
	uint32_t foreground; /* group, or 0: nobody was put there */
	uint32_t session;    /* whose terminal it is, or 0 */
	uint32_t put, taken;
	char text[INPUT_BYTES];
};

void input_read(struct input *in, struct reader *r);
/*
 * Only the holder can lend. True: the interrupt key is among what was typed ahead;
 * that is dropped, and the holder is to be told.
 */
bool input_lend(struct input *in, const struct reader *r, uint64_t pid, uint32_t group);
void input_gone(struct input *in, struct reader *r);

/*
 * Are keys to be taken from the device? When what is typed ahead has no more room
 * they wait there, so that a long text can be pasted; not while the input is lent,
 * or the interrupt key would wait behind them.
 */
bool input_room(const struct input *in);
enum input_put { INPUT_KEPT, INPUT_FULL, INPUT_INTERRUPTS, INPUT_SIGNALS };
/*
 * A key was pressed, which sends a signal or not. INPUT_INTERRUPTS: the holder is to be told; INPUT_SIGNALS: the
 * group of
 * input_signalled is to have it. What was typed ahead is dropped then.
 */
enum input_put input_put(struct input *in, char c, bool signals);
/* Whom such keys are for: a group, or 0. */
uint32_t input_signalled(const struct input *in);
/*
 * The terminal is that session's from now on, and that group in the foreground, unless it is 0. False: it is another
 * session's.
 */
bool input_control(struct input *in, uint32_t session, uint32_t group);
/* Another group than this one, of the terminal's session, is in the foreground. */
bool input_background(const struct input *in, uint32_t session, uint32_t group);
void input_drop(struct input *in);
struct reader *input_holder(const struct input *in);
/* The reader that is to be answered now, or NULL: it has asked, the keys are its, and there are some. */
struct reader *input_ready(const struct input *in);
/* Looks at up to `size` keys, and not beyond the end of a line: what follows may be for
 * another reader. input_take takes them. */
size_t input_peek(const struct input *in, char *to, size_t size);
/* `n` keys have gone to `r`. */
void input_take(struct input *in, struct reader *r, size_t n);
