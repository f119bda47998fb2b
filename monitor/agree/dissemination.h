/*
 * How the requests of a round reach those that a core is to ask, and the acknowledgements come back.
 *
 * Each member gets one request and sends one acknowledgement in each phase, whatever the
 * scheme.  A scheme says who asks whom and in which order:
 *
 *   broadcast   the coordinator writes one line that all members poll (broadcast.h)
 *   unicast     the coordinator asks each
 *   multicast   the tree of packages (tree.h)
 *   numa        the same tree, the farthest asked first, over links whose memory is near the asked
 */
#pragma once

#include "monitor/agree/round.h"

/* Splits ranges anew that were split before. */
void spread_forget(void);
/* Asks all in the range of r for the first time, with r->kind. */
void spread(struct round *r);
/* Tells those who were asked, or who serve in place of such a one that is gone, with r->kind. */
void spread_again(struct round *r);
/*
 * Notes the acknowledgement of the member at a place; false when none is awaited. When it was the last, the
 * round goes on.
 */
bool spread_answered(struct round *r, unsigned place, err_t err, unsigned lines);
/* The asked at `place` has answered for itself alone: the others in its range are asked by this core. */
void spread_pass_over(struct round *r, unsigned place);
/* The asked at `place` is gone and serves its range no more: the others in it are asked by this core. */
void spread_without(struct round *r, unsigned place);
/* Sends again what could not be sent. */
void spread_retry(struct round *r);
