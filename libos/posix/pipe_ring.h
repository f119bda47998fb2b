/*
 * Pipes in memory that their users share (libos/pipe/ring.h), from a user's side. Of a file_ninep whose `ring` is
 * set; a process joins those who use the memory when it first reads or writes. Functions return 0 or an errno value.
 */
#pragma once

#include "libos/posix/fd.h"

/* Some bytes, or the end; all, or what O_NONBLOCK has room for. EPIPE, EAGAIN, EINTR, EIO: the service has gone. */
int pipe_ring_read(struct open_file *f, void *to, size_t bytes, size_t *done);
int pipe_ring_write(struct open_file *f, const void *from, size_t bytes, size_t *done);
/* It is closed: gives back what it had of the memory, before the server hears of it. */
void pipe_ring_leave(struct open_file *f);
