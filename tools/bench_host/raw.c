/*
 * What the machine itself needs: a cache line there and back, written by both; two
 * lines, each written by one, which is the least that a request and its answer
 * need; and a pipe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/bench_host/bench_host.h"

#define LINE_ROUNDS 500
#define PIPE_ROUNDS 50

static uint32_t *one, *ping, *pong;

/* A line of either ring, another one each time. */
static void lines_reset(char *frame)
{
	struct urpc_inbox *inbox = (struct urpc_inbox *)frame;
	static unsigned turn;

	turn = (turn + 1) % URPC_LINES;
	one = ping = &inbox[0].ring[turn].sequence;
	pong = &inbox[1].ring[turn].sequence;
	mem_store32(ping, 0);
	mem_store32(pong, 0);
}

static void await(const uint32_t *line, uint32_t value)
{
	while (mem_load32_acquire(line) != value)
		cpu_pause();
}

static void one_here(long rounds)
{
	for (uint32_t i = 1; i <= 2 * (uint32_t)rounds; i += 2) {
		mem_store32_release(one, i);
		await(one, i + 1);
	}
}

static void one_there(long rounds)
{
	for (uint32_t i = 1; i <= 2 * (uint32_t)rounds; i += 2) {
		await(one, i);
		mem_store32_release(one, i + 1);
	}
}

static void two_here(long rounds)
{
	for (uint32_t i = 1; i <= (uint32_t)rounds; i++) {
		mem_store32_release(ping, i);
		await(pong, i);
	}
}

static void two_there(long rounds)
{
	for (uint32_t i = 1; i <= (uint32_t)rounds; i++) {
		await(ping, i);
		mem_store32_release(pong, i);
	}
}

static int to[2], from[2];

static void pipe_reset(char *frame)
{
	(void)frame;
	if (!to[1] && (pipe(to) || pipe(from))) {
		perror("pipe");
		exit(1);
	}
}

static void pipe_move(int in, int out)
{
	char line[CACHE_LINE] = { 0 };

	if ((in >= 0 && read(in, line, sizeof(line)) != sizeof(line)) ||
	    (out >= 0 && write(out, line, sizeof(line)) != sizeof(line))) {
		perror("pipe");
		exit(1);
	}
}

static void pipe_here(long rounds)
{
	while (rounds--) {
		pipe_move(-1, to[1]);
		pipe_move(from[0], -1);
	}
}

static void pipe_there(long rounds)
{
	while (rounds--)
		pipe_move(to[0], from[1]);
}

const struct measure raw_measures[] = {
	{ "raw_one_line_rt", "round trip", 2, LINE_ROUNDS, lines_reset, one_here, one_there, NULL },
	{ "raw_two_lines_rt", "round trip", 2, LINE_ROUNDS, lines_reset, two_here, two_there, NULL },
	{ "pipe_rt", "round trip", 2, PIPE_ROUNDS, pipe_reset, pipe_here, pipe_there, NULL },
	{ 0 },
};
