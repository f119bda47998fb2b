/*
 * A second process for measures that need one: bench started again on a core, connected
 * to us through the monitors.
 *
 * The parent exports a name of its own, starts the child, and takes the child's connection:
 * so neither has to guess when the other is ready.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/lmp.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/urpc.h"
#include "libos/thread/thread.h"

struct peer {
	uint64_t pid;
	coreid_t core; /* where it runs */
	struct mon_binding binding;
	struct lmp_endpoint endpoint; /* ours, when it is on our core */
	cptr_t channel;               /* its endpoint, or the URPC frame */
	cptr_t doorbell;              /* its notification, on another core */
	cptr_t notification;          /* ours, and its bit in the dispatcher page */
	unsigned bit;
	vaddr_t va;        /* where the frame is mapped; 0: nowhere */
	struct event rung; /* raised by our notification */
};

/* Starts "bench --serve ROLE ARG" on a core and waits until it has connected. */
err_t peer_start(struct peer *p, const char *role, uint64_t arg, coreid_t core, unsigned frame_bits);
/* Waits until the child has ended by itself; ERR_FAULTED unless with status 0. Closes the connection. */
err_t peer_finish(struct peer *p);
/* Maps the connection's URPC frame and makes our side of the channel. ERR_UNSUPPORTED on one core. */
err_t peer_channel(struct peer *p, struct urpc *u);
/* In the child: connects to the parent. argv as after --serve: ROLE NAME ARG. */
err_t peer_connect(struct peer *p, char **argv, unsigned frame_bits);
