/*
 * The thread that forks, and its twin in the child: at the same address, with the same stack, and the only one there.
 *
 * The child starts on a first thread like any process. When another one has forked, its stack and control block
 * are made where they were in the parent, and the first thread is forgotten.
 */
#pragma once

#include "libos/posix/fork_memory.h"
#include "libos/posix/inherit.h"
#include "libos/posix/pthread_self.h"

/* One thread at a time forks; in the child nobody holds it. */
extern struct mutex fork_lock;

/* Of the calling thread, to a section of the text. */
void fork_thread_pack(struct inherit *i);
/*
 * What the text says, to its reader or its writer: the thread's stack, as far as it was in use above the caller of
 * fork_thread_pack, and its thread-local storage, but nothing of another stack that it may have been on: that is
 * somewhere in the program's memory. ERR_MESSAGE.
 */
err_t fork_thread_stack(const struct inherit *text, struct fork_part *stack);
/* ... and whether the process spanned cores. */
bool fork_thread_spans(const struct inherit *text);
/* The child's side: makes it, all but its stack's contents. ERR_MESSAGE, ERR_NO_MEMORY. */
err_t fork_thread_make(const struct inherit *text);
/* Its control block, and the lowest address of its stack. */
struct thread *fork_thread(vaddr_t *low);
/* Enters disabled mode; the calling thread is that one from now on, and is still to go to its stack. */
void fork_thread_become(void);
