/* One program that is connected to the console. */
#pragma once

#include "libos/fabric/fabric.h"
#include "services/console/input.h"
#include "services/console/screen.h"

struct client {
	struct channel channel; /* its tag is the client */
	struct reader reader;
	struct line_buffer lines;
};

extern struct screen screen;
extern struct input input;

/* A connected client, its channel being filled in by the caller; NULL when out of memory. */
struct client *client_new(void);
/* Does what the message says; one that makes no sense is left aside. */
void client_message(struct client *c, const struct urpc_message *m);
/* It has closed or died: its last output is shown, and it is forgotten. */
void client_gone(struct client *c);
/* A key was pressed. */
void client_key(char key);
/* Gives waiting keys to who has asked for them. */
void client_input(void);
