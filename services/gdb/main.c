/*
 * gdb: the stub of GDB's remote protocol for programs, at the second serial port (tools/run --debug, tools/gdb).
 *
 * It sees a process as its files in /proc (target.c) and answers packets (packet.c, commands.c). Without that port, the
 * service ends at once. One session at a time: whoever has the other end of the line.
 */
#include <stdio.h>
#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/device/uart.h"
#include "services/gdb/commands.h"
#include "services/gdb/target.h"

#define OUT_BYTES (2 * ANSWER_MOST + 64)
#define OUTCOME_ROOM 96

static struct uart uart;
static struct packet_reader reader;
static char out[OUT_BYTES], sent[OUT_BYTES]; /* on its way; the last frame */
static size_t out_length, sent_length;
static bool no_acks;

static void put(const char *bytes, size_t length)
{
	if (length > OUT_BYTES - out_length)
		return; /* GDB waits for one answer at a time: it will ask again */
	memcpy(out + out_length, bytes, length);
	out_length += length;
}

static void answer(const char *text)
{
	sent_length = packet_frame(text, strlen(text), sent);
	put(sent, sent_length);
}

static void packet(void)
{
	static char text[ANSWER_MOST + 1];

	if (!no_acks)
		put("+", 1);
	if (command_answer(reader.text, text))
		answer(text);
	/* A new session begins with acknowledgements. */
	if (!strncmp(reader.text, "qSupported", 10))
		no_acks = false;
	else if (!strncmp(reader.text, "QStartNoAckMode", 15))
		no_acks = true;
}

static void byte(char c)
{
	switch (packet_take(&reader, c)) {
	case PACKET_WHOLE:
		packet();
		break;
	case PACKET_BAD:
		put("-", 1);
		break;
	case PACKET_AGAIN:
		put(sent, sent_length);
		break;
	case PACKET_BREAK:
		command_interrupt();
		break;
	default:
		break;
	}
}

static void drain(void)
{
	size_t done = uart_write(&uart, out, out_length);

	out_length -= done;
	memmove(out, out + done, out_length);
	uart_want_room(&uart, out_length);
}

static void serve(void)
{
	char c, outcome[OUTCOME_ROOM], text[ANSWER_MOST + 1];

	for (;;) {
		uart_acknowledge(&uart);
		while (uart_read(&uart, &c))
			byte(c);
		if (target.running && target_outcome(outcome, sizeof outcome)) {
			if (command_outcome(outcome, text))
				answer(text);
		}
		drain();
		event_wait(&uart.event, 0);
	}
}

int main(void)
{
	uint32_t service;
	err_t err = uart_init(&uart, UART_COM2, UART_COM2_IRQ);

	if (err == ERR_NOT_FOUND)
		return 0;
	if (!err)
		err = mon_export("gdb", &service);
	if (!err && target_init(&uart.event))
		err = ERR_NO_MEMORY;
	if (err) {
		fprintf(stderr, "gdb: %s\n", error_text(err));
		return 1;
	}
	serve();
}
