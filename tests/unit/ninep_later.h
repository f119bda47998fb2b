/* Stands in for a server's connection: what a handler puts off, and what it answers. */
#pragma once

#include "libos/ninep/server.h"

#define LATER_MAX 16
#define LATER_BYTES 70000

struct ninep_pending {
	bool used, answered;
	void (*cancel)(struct ninep_pending *p, void *arg);
	void *arg;
	unsigned error;
	uint32_t count;
	char data[LATER_BYTES]; /* of a read's answer */
};

extern struct ninep_pending later[LATER_MAX];
/* The one put off last. */
extern struct ninep_pending *later_last;
/* It is not wanted any more. */
void later_cancel(struct ninep_pending *p);
/* Forgets all; none waits any more. */
void later_reset(void);
