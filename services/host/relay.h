/*
 * Many clients' requests on one session with a 9P server that is reached over a link.
 *
 * A client's messages go on with other tags and fids, and come back with its own. Portable: the link is whoever's
 * (the device's, in the tests a stream's). One thread at a time; nothing in here waits but relay_begin.
 *
 * Payloads are copied once, between the client's buffer and the link's memory: the client may die while a
 * device that masters the bus still writes.
 */
#pragma once

#include "libos/ninep/client.h"

/* Of clients, to serve by: struct ninep_server.relay. */
extern const struct ninep_relay relay_clients;

unsigned relay_begin(const struct ninep_link *l);
/*
 * Takes the answers that have come, and sees who has waited too long; `now` and what is returned (when to come
 * again at the latest; 0: nothing is under way) are in ticks, of which a second has `hz`.
 */
cycles_t relay_turn(cycles_t now, uint64_t hz);
/* The link has ended and everybody has been told, or too many requests were never answered. */
bool relay_ended(void);
/* A request that got no answer in time since the last call: its name; NULL: none. */
const char *relay_late(void);
