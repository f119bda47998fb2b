/*
 * The sample service's handlers; portable, so that tests run them on any fabric.
 */
#pragma once

#include "services/sample/sample_server.h"

#define SAMPLE_WAITERS 64

struct sample_waiter {
	uint64_t gate;
	struct rpc_later later;
};

/* One service: its server's tag points to it. */
struct sample {
	struct rpc_server server;
	struct sample_stat stat;
	uint64_t noted; /* sum of the one-way messages */
	struct sample_waiter waiter[SAMPLE_WAITERS];
	uint32_t waiters;
	cptr_t frame;
};

extern const struct sample_handlers sample_handlers;

/* Makes its server. The caller exports and serves. */
err_t sample_init(struct sample *s, struct fabric *f);
