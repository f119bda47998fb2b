/*
 * Signals that many get, and who is being made meanwhile: which of them each process has had.
 *
 * A signal to a group goes from core to core, and so it may pass a core where a child is about to begin before it comes
 * to the parent's, or the other way round. So each such signal has an id, each process remembers the last few that it
 * has had, and what comes for a child that is being made is only noted. When the child has all that it inherits it
 * joins: it gets what its parent has had since the fork began, and what came for itself, but for what its parent had
 * had before. And who sends goes round again till nobody is new. Portable, and tested on the host.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/monitor_proto.h"

#define SPREAD_KEPT 4 /* a child gets so many of those that came while it was made, the last ones */

struct spread {
	uint32_t count;             /* that it has had */
	uint32_t last[SPREAD_KEPT]; /* id << 8 | signal; the i-th at i % SPREAD_KEPT */
};

/* As in a libOS, a stop and the going on are not both pending. */
uint64_t signals_add(uint64_t held, unsigned signal);
/* It gets this one now; false: it has had it. An id has 24 bits, and 0 is none. */
bool spread_take(struct spread *s, uint32_t id, unsigned signal);
bool spread_had(const struct spread *s, uint32_t id);
/*
 * A child joins: `own` is what came for it, `maker` what its maker has had, `since` that one's count when the making
 * began. Returns the signals that the child is to get, a bit each; `own` is what it has had from then on.
 */
uint64_t spread_join(struct spread *own, const struct spread *maker, uint32_t since);
/* For a message, and out of one. */
void spread_pack(const struct spread *s, uint64_t words[MON_PAYLOAD]);
void spread_unpack(struct spread *s, const uint64_t words[MON_PAYLOAD]);
