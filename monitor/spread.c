/* Signals that many get: see spread.h. */
#include "monitor/spread.h"

#define BIT(signal) (UINT64_C(1) << (signal))
#define SIGNAL_BITS 8

static unsigned signal_of(uint32_t entry) { return entry % MON_SIGNALS; }

static uint32_t first(const struct spread *s) { return s->count > SPREAD_KEPT ? s->count - SPREAD_KEPT : 0; }

uint64_t signals_add(uint64_t held, unsigned signal)
{
	if (signal == MON_SIGNAL_CONTINUE)
		held &= ~MON_SIGNAL_STOPPERS;
	else if (MON_SIGNAL_STOPPERS & BIT(signal))
		held &= ~BIT(MON_SIGNAL_CONTINUE);
	return held | BIT(signal);
}

bool spread_had(const struct spread *s, uint32_t id)
{
	for (uint32_t i = first(s); i != s->count; i++)
		if (s->last[i % SPREAD_KEPT] >> SIGNAL_BITS == id)
			return true;
	return false;
}

bool spread_take(struct spread *s, uint32_t id, unsigned signal)
{
	if (spread_had(s, id))
		return false;
	s->last[s->count++ % SPREAD_KEPT] = id << SIGNAL_BITS | signal;
	return true;
}

uint64_t spread_join(struct spread *own, const struct spread *maker, uint32_t since)
{
	struct spread joined = *maker;
	uint64_t held = 0;

	for (uint32_t i = first(maker); i != maker->count; i++)
		if (i >= since)
			held = signals_add(held, signal_of(maker->last[i % SPREAD_KEPT]));
	for (uint32_t i = first(own); i != own->count; i++) {
		uint32_t entry = own->last[i % SPREAD_KEPT];

		if (spread_take(&joined, entry >> SIGNAL_BITS, signal_of(entry)))
			held = signals_add(held, signal_of(entry));
	}
	*own = joined;
	return held;
}

void spread_pack(const struct spread *s, uint64_t words[MON_PAYLOAD])
{
	words[0] = s->count;
	for (unsigned i = 0; i < SPREAD_KEPT / 2; i++)
		words[1 + i] = s->last[2 * i] | (uint64_t)s->last[2 * i + 1] << 32;
}

void spread_unpack(struct spread *s, const uint64_t words[MON_PAYLOAD])
{
	s->count = (uint32_t)words[0];
	for (unsigned i = 0; i < SPREAD_KEPT; i++)
		s->last[i] = (uint32_t)(words[1 + i / 2] >> 32 * (i % 2));
}
