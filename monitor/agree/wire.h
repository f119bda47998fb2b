/*
 * The lines of agreement between monitors (MON_AGREE).
 *
 * Header: operation; flags = kind of line << 1; aux and sequence as below.
 *
 *   requests (DO, PREPARE, COMMIT, ABORT)      acknowledgements (ACK)
 *   aux   subject | scheme << 8                enum ack_note | error << 4
 *   seq   version of the group                 kind that is acknowledged
 *   w0    round: coordinator << 32 | number    the same
 *   w1    group                                record at the sender of the request
 *   w2    range | record                       lines that went below, these two included
 *   w3-5  the proposal's words                 0
 *
 * The range is what the receiver is to serve: itself and all members of the group at
 * places lo to hi - 1 (places.h).  The other kinds are at their enumerators.
 */
#pragma once

#include "libos/core/monitor_proto.h"

enum agree_kind {
	AGREE_NONE,
	AGREE_DO,      /* one-phase: hear of it */
	AGREE_PREPARE, /* two-phase: will you? */
	AGREE_COMMIT,
	AGREE_ABORT,
	AGREE_ACK,
	AGREE_STATE,    /* who is in a group: aux = 1 to join it, seq = version, w0 = group, w1 = first word |
			   count of words << 16, w2-5 the words of the set of places */
	AGREE_STATE_OK, /* w0 = group: all of it has come */
	AGREE_PING,     /* are you there? w0: the asker's */
	AGREE_PONG,     /* w0 as it was */
	AGREE_SUSPECT,  /* w0 = core that does not answer */
	AGREE_DOUBT,    /* w0 = round, w1 = group: its coordinator is gone; how does it end? */
	AGREE_OUTCOME,  /* w0 = round, w1 = 1: it is committed, 0: aborted */
	AGREE_RELAY,    /* aux = subject, w0 = round, w1 = group, w3-5: one-phase of a coordinator that is gone */
	AGREE_LINE,     /* w0 = page of lines that the sender broadcasts by, w1 = number of the next */
	AGREE_LINE_OK,  /* they are polled from now on */
	AGREE_BEAT,     /* I am here; to who is behind me in the ring */
	AGREE_KINDS
};

/* What an acknowledgement says besides the error. */
enum ack_note {
	ACK_PLAIN,
	ACK_ALONE, /* done here, but not passed on: serve the rest of the range yourself */
	ACK_NONE,  /* no member here: serve the rest of the range yourself */
};

static inline uint64_t agree_header(unsigned kind, unsigned aux, uint32_t sequence)
{
	return mon_header(MON_AGREE, kind << 1, aux, sequence);
}
static inline unsigned agree_kind(uint64_t header) { return mon_flags(header) >> 1; }

static inline uint64_t round_name(coreid_t coordinator, uint32_t number)
{
	return (uint64_t)coordinator << 32 | number;
}
static inline coreid_t round_coordinator(uint64_t id) { return (coreid_t)(id >> 32); }

static inline uint64_t route_pack(unsigned lo, unsigned hi, unsigned record)
{
	return lo | (uint64_t)hi << 16 | (uint64_t)record << 32;
}
static inline unsigned route_lo(uint64_t w) { return w & 0xffff; }
static inline unsigned route_hi(uint64_t w) { return (w >> 16) & 0xffff; }
static inline unsigned route_record(uint64_t w) { return (w >> 32) & 0xff; }
