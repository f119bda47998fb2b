/*
 * A file system in memory: inodes, directories, contents, locks. No system calls, no 9P messages: what
 * calls it is tree.c, and the tests on the host.
 *
 * All memory that it takes is counted (mem_take, mem_give) against a quota; used up is ENOSPC. Every
 * operation checks, takes what it needs, and then changes without failing. An inode lives as long as a
 * directory names it or somebody holds it (a fid). Functions return 0 or an error of libos/ninep/error.h.
 */
#pragma once

#include "libos/ninep/server.h"
#include "services/mem/frame.h"

#define MEM_BLOCK 4096u
#define MEM_FILE_MAX (UINT64_C(1) << 47) /* bytes; longer is EFBIG */
#define MEM_LINKS_MAX 65000u             /* names of a file, directories in a directory; then EMLINK */

struct memfs;
struct mem_entry;
struct mem_lock;
struct mem_wait;
struct mem_extents;
struct pipe;

struct mem_time {
	uint64_t seconds, nanoseconds;
};

/* The bytes of a file: blocks, below tables of pointers `height` high; what is not there is zeroes. */
struct mem_data {
	void *root;
	uint64_t size, blocks;
	unsigned height;
	struct mem_extents *extents; /* extent.h; NULL: nobody has mapped it */
};

struct mem_slot {
	uint64_t serial;
	struct mem_entry *entry; /* NULL: it was removed */
};

/* Names by hash, and in the order in which they came. */
struct mem_directory {
	struct mem_inode *parent; /* of the root itself */
	struct mem_entry **bucket;
	struct mem_slot *slot;
	uint32_t buckets, count, slots, room;
	uint64_t serial; /* of the last one that came */
};

struct mem_inode {
	struct memfs *fs;
	struct mem_inode *next, *before; /* by number, all that there are */
	uint64_t number, rdev;
	uint32_t mode, uid, gid, links, holds;
	uint32_t version; /* never 0 */
	struct mem_time atime, mtime, ctime;
	struct mem_lock *locks;
	struct mem_wait *waits; /* for locks, oldest first */
	union {
		struct mem_data data;
		struct mem_directory dir;
		struct {
			char *target;
			uint32_t length;
		} link;
		struct pipe *pipe; /* of a FIFO that is open */
	};
};

struct memfs {
	uint64_t quota, used; /* bytes */
	uint64_t framed;      /* of them, in frames */
	uint64_t inodes, numbers;
	bool stores;           /* clients may, in frames: extent.h */
	struct mem_frame tree; /* its head: libos/ninep/head.h */
	struct mem_time (*now)(void);
	struct mem_inode *root;
	struct mem_inode *first, *last; /* of all */
};

/* ENOMEM: not even the root. */
unsigned memfs_init(struct memfs *fs, uint64_t quota, struct mem_time (*now)(void));
/* Everything goes; nobody holds anything any more. */
void memfs_destroy(struct memfs *fs);

/* --- memory: zeroed; NULL: the quota or the heap is used up --------------------------------------- */

void *mem_take(struct memfs *fs, uint64_t bytes);
void mem_give(struct memfs *fs, void *at, uint64_t bytes);

/* --- inodes ------------------------------------------------------------------------------------------ */

static inline uint32_t mem_format(const struct mem_inode *i) { return i->mode & NINEP_FORMAT; }
static inline bool mem_is_dir(const struct mem_inode *i) { return mem_format(i) == NINEP_DIR; }

/* Without a name yet; NULL: no memory. A link's target is copied. */
struct mem_inode *mem_inode_new(struct memfs *fs, const struct ninep_creation *what, uint32_t uid);
void mem_hold(struct mem_inode *i);
/* The last one frees a file without names. */
void mem_drop(struct mem_inode *i);
/* Frees it if nobody has it any more. */
void mem_inode_settle(struct mem_inode *i);
/* It was changed: its contents too, or only what is told of it. */
void mem_touch(struct mem_inode *i, bool contents);
void mem_attr(const struct mem_inode *i, struct ninep_attr *a);
/* EISDIR, EINVAL: the size of what is no file. EFBIG. */
unsigned mem_setattr(struct mem_inode *i, uint32_t valid, const struct ninep_attr *a);

