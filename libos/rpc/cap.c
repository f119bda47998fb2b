/*
 * Capabilities as parameters: the monitors carry them, a ticket goes in the message.
 */
#include "kernel/abi/cap.h"
#include "libos/core/slot.h"
#include "libos/fabric/metal.h"
#include "libos/rpc/stub.h"

err_t rpc_cap_send(struct channel *c, cptr_t cap, uint64_t *ticket)
{
	return channel_send_cap(c, cap, RIGHT_ALL, ticket);
}

err_t rpc_cap_receive(struct channel *c, uint64_t ticket, cptr_t *slot)
{
	err_t err = slot_alloc(slot);

	if (err)
		return err;
	err = channel_receive_cap(c, ticket, *slot);
	if (err)
		slot_free(*slot);
	return err;
}
