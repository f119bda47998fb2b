/*
 * Files' own memory at addresses: MAP_SHARED where the server gives its frames (Tmap).
 *
 * A mapping lies over pages of a region (region.h) that have no memory there. It is in pieces, one for each frame of
 * the server's, which come when they are touched, and again when the server has taken them away: since it
 * died, and its heir has others, or since the file has become shorter. What is touched behind the file's last page is
 * SIGBUS.
 *
 * Functions that are not said to be otherwise are called with mapping_lock, and return 0 or an errno value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/types.h"
#include "libos/thread/thread.h"

struct open_file;

/* mmap's, too. While it is held nothing that is mapped here is touched. */
extern struct mutex mapping_lock;

/* EOPNOTSUPP: its server gives no frames. The file is held. */
int mapping_add(struct open_file *f, vaddr_t va, uint64_t bytes, uint64_t offset, uint8_t access);
/* Of that range nothing is mapped any more; what was stored there is safe. ENOMEM: nothing has been done. */
int mapping_cut(vaddr_t va, uint64_t bytes);
/* Other access for what is mapped of a range. EACCES: the file is not open to be written. */
int mapping_access(vaddr_t va, uint64_t bytes, uint8_t access);
/* What was stored there is as safe as what is written. */
int mapping_settle(vaddr_t va, uint64_t bytes);
/* For a fork's child: what is mapped, in a section of its own; nothing if there is nothing. */
struct inherit;
void mapping_pack(struct inherit *i);
/* In the child, without the lock: maps the same at the same addresses, in regions that are made for it if need be. */
int mapping_unpack(const char *text, size_t bytes);
/* There is no child: what the text has is nobody's. */
void mapping_pack_undo(const char *text, size_t bytes);

/* mapping.c's own: the n-th one that there is; false: there are not as many. */
struct mapping_range {
	struct open_file *file;
	vaddr_t va;
	uint64_t bytes, offset;
	uint8_t access;
};
bool mapping_get(unsigned n, struct mapping_range *out);
/* As mapping_add, of what is known to have frames: they come when they are touched. */
int mapping_again(const struct mapping_range *what);
/* The first part of [va, end) that is mapped: from *from on to *to; false: none is. */
bool mapping_next(vaddr_t va, vaddr_t end, vaddr_t *from, vaddr_t *to);
