/*
 * host: the files of the machine that emulates this one, over 9P, under the name "host".
 *
 * QEMU offers a folder as a virtio-9p device (-virtfs, tools/run --share); without the device the service ends
 * at once, and the name is not there. One thread does everything; another waits for the device's
 * interrupts and wakes it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/server.h"
#include "libos/x86/context.h"
#include "services/host/device.h"
#include "services/host/relay.h"

#define NAME "host"

static struct ninep_server server;

static void complain(const char *what, const char *why)
{
	char line[120];

	snprintf(line, sizeof line, "host: %s: %s", what, why);
	mon_log(line);
}

/* What is under way got the end of the link as its answer; the monitor starts the service anew. */
static void broken(const char *why)
{
	device_stop();
	complain("the device is not used any more", why);
	exit(1);
}

/* Answers of the device, and who waits for one in vain. */
static cycles_t turn(struct ninep_server *s)
{
	cycles_t next = relay_turn(context_now(), dispatcher_tsc_hz());
	const char *late = relay_late();

	(void)s;
	if (late) {
		complain("the device does not answer in time", late);
		device_look();
	}
	if (device_fault() || relay_ended())
		broken(device_fault() ? device_fault() : "the session has ended");
	return device_deadline(next);
}

static void *device_watch(void *arg)
{
	(void)arg;
	for (;;) {
		device_wait(0);
		wait_set_interrupt(&server.set);
	}
	return NULL;
}

static err_t serve(struct fabric *f)
{
	struct thread *device;
	err_t err = ninep_server_init(&server, f, NULL);

	server.relay = &relay_clients;
	server.turn = turn;
	if (!err)
		err = thread_create(&device, device_watch, NULL);
	if (err)
		return err;
	thread_detach(device);
	err = ninep_server_export(&server, NAME);
	return err ? err : ninep_serve(&server);
}

int main(void)
{
	struct ninep_link link;
	struct fabric *f;
	unsigned error;
	err_t err = device_open(&link);

	if (err == ERR_NOT_FOUND)
		return 0;
	if (!err) {
		error = relay_begin(&link);
		if (error)
			broken(ninep_error_text(error));
		err = fabric_here(&f);
	}
	if (!err)
		err = serve(f);
	device_stop();
	complain("cannot serve", error_text(err));
	return 1;
}