/* --- contents of files -------------------------------------------------------------------------------- */

/* Up to the end: how many bytes. */
uint32_t mem_read(struct mem_inode *i, uint64_t offset, void *into, uint32_t count);
/* *count becomes how many were written, if some; else ENOSPC, EFBIG. */
unsigned mem_write(struct mem_inode *i, uint64_t offset, const void *from, uint32_t *count);
/* Longer by zeroes that take no memory, or shorter. */
unsigned mem_truncate(struct mem_inode *i, uint64_t size);

/* The first block at or after number *index, which becomes its own. NULL: there is none. */
const void *mem_block_next(const struct mem_inode *i, uint64_t *index);
/* Fills that block, up to the file's end. ENOSPC. */
unsigned mem_block_set(struct mem_inode *i, uint64_t index, const void *bytes);

/* --- directories ---------------------------------------------------------------------------------------- */

/* ENOENT: also in a directory that was removed. */
unsigned mem_lookup(struct mem_inode *dir, struct ninep_text name, struct mem_inode **out);
/* The first entry from serial *index on; *index becomes its own. `name` has NINEP_NAME_MAX + 1 bytes. */
unsigned mem_next(const struct mem_inode *dir, uint64_t *index, struct mem_inode **out, char *name);
unsigned mem_create(struct mem_inode *dir, const struct ninep_creation *what, uint32_t uid, struct mem_inode **out);
unsigned mem_link(struct mem_inode *dir, struct ninep_text name, struct mem_inode *i);
unsigned mem_remove(struct mem_inode *dir, struct ninep_text name, bool directory);
unsigned mem_rename(struct mem_inode *dir, struct ninep_text name, struct mem_inode *newdir, struct ninep_text newname);

/* For those: the table of names. An entry's memory is taken before anything is changed. */
struct mem_entry *mem_entry_find(const struct mem_inode *dir, struct ninep_text name);
/* Room for one more name: NULL: no memory. To be added, or given up. */
struct mem_entry *mem_entry_prepare(struct mem_inode *dir, struct ninep_text name);
void mem_entry_give(struct mem_inode *dir, struct mem_entry *e);
void mem_entry_add(struct mem_inode *dir, struct mem_entry *e, struct mem_inode *i);
void mem_entry_remove(struct mem_inode *dir, struct mem_entry *e);
struct mem_inode *mem_entry_inode(const struct mem_entry *e);
void mem_entry_set(struct mem_entry *e, struct mem_inode *i);
/* All memory of a directory without names. */
void mem_directory_free(struct mem_inode *dir);

/* A name as it was in another directory, after all those with lower serials. ENOSPC. */
unsigned mem_entry_load(struct mem_inode *dir, struct ninep_text name, uint64_t serial, struct mem_inode *i);

/* --- locks of byte ranges ----------------------------------------------------------------------------- */

/* Who has a lock: a client's number (0: everybody's) and what it calls itself. */
struct mem_owner {
	uint64_t client;
	uint32_t proc_id;
};

/* EAGAIN: another has it. ENOLCK: no memory. Unlocking lets those go on that wait. */
unsigned mem_lock(struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l);
/* What would keep `l` from being taken takes its place; else its type becomes NINEP_LOCK_NONE. */
void mem_getlock(const struct mem_inode *i, struct mem_owner who, struct ninep_lock *l);
/* All of that client go. */
void mem_unlock_client(struct mem_inode *i, uint64_t client);
/* Tells all, the oldest first. */
void mem_locks_tell(const struct mem_inode *i,
		    void (*tell)(void *arg, struct mem_owner who, const struct ninep_lock *l), void *arg);
/*
 * To be tried again, in turn, whenever a lock goes. `done` is told the result, unless mem_wait_cancel was called
 * before. NULL: no memory.
 */
struct mem_wait *mem_wait(struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l,
			  void (*done)(void *arg, unsigned error), void *arg);
void mem_wait_cancel(struct mem_inode *i, struct mem_wait *w);
