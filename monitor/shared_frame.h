/*
 * Frames of this core's that other cores are to have capabilities to: links, broadcast rings, connections, boards.
 *
 * Such a frame is counted as shared and pinned, so that it stays this core's for as long as it is.
 */
#pragma once

#include "kernel/abi/cap.h"

/* A frame of 1 << bits bytes. On an error nothing is left of it. */
err_t shared_frame_make(unsigned bits, cptr_t *frame, paddr_t *base);
/* The same, mapped here for reading and writing. */
err_t shared_frame_make_here(unsigned bits, cptr_t *frame, paddr_t *base, vaddr_t *here);
/* Once no other core has it any more; processes of this one may still. */
void shared_frame_free(cptr_t frame);
