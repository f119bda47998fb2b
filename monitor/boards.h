/*
 * Hint boards: memory of a server's that its clients on other cores write.
 *
 * A board is one page.  The monitor of the server's core owns it and counts it as
 * shared (CAP_FLAG_REMOTE); the monitor of a client's core has one foreign
 * capability to it for all clients of that core.  Connections use boards: at a
 * client's core the last use that ends takes the board from every process there;
 * the owner frees it when the server has given it back and every connection that
 * used it is over at both sides.
 */
#pragma once

#include "monitor/connections.h"

#define BOARDS_MAX CONNECTIONS_MAX
#define BOARDS_OF_PROCESS 4

/* Serving side: our process, which owns board `id`, wants the client to hint there. ERR_ARGUMENT. */
err_t connection_board_lend(struct connection *c, uint32_t id, uint64_t hint);
/* Address of the board that the connection uses. */
uint64_t connection_board_base(const struct connection *c);
/* Connecting side: is the board at that address being taken from who had it? connections_board_again() follows. */
bool connection_board_leaves(uint64_t base);
/* Connecting side: gives our process the server's board. On failure the connection uses none. */
err_t connection_board_take(struct connection *c, uint64_t base, uint64_t hint);
/* Connecting side: our process is done with it. connection_left() follows if it was the last on this core. */
void connection_board_leave(struct connection *c);
/* Either side: the connection is over. */
void connection_board_drop(struct connection *c);
