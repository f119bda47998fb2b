/*
 * The capabilities of a connection: endpoints on one core; a frame and two
 * doorbells between cores.
 *
 * The frame belongs to the monitor of the connecting side, which counts it as
 * shared (CAP_FLAG_REMOTE) until the other core has none of it.  The serving
 * side's monitor keeps a foreign capability of its own, so that one revoke takes
 * the frame from its process, wherever that has copied it to.
 */
#include "monitor/caps/caps.h"
#include "monitor/connections.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "monitor/shared_frame.h"

#define FRAME_BITS_MAX 24

static err_t connection_slot(const struct connection *c, uint32_t slot, cptr_t *out)
{
	const struct process *p = process_table_find(&monitor.processes, c->process);

	return process_alive(p) ? process_slot(p, slot, out) : ERR_CLOSED;
}

err_t connection_allowed(const struct process *p, coreid_t core)
{
	struct cap_info info;
	cptr_t right;
	err_t err = process_slot(p, TASK_CHANNEL, &right);

	if (!err)
		err = cap_identify(right, &info);
	if (err || info.type != CAP_CHANNEL || core >> info.bits != info.base >> info.bits)
		return ERR_DENIED;
	return ERR_OK;
}

/* An endpoint for the other side: it may send, and hand it on. */
static err_t endpoint_give(const struct connection *from, const struct connection *to)
{
	struct cap_info info;
	cptr_t source, target;
	err_t err = connection_slot(from, from->offer.endpoint, &source);

	if (!err)
		err = connection_slot(to, to->offer.slot_channel, &target);
	if (!err)
		err = cap_identify(source, &info);
	if (!err && info.type != CAP_ENDPOINT)
		err = ERR_CAP_TYPE;
	return err ? err : cap_restrict(source, target, RIGHT_WRITE | RIGHT_GRANT);
}

err_t connection_join_here(struct connection *server, struct connection *client)
{
	err_t err = endpoint_give(server, client);

	return err ? err : endpoint_give(client, server);
}

/* The monitor owns the frame: so neither process loses its memory when the other ends. */
err_t connection_share_here(struct connection *server, struct connection *client)
{
	struct connection *ends[] = { server, client };
	err_t err = ERR_OK;

	server->frame_bits = client->frame_bits = 0;
	if (!client->shared_bits || !server->offer.slot_doorbell || !client->offer.slot_doorbell)
		return ERR_OK;
	if (client->shared_bits < PAGE_BITS || client->shared_bits > FRAME_BITS_MAX)
		return ERR_ARGUMENT;
	err = block_frame(client->shared_bits, &client->frame);
	for (unsigned i = 0; i < 2 && !err; i++) {
		cptr_t target;

		err = connection_slot(ends[i], ends[i]->offer.slot_doorbell, &target);
		if (!err)
			err = cap_restrict(client->frame, target, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT);
	}
	if (!err)
		server->frame_bits = client->frame_bits = client->shared_bits;
	return err;
}

/* Several connections of a process may have one frame, for what more than two parties share. */
static err_t frame_borrow(struct connection *c)
{
	struct connection *lender = connection_find(c->lender);

	/* What two processes of this core share is not counted as shared with another, and has no address here. */
	if (!lender || lender->process != c->process || lender->state != CONNECTION_OPEN || lender->foreign ||
	    lender->peer_core == monitor.core || !lender->frame)
		return ERR_ARGUMENT;
	lender->borrowers++;
	c->borrowed = true;
	c->frame_bits = lender->frame_bits;
	c->frame_base = lender->frame_base;
	return ERR_OK;
}

err_t connection_frame_make(struct connection *c, unsigned bits)
{
	err_t err;

	if (c->lender)
		return frame_borrow(c);
	if (bits == 0)
		bits = PAGE_BITS;
	if (bits < PAGE_BITS || bits > FRAME_BITS_MAX)
		return ERR_ARGUMENT;
	err = shared_frame_make(bits, &c->frame, &c->frame_base);
	if (!err)
		c->frame_bits = (uint8_t)bits;
	return err;
}

err_t connection_doorbell_export(struct connection *c, uint32_t *number)
{
	uint64_t exported;
	cptr_t source;
	err_t err = connection_slot(c, c->offer.notification, &source);

	if (!err)
		err = ntfn_export(source, &exported);
	if (!err)
		*number = (uint32_t)exported;
	return err;
}

static err_t doorbell_give(struct connection *c)
{
	struct cap_info info = { .type = CAP_NOTIFICATION,
				 .rights = RIGHT_WRITE | RIGHT_GRANT,
				 .bits = CAP_NOTIFICATION_BITS,
				 .badge = (uint64_t)c->peer_core << 32 | c->doorbell };
	cptr_t target;
	err_t err = connection_slot(c, c->offer.slot_doorbell, &target);

	return err ? err : kernel_forge(TASK_KERNEL, &info, target);
}

err_t connection_frame_give(struct connection *c)
{
	const struct connection *owner = c->borrowed ? connection_find(c->lender) : c;
	cptr_t target;
	err_t err = connection_slot(c, c->offer.slot_channel, &target);

	if (!err)
		err = cap_restrict(owner->frame, target, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT);
	return err ? err : doorbell_give(c);
}

err_t connection_frame_forge(struct connection *c)
{
	struct cap_info info = { .type = CAP_FRAME,
				 .rights = RIGHT_ALL, /* revoking it needs all */
				 .bits = c->frame_bits,
				 .base = c->frame_base };
	cptr_t slot;
	err_t err;

	/* One revoke takes the frame from whoever has it here, so two connections of this core cannot have the same. */
	if (connection_frame_known(c->frame_base))
		return ERR_EXISTS;
	err = slot_alloc(&slot);
	if (err)
		return err;
	err = kernel_forge(TASK_KERNEL, &info, slot);
	if (err) {
		slot_free(slot);
		return err;
	}
	caps_pin(slot, c->peer_core);
	c->frame = slot;
	c->foreign = true;
	return connection_frame_give(c);
}

static void frame_withdrawn(uint64_t id, err_t err, uint64_t value)
{
	struct connection *c = connection_find((uint32_t)id);

	(void)value;
	if (err) {
		/* It stays ours, and the peer's monitor does not use the memory again. */
		report("monitor %u: the frame of a connection stays: error %u", monitor.core, (unsigned)err);
		return;
	}
	caps_unpin(c->frame);
	slot_delete(c->frame);
	c->frame = 0;
	connection_left(c);
}

void connection_frame_release(struct connection *c)
{
	if (!c->frame)
		return;
	c->leaving++;
	caps_withdraw(c->frame, frame_withdrawn, c->id);
}

void connection_frame_drop(struct connection *c)
{
	uint64_t unmapped;

	if (!c->frame)
		return;
	caps_unpin(c->frame);
	kernel_revoke(TASK_KERNEL, c->frame, 0, &unmapped);
	slot_delete(c->frame);
	c->frame = 0;
}
