/*
 * The console: one terminal, on the first serial port, for all programs of all cores.
 *
 * Two threads.  One serves the clients' channels and waits while the terminal is
 * behind; the other serves the device and the system's log.  Both are
 * cooperative, so what they share needs no lock.  The service has nothing to fall
 * back on: when it cannot start it ends, and the log goes out through the CPU driver.
 */
#include <stdlib.h>

#include "kernel/abi/error.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/metal.h"
#include "services/console/client.h"
#include "services/console/log.h"
#include "services/console/output.h"
#include "services/console/power.h"
#include "services/console/proto.h"
#include "services/console/terminal.h"
#include "services/console/window.h"

#define TURN_MAX 64 /* messages of one client before the others have their turn */

static struct service service;
static struct wait_set set;

/* --- the device's thread ----------------------------------------------------- */

/* A key, or a part of what the line's other end says of its window. */
static void byte_take(char c)
{
	static struct window_reader reader;
	uint16_t rows, columns;

	switch (window_take(&reader, c, &rows, &columns)) {
	case WINDOW_KEY:
		client_key(c);
		break;
	case WINDOW_TOLD:
		terminal_window(&input, rows, columns);
		break;
	default:
		break;
	}
}

static void *device_serve(void *arg)
{
	char c;

	(void)arg;
	for (;;) {
		uart_acknowledge(&uart);
		while (input_room(&input) && uart_read(&uart, &c))
			byte_take(c);
		client_input();
		while (output_room() && log_show(&screen))
			;
		output_pump();
		power_step();
		event_wait(&uart.event, 0);
	}
	return NULL;
}

/* --- the clients' thread ------------------------------------------------------ */

static void client_accept(void)
{
	struct client *c = client_new();
	struct channel refused;

	if (!c) {
		/* Out of memory: it learns so by the channel's end. */
		if (!service_accept(&service, NULL, &refused))
			channel_close(&refused);
		return;
	}
	if (service_accept(&service, NULL, &c->channel)) {
		free(c);
		return;
	}
	c->channel.tag = c;
	wait_set_add(&set, &c->channel);
}

static void client_serve(struct client *c)
{
	struct urpc_message m;
	err_t err = 0;

	for (unsigned n = 0; n < TURN_MAX && !err; n++) {
		output_wait_room();
		err = channel_receive(&c->channel, &m);
		if (!err)
			client_message(c, &m);
	}
	if (err == ERR_CLOSED)
		client_gone(c);
	output_pump();
}

static void clients_serve(void)
{
	for (;;) {
		struct channel *c = NULL;

		if (wait_set_wait(&set, &c, 0))
			continue;
		if (c)
			client_serve(c->tag);
		else
			client_accept();
	}
}

/* --- start --------------------------------------------------------------------- */

static void require(err_t err, const char *what)
{
	if (!err)
		return;
	mon_log(what);
	mon_log(error_text(err));
	exit(1);
}

int main(void)
{
	struct fabric *fabric;
	struct thread *device;
	err_t err;

	screen_init(&screen, output_put, NULL);
	err = uart_init(&uart, UART_COM1, UART_COM1_IRQ);
	if (err)
		mon_log("console: there is no serial port; output is lost");
	require(fabric_metal(&fabric), "console: cannot start");
	require(wait_set_init(&set, fabric), "console: cannot wait for clients");
	require(thread_create(&device, device_serve, NULL), "console: cannot start a thread");
	thread_detach(device);
	log_init();
	power_init();
	terminal_init();
	require(service_export(fabric, CONSOLE_NAME, &service), "console: cannot announce itself");
	wait_set_serve(&set, &service);
	clients_serve();
}
