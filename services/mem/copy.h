/*
 * The file system's whole state as records, and from records: what a new mirror begins with (libos/ninep/log.h).
 *
 * Names and files go first, then the clients, who have them open; then come requests.
 */
#pragma once

#include "libos/ninep/log.h"
#include "services/mem/memfs.h"

/*
 * A record of what was stored into a file's memory: result: the fid by which the file is told, which block; payload:
 * its bytes. Without a payload: the file was changed at that time.
 */
#define MEM_RECORD_STORE (NINEP_RECORD_SERVICE + 32)

struct mem_known; /* an inode by its number in the other's records */

struct mem_copy {
	struct memfs *fs;
	struct ninep_replay replay;
	void (*clock)(struct mem_time t); /* what the file system's clock is to say */
	struct mem_known *known;          /* while the state comes, by number */
	uint32_t known_count, known_room;
	uint64_t numbers; /* of inodes there were so far */
	uint64_t quota;   /* of the other; here what it had room for is never refused */
	bool whole;       /* it has all come: what follows are requests */
};

/* Tells everything: the files of `fs`, which `s` serves, and the clients of `s`. */
void mem_copy_save(struct ninep_server *s, const struct memfs *fs);
/* A mirror that knows nothing yet: `fs` is new, and `s` serves it. */
void mem_copy_init(struct mem_copy *c, struct ninep_server *s, struct memfs *fs, void (*clock)(struct mem_time t));
/* A record has come. An error: this is no mirror any more, for want of memory or since something else came of it. */
unsigned mem_copy_take(struct mem_copy *c, const struct ninep_record *r, const void *message, const void *payload);
