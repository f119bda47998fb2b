/*
 * A server on the bare fabric: answers each line with its first word plus one. argv[1]: its number.
 */
#include "libos/fabric/fabric.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>
#include <stdlib.h>

static struct wait_set set;
static struct service service;

static void accept_all(void)
{
	struct channel *c = malloc(sizeof *c);

	while (c && !service_accept(&service, NULL, c)) {
		wait_set_add(&set, c);
		c = malloc(sizeof *c);
	}
	free(c);
}

static void answer(struct channel *c)
{
	struct urpc_message m;
	err_t err = channel_receive(c, &m);

	if (!err) {
		host_count("asked", 1);
		host_work(400);
		m.word[0]++;
		err = channel_send_lines(c, &m, 1, 0, NULL);
	}
	if (err == ERR_CLOSED) {
		channel_close(c);
		free(c);
	}
}

int main(int argc, char **argv)
{
	struct channel *c;
	struct fabric *f;
	char name[16];

	snprintf(name, sizeof name, "echo%s", argc > 1 ? argv[1] : "");
	if (fabric_here(&f) || wait_set_init(&set, f) || service_export(f, name, &service))
		return 1;
	wait_set_serve(&set, &service);
	for (;;) {
		wait_set_wait(&set, &c, 0);
		if (c)
			answer(c);
		else
			accept_all();
	}
}
