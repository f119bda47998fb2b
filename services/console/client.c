/*
 * What clients ask for, and what they get.
 *
 * Nothing here waits for a client: one that does not take its answers loses
 * them, or leaves its keys with us.
 */
#include "services/console/client.h"

#include <stdlib.h>
#include <string.h>

#include "services/console/output.h"
#include "services/console/proto.h"
#include "services/console/terminal.h"

#define BELL "\a"

struct screen screen;
struct input input;

struct client *client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c)
		c->channel.tag = c;
	return c;
}

static struct client *client_of(struct reader *r)
{
	return (struct client *)((char *)r - offsetof(struct client, reader));
}

static void answer(struct client *c, unsigned op, uint64_t word)
{
	struct urpc_message m = { .word = { console_header(op, 0), word } };

	channel_send(&c->channel, &m);
}

void client_input(void)
{
	struct reader *r;

	while ((r = input_ready(&input))) {
		struct urpc_message m = { .word = { 0 } };
		size_t n = input_peek(&input, console_text_room(&m), CONSOLE_TEXT);

		m.word[0] = console_header(CONSOLE_INPUT, n);
		if (channel_send(&client_of(r)->channel, &m))
			return; /* it has no room: the keys stay till it shows a sign of life */
		/* The device's thread may have left keys where they were. */
		if (!input_room(&input))
			event_signal(&uart.event);
		input_take(&input, r, n);
	}
}

void client_key(char key)
{
	int signal = terminal_signal(key);

	switch (input_put(&input, key, signal)) {
	case INPUT_INTERRUPTS:
		answer(client_of(input_holder(&input)), CONSOLE_INTERRUPT, (uint64_t)signal);
		break;
	case INPUT_SIGNALS:
		terminal_send(input_signalled(&input), signal);
		break;
	case INPUT_FULL:
		output_put(NULL, BELL, 1);
		break;
	default:
		break;
	}
}

static cycles_t first_prompt;

/* The read that has not been answered gets nothing. */
static void client_unread(struct client *c)
{
	if (!c->reader.wants)
		return;
	c->reader.wants = false;
	answer(c, CONSOLE_INPUT, 0);
}

static void client_read(struct client *c, uint32_t group, bool now)
{
	if (!first_prompt)
		first_prompt = fabric_now(c->channel.fabric);
	line_buffer_flush(&c->lines, &screen);
	c->reader.pid = c->channel.peer;
	c->reader.group = group;
	input_read(&input, &c->reader);
	client_input();
	if (now)
		client_unread(c);
}

static void state_answer(struct client *c, uint32_t group, uint32_t session)
{
	struct urpc_message m = { .word = { console_header(CONSOLE_STATE, sizeof(struct console_state)) } };

	terminal_state(&input, group, session, (struct console_state *)console_text_room(&m));
	channel_send(&c->channel, &m);
}

void client_message(struct client *c, const struct urpc_message *m)
{
	switch (console_op(m)) {
	case CONSOLE_WRITE:
		line_buffer_write(&c->lines, &screen, console_text(m), console_length(m));
		break;
	case CONSOLE_FLUSH:
		line_buffer_flush(&c->lines, &screen);
		break;
	case CONSOLE_SYNC:
		answer(c, CONSOLE_SYNCED, 0);
		break;
	case CONSOLE_READ:
		client_read(c, (uint32_t)m->word[1], m->word[2]);
		break;
	case CONSOLE_CANCEL:
		client_unread(c);
		break;
	case CONSOLE_SET:
		terminal_set(&input, (const struct console_state *)console_text(m), (unsigned)(m->word[0] >> 8));
		client_input();
		state_answer(c, 0, 0);
		break;
	case CONSOLE_CONTROL:
		if (input_control(&input, (uint32_t)m->word[2], (uint32_t)m->word[3]))
			client_input();
		state_answer(c, (uint32_t)m->word[1], (uint32_t)m->word[2]);
		break;
	case CONSOLE_GET:
		state_answer(c, (uint32_t)m->word[1], (uint32_t)m->word[2]);
		break;
	case CONSOLE_PROMPT:
		answer(c, CONSOLE_PROMPTED, first_prompt);
		break;
	case CONSOLE_LEND:
		if (input_lend(&input, &c->reader, m->word[1], (uint32_t)m->word[2]))
			answer(c, CONSOLE_INTERRUPT, terminal_signal(INPUT_INTERRUPT));
		/* Keys that were left with the device are looked at from now on. */
		event_signal(&uart.event);
		client_input();
		break;
	default:
		break;
	}
}

void client_gone(struct client *c)
{
	line_buffer_end(&c->lines, &screen);
	c->reader.pid = c->channel.peer;
	input_gone(&input, &c->reader);
	channel_close(&c->channel);
	free(c);
	client_input();
}
