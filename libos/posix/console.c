/*
 * The client of the console service.
 *
 * One channel a process, opened by the first thread that needs it.  One mutex
 * keeps a write's lines together, another lets one thread at a time receive.
 * When the service has died every call says ERR_CLOSED from then on.
 */
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/fabric/fabric.h"
#include "libos/fabric/metal.h"
#include "libos/posix/background.h"
#include "libos/posix/console.h"
#include "libos/posix/interrupt.h"
#include "libos/posix/process.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "services/console/proto.h"

#define BATCH 8 /* lines handed to the channel at once */
#define RETRIES_A_SECOND 1000
#define TENTHS 10 /* in a second */

static struct channel channel;
static bool tried;
static err_t open_error;
static bool partial; /* something was written since the last end of a line or flush */
static struct mutex send_lock = MUTEX_INIT, receive_lock = MUTEX_INIT;

static err_t console_connect(void)
{
	struct fabric *fabric;
	err_t err = fabric_metal(&fabric);

	if (err)
		return err;
	/* So many others are connecting just now that its queue is full. */
	while ((err = channel_open(fabric, CONSOLE_NAME, NULL, &channel)) == ERR_AGAIN)
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / RETRIES_A_SECOND);
	return err;
}

/* With send_lock held. */
static err_t console_open(void)
{
	if (!tried)
		open_error = console_connect();
	tried = true;
	return open_error;
}

/* With send_lock held. */
static err_t lines_send(const struct urpc_message *m, unsigned lines)
{
	err_t err = console_open();

	return err ? err : channel_send_lines(&channel, m, lines, 0, NULL);
}

static err_t request_send2(unsigned op, uint64_t word, uint64_t more)
{
	struct urpc_message m = { .word = { console_header(op, 0), word, more } };
	err_t err;

	mutex_lock(&send_lock);
	err = lines_send(&m, 1);
	mutex_unlock(&send_lock);
	return err;
}

static err_t request_send(unsigned op, uint64_t word) { return request_send2(op, word, 0); }

/* Packs up to BATCH lines; returns how many bytes went in. */
static size_t batch_pack(struct urpc_message *m, unsigned *lines, const char *text, size_t length)
{
	size_t at = 0;

	for (*lines = 0; *lines < BATCH && at < length; (*lines)++) {
		size_t n = length - at < CONSOLE_TEXT ? length - at : CONSOLE_TEXT;

		m[*lines].word[0] = console_header(CONSOLE_WRITE, n);
		memcpy(console_text_room(&m[*lines]), text + at, n);
		at += n;
	}
	return at;
}

err_t console_write(const char *text, size_t length)
{
	struct urpc_message batch[BATCH];
	err_t err = 0;

	if (!length)
		return 0;
	mutex_lock(&send_lock);
	for (size_t at = 0; at < length && !err;) {
		unsigned lines;

		at += batch_pack(batch, &lines, text + at, length - at);
		err = lines_send(batch, lines);
	}
	partial = text[length - 1] != '\n';
	mutex_unlock(&send_lock);
	return err;
}

err_t console_flush(void)
{
	if (!partial)
		return 0;
	partial = false;
	return request_send(CONSOLE_FLUSH, 0);
}

/* Waits for an answer of one kind, taking others for what they are: late. */
static err_t answer_wait(unsigned op, struct urpc_message *m)
{
	err_t err;

	do
		err = channel_receive_wait(&channel, m, 0);
	while (!err && console_op(m) != op);
	return err;
}

/* --- input ----------------------------------------------------------------------------------------- */

/* What came and did not fit: a reader of single bytes takes a message in several calls. With receive_lock held. */
static struct {
	struct urpc_message m;
	size_t taken, length;
} input;

static bool input_left(void) { return input.taken < input.length; }

static void input_take(char *to, size_t size, size_t *got)
{
	*got = input.length - input.taken < size ? input.length - input.taken : size;
	memcpy(to, console_text(&input.m) + input.taken, *got);
	input.taken += *got;
}

/* An answer to what was asked came, or will. */
static err_t input_come(err_t err)
{
	if (!err)
		err = answer_wait(CONSOLE_INPUT, &input.m);
	input.taken = 0;
	input.length = err ? 0 : console_length(&input.m);
	return err;
}

err_t console_read(char *to, size_t size, size_t *got)
{
	err_t err = console_flush();

	mutex_lock(&receive_lock);
	if (!err && !input_left())
		err = input_come(request_send(CONSOLE_READ, 0));
	if (!err)
		input_take(to, size, got);
	mutex_unlock(&receive_lock);
	return err;
}

static void input_wake(struct interruptible *i)
{
	(void)i;
	wait_set_interrupt(&channel.alone);
}

