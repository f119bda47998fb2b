/*
 * What a fork's child gets of its parent's memory, over the channel that it inherits by: fork.c.
 */
#pragma once

#include "libos/fabric/fabric.h"
#include "libos/posix/inherit.h"

/* The parent's side, behind the text. */
err_t fork_send(struct channel *c);
/* The child's: all but the stack is where it belongs then. */
err_t fork_receive(struct channel *c, const struct inherit *text);
/* The child goes on where its parent was. */
void fork_go_on(void) __attribute__((noreturn));
