/*
 * What a fork's child gets of its parent's memory, behind the text that it inherits: fork.c.
 *
 * On its parent's core it shares that, and asks the monitor for it; else it is copied over a channel.
 */
#pragma once

#include "libos/fabric/fabric.h"
#include "libos/posix/inherit.h"

/* Do they share it: who has the text, its writer or its reader, and that other one? */
bool fork_shares(const struct inherit *text, uint64_t other);
/* The parent's side: the child, of `heap` chunks, has copied what it copies when it returns. */
err_t fork_share_give(const struct inherit *text, const struct program *child, uint32_t heap);
err_t fork_copy_send(const struct inherit *text, struct channel *c);
/* The child's: all but the stack is where it belongs then. Without a channel it shares. */
err_t fork_receive(struct channel *c, const struct inherit *text);
/*
 * A bit for each page of the program's zeroed variables, the first FORK_WRITTEN * 64 of them: was it written to? The
 * parent says so, in a variable of the program; the others count as if they were.
 */
#define FORK_WRITTEN 16
extern uint64_t fork_written[FORK_WRITTEN];
/* The child goes on where its parent was. */
void fork_go_on(void) __attribute__((noreturn));