/* Till there is a line, the deadline or a signal. What came is left where it is. */
static void line_wait(const struct interruptible *call, cycles_t deadline)
{
	uint32_t back = fabric_enter(channel.fabric);
	struct channel *ready;

	while (!channel_prepare(&channel) && !channel_ready(&channel) && !call->interrupted &&
	       (!deadline || fabric_now(channel.fabric) < deadline))
		(void)wait_set_wait(channel.set, &ready, deadline);
	fabric_leave(channel.fabric, back);
}

/* Asks, and asks no more when the time is over or a signal came. */
static err_t keys_ask(bool now, unsigned tenths)
{
	cycles_t deadline = tenths ? context_now() + tenths * (dispatcher_tsc_hz() / TENTHS) : 0;
	struct interruptible call;
	err_t err = request_send2(CONSOLE_READ, (uint64_t)getpgrp(), now);

	if (!err && !now) {
		if (!interrupt_begin(&call, input_wake, NULL))
			line_wait(&call, deadline);
		interrupt_end(&call);
		if (call.interrupted || deadline)
			err = request_send(CONSOLE_CANCEL, 0);
	}
	err = input_come(err);
	return err || input_left() ? err : !now && call.interrupted ? ERR_TIMEOUT : ERR_AGAIN;
}

err_t console_keys(char *to, size_t size, size_t *got, bool now, unsigned tenths)
{
	err_t err = console_flush();

	mutex_lock(&receive_lock);
	if (!err && !input_left())
		err = keys_ask(now, tenths);
	if (!err)
		input_take(to, size, got);
	mutex_unlock(&receive_lock);
	return err;
}

static err_t state_ask(const struct urpc_message *request, struct console_state *out)
{
	struct urpc_message m;
	err_t err;

	mutex_lock(&send_lock);
	err = lines_send(request, 1);
	mutex_unlock(&send_lock);
	if (!err)
		err = answer_wait(CONSOLE_STATE, &m);
	if (!err)
		memcpy(out, console_text(&m), sizeof(*out));
	return err;
}

static err_t place_ask(unsigned op, uint32_t foreground, struct console_state *out)
{
	struct urpc_message m = { .word = { console_header(op, 0), 0, 0, foreground } };
	struct mon_relation r;
	err_t err;

	if (!group_own(&r)) {
		m.word[1] = r.group;
		m.word[2] = r.session;
	}
	mutex_lock(&receive_lock);
	err = state_ask(&m, out);
	if (!err)
		out->waiting = (uint16_t)(out->waiting + input.length - input.taken);
	mutex_unlock(&receive_lock);
	if (!err)
		background_modes(out->lflag);
	return err;
}

err_t console_state_get(struct console_state *out) { return place_ask(CONSOLE_GET, 0, out); }

err_t console_control(uint32_t group, struct console_state *out) { return place_ask(CONSOLE_CONTROL, group, out); }

err_t console_state_set(const struct console_state *to, unsigned set)
{
	struct urpc_message m = { .word = { console_header(CONSOLE_SET, set) } };
	struct console_state now;
	err_t err;

	memcpy(console_text_room(&m), to, sizeof(*to));
	mutex_lock(&receive_lock);
	if (set & CONSOLE_SET_FLUSH)
		input.taken = input.length;
	err = state_ask(&m, &now);
	mutex_unlock(&receive_lock);
	return err;
}

/* --- for the shell ------------------------------------------------------------------------------------ */

err_t console_lend(uint64_t pid, uint32_t group) { return request_send2(CONSOLE_LEND, pid, group); }

err_t console_wait_interrupt(int *signal)
{
	struct urpc_message m;
	err_t err;

	mutex_lock(&receive_lock);
	do
		err = channel_receive_wait(&channel, &m, 0);
	while (!err && console_op(&m) != CONSOLE_INTERRUPT && console_op(&m) != CONSOLE_SYNCED);
	mutex_unlock(&receive_lock);
	*signal = (int)m.word[1];
	return !err && console_op(&m) == CONSOLE_SYNCED ? ERR_AGAIN : err;
}

err_t console_wait_end(void) { return request_send(CONSOLE_SYNC, 0); }

err_t console_first_prompt(cycles_t *tsc)
{
	struct urpc_message m;
	err_t err = request_send(CONSOLE_PROMPT, 0);

	if (err)
		return err;
	mutex_lock(&receive_lock);
	err = answer_wait(CONSOLE_PROMPTED, &m);
	mutex_unlock(&receive_lock);
	if (err)
		return err;
	*tsc = m.word[1];
	return m.word[1] ? 0 : ERR_AGAIN;
}

void console_finish(void)
{
	struct urpc_message m;

	/* Somebody who is waiting for input will not get it any more, and has the channel's other end. */
	if (!tried || open_error || !mutex_try(&receive_lock))
		return;
	if (!request_send(CONSOLE_SYNC, 0))
		answer_wait(CONSOLE_SYNCED, &m);
	mutex_unlock(&receive_lock);
}
