/* Memory that a server lends to those who have its files open: capabilities that come over the server's channel. */
#pragma once

#include "kernel/abi/cap.h"
#include "libos/ninep/client.h"

struct open_file;

/* A capability that the server has sent, in a slot of its own. On the fabric's core, as all of this. */
err_t cap_of_peer_take(struct ninep_client *c, uint64_t ticket, cptr_t *out);
/* Who made it may have died, and it with him. */
void cap_of_peer_drop(cptr_t cap);
/* Is it still there? */
bool cap_of_peer_there(cptr_t cap);
/*
 * Between file_enter and file_leave: the frame that has the file's byte at `offset`, by NINEP_MAP_*; 0: that is behind
 * the end. An errno value; EOPNOTSUPP: the file's server gives none.
 */
int file_memory(const struct open_file *f, struct ninep_client *c, uint64_t offset, uint32_t how, cptr_t *frame,
		uint64_t *size);
/* Likewise, by a fid of that client's server: within. */
int fid_memory(struct ninep_client *c, uint32_t fid, uint64_t offset, uint32_t how, cptr_t *frame, uint64_t *size);
/* What was lent (0: nothing was), by MAP_*; NULL: it is not mapped, and given back. */
void *lent_map(cptr_t frame, unsigned bits, uint8_t access);
void lent_unmap(const void *at, cptr_t frame);
