/*
 * Files that programs map: bytes in frames.
 *
 * What somebody asks to map is gathered in extents, frames of 64 KiB at multiples of that in the file: the blocks of an
 * extent are pieces of its frame, and all that reads and writes blocks goes on as before. Where there was nothing,
 * there is zeroed memory then. A file has extents only before its end: when it becomes shorter those beyond it go, and
 * whoever has the one with its end loses that, for a page beyond the end is to be missed. Its head, a page to read,
 * says how long it is (libos/ninep/head.h).
 *
 * Who writes often stores in extents instead of asking us, and marks that. We look at the marks before we tell or
 * change what a file is like. It is in no log, so nobody does while there is a mirror: who has begun before it came
 * finds the head's sequence changed, and asks us after all.
 *
 * Memory is counted against the quota as all other is.
 */
#pragma once

#include "services/mem/frame.h"
#include "services/mem/memfs.h"

#define MEM_EXTENT_BITS 16
#define MEM_EXTENT (1u << MEM_EXTENT_BITS)
#define MEM_EXTENT_BLOCKS (MEM_EXTENT / MEM_BLOCK)

struct mem_extent {
	uint64_t index; /* in the file, in extents */
	struct mem_frame frame;
};

/* A fid by which somebody writes into the file's memory. */
struct mem_writer {
	struct mem_writer *next;
	const void *of; /* the connection */
	uint32_t fid;
};

struct mem_extents {
	struct mem_extent *at; /* by index */
	uint32_t count, room;
	struct mem_frame head, marks;
	struct mem_writer *writers;
};

/* The frame with the byte at `offset`, which is before the file's end; NULL: no memory. */
struct mem_frame *mem_extent_frame(struct mem_inode *i, uint64_t offset);
/* The file's head, for who reads it in memory. NULL: no memory, or so many files have theirs in frames. */
struct mem_frame *mem_head_frame(struct mem_inode *i);
/* What its users mark, who store in memory. NULL: no memory; or they may not. */
struct mem_frame *mem_marks_frame(struct mem_inode *i);
/* If something was stored, the file has been changed now. */
void mem_marks_take(struct mem_inode *i);
/* May they, from now on? What they store was done before this. */
void mem_stores_set(struct memfs *fs, bool may);
/* The head of all that there is. NULL: no memory. */
struct mem_frame *mem_tree_frame(struct memfs *fs);
/* The extent with that byte, or the first one after it; NULL: there is none. */
const struct mem_extent *mem_extent_from(const struct mem_inode *i, uint64_t offset);
/* From now on that fid may write. False: no memory. */
bool mem_writer_add(struct mem_inode *i, const void *of, uint32_t fid);
/* ... does no more; did it? */
bool mem_writer_remove(struct mem_inode *i, const void *of, uint32_t fid);

/* For data.c, of a file that has been mapped. */

/* The head says another size from now on. */
void mem_head_size(struct mem_inode *i, uint64_t size);
/* ... and that what led to the file may not do so any more, or not for all. */
void mem_head_names(struct mem_inode *i);
/* The same of all files. */
void mem_heads_names(const struct memfs *fs);
/* What is said of it, if it is a file, has changed. */
void mem_head_forget(const struct mem_inode *i);
/* ... is this. */
void mem_head_tell(const struct mem_inode *i, const struct ninep_attr *a);
/* A name has come, somewhere; all is to go. */
void mem_tree_came(const struct memfs *fs);
void mem_tree_free(struct memfs *fs);
/* Before the blocks beyond that size go: how many are to stay. To be followed by mem_extents_shrunk. */
uint64_t mem_extents_shrink(struct mem_inode *i, uint64_t size);
void mem_extents_shrunk(struct mem_inode *i);
/* Nothing of what was written behind the end, by who had it mapped, is there up to `to`. */
void mem_extents_clear(struct mem_inode *i, uint64_t to);
/* A file without blocks: all else goes. */
void mem_extents_free(struct mem_inode *i);
/* Where the pointer to that block is, with the tables to it; NULL: no memory. */
void **mem_block_slot(struct mem_inode *i, uint64_t index);
