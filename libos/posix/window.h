/*
 * Files that are read or written often are so in the server's memory, without a message: windows.
 *
 * A window is an open file's: its head, and those of its frames in which reads came often. It is seen at once what
 * others write, also that the file has become longer or shorter; what a window does not have is asked for by messages,
 * as is all when the server has taken its memory away. The server hears nothing of such a read, so the time of the last
 * one is not kept; of writes it finds a mark (libos/ninep/head.h). Offsets that are shared are the server's: such reads
 * and writes go there. While the server has a mirror writes do, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct open_file;
struct ninep_attr;

/* Has it been read so, and how much? False: by a message, then. The file is a real one of a server (file_ninep). */
bool window_read(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done);
/* Has it been written so? All of it, then. */
bool window_write(struct open_file *f, const void *from, size_t bytes, uint64_t offset);
/* Has it a head, then? It gets one if it can. Not with the lock of its server. */
bool window_head(struct open_file *f);
/* `names` of its head; false: it has none, or not any more. */
bool window_names(struct open_file *f, uint64_t *names);
/* What is told of it there; false: it is to be asked for. Not with the lock of its server. */
bool window_attr(struct open_file *f, struct ninep_attr *out);
/* The file is closed. */
void window_close(struct open_file *f);

/* For other pages that servers lend: what `look` finds at `at`; false: that page has gone, or so says `look`. */
typedef bool window_look_fn(const void *at, void *out);
bool window_look(window_look_fn *look, const void *at, void *out);
/* Before the first of those, with the lock of a server. */
void window_guard(void);
