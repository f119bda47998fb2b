/*
 * Broadcast: one shared line that a coordinator writes and all others poll.
 *
 * On metal a coordinator has a page with a short ring of such lines, which the others map once they are
 * told where it is (monitor/broadcast.c).  Until all have it, or when there is none, a
 * round goes to each by itself.
 */
#pragma once

#include "monitor/agree/round.h"

/*
 * Publishes the request to all that are awaited. False: it cannot be said in this way now, and nobody was
 * told.
 */
bool broadcast_send(const struct round *r, const struct mon_message *m);
/* A coordinator's page and the next number in it; AGREE_LINE_OK. */
bool broadcast_hear(coreid_t from, const struct mon_message *m);

/* engine.c: a line that all could read. */
void agree_overhear(coreid_t from, const struct mon_message *m);
