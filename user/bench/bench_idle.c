/*
 * What a receiver pays to look once at all its channels when none has anything:
 * a line of each channel, or the one line of a hint board however many there are.
 *
 * The channels have both ends in this process; nobody sends.
 */
#include <string.h>

#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOKS 100
#define IDLE_MAX 64

struct idle {
	struct channel channels[IDLE_MAX];
	struct wait_set set;
	struct wait_board board;
	struct hint_board shared;
	cptr_t frame;
	vaddr_t va;
};

static void nothing(struct channel *c) { (void)c; }
static const struct channel_ops idle_ops = CHANNEL_URPC_OPS(nothing);

static unsigned frames_bits(unsigned count)
{
	unsigned bits = URPC_FRAME_BITS;
	while (SIZE_OF_BITS(bits) < (uint64_t)count << URPC_FRAME_BITS)
		bits++;
	return bits;
}

static err_t channels_add(struct idle *s, struct fabric *f, unsigned count, bool hints)
{
	err_t error = ERR_OK;
	for (unsigned i = 0; i < count && !error; i++) {
		struct channel *c = &s->channels[i];
		*c = (struct channel){ .ops = &idle_ops, .fabric = f };
		error = urpc_init(&c->urpc, (void *)(s->va + ((uint64_t)i << URPC_FRAME_BITS)),
				  SIZE_OF_BITS(URPC_FRAME_BITS), 0);
		if (hints)
			wait_board_number(&s->board, c);
		wait_set_add(&s->set, c);
	}
	wait_set_poll(&s->set); /* what was added may have something: not counted */
	return error;
}

static err_t idle_open(struct idle *s, unsigned count, bool hints)
{
	struct fabric *f;
	err_t error = fabric_metal(&f);
	if (!error)
		error = wait_set_init(&s->set, f);
	if (error)
		return error;
	memset(&s->shared, 0, sizeof s->shared);
	wait_board_init(&s->board, &s->shared);
	if (hints)
		wait_set_use_board(&s->set, &s->board);
	error = frame_alloc_map(frames_bits(count), &s->frame, &s->va);
	return error ? error : channels_add(s, f, count, hints);
}

static void idle_close(struct idle *s)
{
	wait_set_destroy(&s->set);
	vspace_unmap(s->va);
	ram_free(s->frame);
}

static err_t measure(const struct measure *m, unsigned count, bool hints)
{
	static struct idle s;
	double values[SAMPLES];
	err_t error = idle_open(&s, count, hints);
	if (error)
		return error;
	BENCH_SAMPLES(values, SAMPLES, LOOKS, if (wait_set_poll(&s.set)) return ERR_MESSAGE);
	idle_close(&s);
	report_samples(m, m->name, 1, values, SAMPLES);
	return ERR_OK;
}

#define IDLE(n)                                                                                 \
	static err_t measure_idle_##n(const struct measure *m) { return measure(m, n, false); } \
	static err_t measure_hint_##n(const struct measure *m) { return measure(m, n, true); }
IDLE(0)
IDLE(1)
IDLE(4)
IDLE(16)
IDLE(64)

#define ROW(n)                                                                                                  \
	{ "poll_idle_" #n, "look at " #n " idle channels, a line of each", "look", 0, 1, measure_idle_##n },    \
	{                                                                                                       \
		"poll_hint_" #n, "look at " #n " idle channels by a hint board", "look", 0, 1, measure_hint_##n \
	}

const struct measure idle_measures[] = { ROW(0), ROW(1), ROW(4), ROW(16), ROW(64), { 0 } };
