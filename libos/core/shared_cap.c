/* Capabilities that other cores may use: to the CPU driver first, then to the monitor. */
#include "libos/core/shared_cap.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"

#define WALK_SECONDS 2
#define WALKS_PER_SECOND 10

err_t shared_delete(cptr_t cap)
{
	struct mon_message m = { .word = { cap } };
	err_t err = cap_delete(cap);

	return err == ERR_CAP_REMOTE ? mon_call(MON_CAP_DELETE, &m) : err;
}

err_t shared_revoke(cptr_t cap)
{
	struct mon_message m = { .word = { cap } };
	err_t err = cap_revoke(cap);

	return err == ERR_CAP_REMOTE ? mon_call(MON_CAP_REVOKE, &m) : err;
}

void shared_free(cptr_t object)
{
	struct cap_info info;

	if (!cap_identify(object, &info) && !shared_revoke(object) && !shared_delete(object))
		ram_reclaim(object, info.base, info.bits);
}

err_t shared_retype(cptr_t src, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t dst)
{
	struct mon_message m = {
		.word = { src, offset, type | (uint64_t)bits << 8 | (uint64_t)count << 16, dst },
	};
	err_t err = cap_retype(src, offset, type, bits, count, dst);

	return err == ERR_CAP_REMOTE ? mon_call(MON_CAP_RETYPE, &m) : err;
}

err_t shared_copy(cptr_t src, coreid_t core, cptr_t dst, unsigned rights)
{
	struct mon_message m = { .word = { core, src, dst, rights } };

	return mon_call(MON_CAP_COPY, &m);
}

err_t shared_fetch(coreid_t core, cptr_t src, cptr_t dst, unsigned rights)
{
	struct mon_message m = { .word = { core, src, dst, rights } };

	return mon_call(MON_CAP_FETCH, &m);
}

err_t shared_send(uint32_t channel, cptr_t cap, unsigned rights, uint64_t *ticket)
{
	struct mon_message m = { .word = { channel, cap, rights } };
	err_t err = mon_call(MON_CAP_SEND, &m);

	if (!err)
		*ticket = m.word[0];
	return err;
}

err_t shared_receive(uint32_t channel, uint64_t ticket, cptr_t dst)
{
	struct mon_message m = { .word = { channel, ticket, dst } };

	return mon_call(MON_CAP_RECEIVE, &m);
}

err_t mon_walk(uint64_t *violations)
{
	cycles_t hz = dispatcher_tsc_hz(), end = context_now() + WALK_SECONDS * hz;
	struct mon_message m = { .word = { 0 } };
	err_t err = mon_call(MON_WALK, &m);

	while (!err && m.word[0] && context_now() < end) {
		thread_sleep_until(context_now() + hz / WALKS_PER_SECOND);
		err = mon_call(MON_WALK, &m);
	}
	*violations = m.word[0];
	return err;
}
