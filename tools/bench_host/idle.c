/*
 * What a receiver pays to look once at all its channels when none has anything:
 * one line each, or the one line of a hint board however many there are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/fabric/hosted/hosted.h"
#include "tools/bench_host/bench_host.h"

#define LOOKS 200
#define IDLE_MAX 64

static struct hosted_world world;
static struct fabric_hosted party;
static struct channel channels[IDLE_MAX];
static struct hint_board shared;
static struct wait_board board;
static struct wait_set set;

static void nothing(struct channel *c) { (void)c; }
static const struct channel_ops idle_ops = CHANNEL_URPC_OPS(nothing);

/* A set of `count` channels, with hints or without; their frames are the pool's from `frame` on. */
static void set_make(char *frame, unsigned count, bool hints)
{
	static bool made;

	if (made)
		wait_set_destroy(&set);
	else
		hosted_world_init(&world);
	made = true;
	hosted_join(&party, &world);
	if (wait_set_init(&set, &party.fabric))
		exit(1);
	memset(&shared, 0, sizeof(shared));
	wait_board_init(&board, &shared);
	wait_set_use_board(&set, hints ? &board : NULL);
	for (unsigned i = 0; i < count; i++) {
		struct channel *c = &channels[i];

		*c = (struct channel){ .ops = &idle_ops, .fabric = &party.fabric };
		memset(frame + (i << URPC_FRAME_BITS), 0, SIZE_OF_BITS(URPC_FRAME_BITS));
		if (urpc_init(&c->urpc, frame + (i << URPC_FRAME_BITS), SIZE_OF_BITS(URPC_FRAME_BITS), 0))
			exit(1);
		if (hints)
			wait_board_number(&board, c);
		wait_set_add(&set, c);
	}
	wait_set_poll(&set); /* what was added may have something: not counted */
}

static void look(long rounds)
{
	while (rounds--)
		if (wait_set_poll(&set)) {
			fprintf(stderr, "bench-host: an idle channel had a message\n");
			exit(1);
		}
}

#define IDLE(n)                                                           \
	static void reset_##n(char *frame) { set_make(frame, n, false); } \
	static void reset_hint_##n(char *frame) { set_make(frame, n, true); }
IDLE(0)
IDLE(1)
IDLE(4)
IDLE(16)
IDLE(64)

#define ROW(n)                                                                      \
	{ "poll_idle_" #n, "look", 1, LOOKS, reset_##n, look, NULL, NULL },         \
	{                                                                           \
		"poll_hint_" #n, "look", 1, LOOKS, reset_hint_##n, look, NULL, NULL \
	}

const struct measure idle_measures[] = { ROW(0), ROW(1), ROW(4), ROW(16), ROW(64), { 0 } };
