/* Two processes that measure something between them: see peer.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "user/bench/bench.h"
#include "user/bench/peer.h"

#define RING_MESSAGES 16

/* Makes what this side offers: an endpoint or a notification, and two slots to be filled. */
static err_t offer_make(struct peer *p, struct mon_offer *offer, unsigned frame_bits)
{
	err_t error;
	event_init(&p->rung);
	if (p->core == dispatcher_core())
		error = lmp_endpoint_create(&p->endpoint, RING_MESSAGES, false);
	else
		error = notification_create(event_handle, &p->rung, &p->notification, &p->bit);
	if (!error)
		error = slot_alloc(&p->channel);
	if (!error)
		error = slot_alloc(&p->doorbell);
	*offer = (struct mon_offer){ .endpoint = p->endpoint.cap,
				     .notification = p->notification,
				     .frame_bits = frame_bits,
				     .slot_channel = p->channel,
				     .slot_doorbell = p->doorbell };
	return error;
}

/* One name per measure and process, exported once and kept: a process's names go with it. */
static err_t export_once(char name[MON_NAME + 1])
{
	static uint32_t service;
	static bool exported;
	snprintf(name, MON_NAME + 1, "bench.%llx", (unsigned long long)process_args()->pid);
	if (exported)
		return ERR_OK;
	err_t error = mon_export(name, &service);
	exported = error == ERR_OK;
	return error;
}

err_t peer_start(struct peer *p, const char *role, uint64_t arg, coreid_t core, unsigned frame_bits)
{
	char name[MON_NAME + 1], number[24];
	const char *argv[] = { "bench", "--serve", role, name, number };
	struct mon_offer offer;
	struct mon_incoming incoming;
	snprintf(number, sizeof number, "%llu", (unsigned long long)arg);
	*p = (struct peer){ .core = core };
	err_t error = export_once(name);
	if (!error)
		error = offer_make(p, &offer, frame_bits);
	if (!error)
		error = mon_spawn(core, 5, argv, &p->pid);
	if (!error)
		error = mon_incoming(&incoming, true);
	return error ? error : mon_accept(incoming.channel, &offer, &p->binding);
}

static void release(struct peer *p)
{
	if (p->va)
		vspace_unmap(p->va);
	mon_close(p->binding.channel);
	if (p->endpoint.cap)
		lmp_endpoint_destroy(&p->endpoint);
	if (p->notification)
		notification_destroy(p->notification, p->bit);
	slot_delete(p->channel);
	slot_delete(p->doorbell);
}

err_t peer_finish(struct peer *p)
{
	unsigned cause = 0;
	uint64_t status = 0;
	err_t error = mon_wait(p->pid, &cause, &status);
	release(p);
	if (error)
		return error;
	return cause == MON_EXITED && status == 0 ? ERR_OK : ERR_FAULTED;
}

err_t peer_connect(struct peer *p, char **argv, unsigned frame_bits)
{
	struct mon_offer offer;
	*p = (struct peer){ .core = (coreid_t)(strtoull(strchr(argv[1], '.') + 1, NULL, 16) >> 32) };
	err_t error = offer_make(p, &offer, frame_bits);
	return error ? error : mon_connect(argv[1], &offer, &p->binding);
}

err_t peer_channel(struct peer *p, struct urpc *u)
{
	if (p->binding.kind != MON_BINDING_URPC)
		return ERR_UNSUPPORTED;
	err_t error = vspace_map_frame(p->channel, p->binding.frame_bits, MAP_READ | MAP_WRITE, &p->va);
	return error ? error : urpc_init(u, (void *)p->va, SIZE_OF_BITS(p->binding.frame_bits), p->binding.side);
}

int bench_serve(int argc, char **argv)
{
	static const struct {
		const char *role;
		int (*serve)(int, char **);
	} roles[] = { { "lmp", serve_lmp },       { "switch", serve_switch }, { "urpc", serve_urpc },
		      { "notify", serve_notify }, { "shared", serve_shared }, { "members", serve_members },
		      { "caps", serve_caps },     { "load", serve_load },     { "names", serve_names },
		      { "pages", serve_pages },   { "pipe", serve_pipe } };
	for (size_t i = 0; argc >= 3 && i < sizeof roles / sizeof *roles; i++)
		if (strcmp(argv[0], roles[i].role) == 0)
			return roles[i].serve(argc, argv);
	fprintf(stderr, "bench: no such role\n");
	return 2;
}
