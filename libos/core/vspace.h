/*
 * Address spaces: page tables, mappings, the heap, stacks.
 *
 * A struct vspace remembers the capabilities of the page tables that it made
 * (top-down, on demand) and of what is mapped where.  The process's own is
 * vspace_self; a spawner makes others with vspace_init.  The libOS's own areas
 * start at LIBOS_VA, in an entry of the root of their own: so a process needs
 * no capability to the tables that its spawner made below.
 *
 * Safe from any thread; may block, so not in disabled mode.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "kernel/abi/syscall.h"
#include "libos/core/local.h"
#include "libos/thread/thread.h"

#define LIBOS_VA UINT64_C(0x8000000000)
#define LIBOS_HEAP_VA LIBOS_VA                              /* 8 GiB */
#define LIBOS_STACKS_VA (LIBOS_VA + UINT64_C(0x1000000000)) /* 64 GiB on: stacks of threads */
#define LIBOS_AREA_VA (LIBOS_VA + UINT64_C(0x4000000000))   /* 256 GiB on: frames at an address of our choice */
#define LIBOS_AREA_BITS 36
#define LIBOS_REGIONS_VA (LIBOS_AREA_VA + UINT64_C(0x1000000000)) /* ... what a fork's child has where it was */

#define VSPACE_BUCKETS 64

struct vspace_node; /* a page table that we made, or a capability mapped in one table */

struct vspace {
	cptr_t root;
	struct mutex lock;
	struct vspace_node *tables[VSPACE_BUCKETS];
	struct vspace_node *mappings[VSPACE_BUCKETS];
};

/* The part of our own space that is this core's: its root, the capabilities to its tables. */
extern CORE_LOCAL struct vspace vspace_self;

/* --- one's own space --------------------------------------------------- */

/* Maps a whole frame of 1 << bits bytes wherever there is room. The frame's capability must not be mapped yet. */
err_t vspace_map_frame(cptr_t frame, unsigned bits, unsigned flags, vaddr_t *out);
/*
 * Maps `bytes` of the frame from `offset` on at `va` (all page aligned). A frame
 * that is mapped already is mapped through a copy.
 */
err_t vspace_map_at(vaddr_t va, cptr_t frame, uint64_t bytes, uint64_t offset, unsigned flags);
/*
 * Removes the mapping that begins at va; the frame stays the caller's. Addresses
 * that vspace_map_frame found are free again.
 */
err_t vspace_unmap(vaddr_t va);
/* Changes the access of [va, va + bytes) within one mapping. */
err_t vspace_protect(vaddr_t va, uint64_t bytes, unsigned flags);
/* Does a mapping begin at va? */
bool vspace_begins(vaddr_t va);
/* Addresses without memory: 1 << bits bytes, aligned to their size. */
err_t vspace_reserve(unsigned bits, vaddr_t *out);
void vspace_release(vaddr_t va, unsigned bits);
/*
 * The same, of a range of its own in which the libOS has nothing else; and such addresses as another process has. A
 * process that has given addresses back may not get them by claiming.
 */
err_t vspace_reserve_region(unsigned bits, vaddr_t *out);
err_t vspace_claim_region(vaddr_t va, unsigned bits);
/* A frame of zeroed memory of 1 << bits bytes; ram_free gives it back. */
err_t frame_alloc(unsigned bits, cptr_t *out);
/* Both at once, readable and writable; `frame` may be NULL. */
err_t frame_alloc_map(unsigned bits, cptr_t *frame, vaddr_t *out);

/* --- any space ------------------------------------------------------------ */

/* An empty space: `root` is a PTABLE4. Its tables come from ram_object. */
void vspace_init(struct vspace *v, cptr_t root);
/* As vspace_map_at, always through copies: so nothing of the other space clings to the caller's capability. */
err_t vspace_map_in(struct vspace *v, vaddr_t va, cptr_t frame, uint64_t bytes, uint64_t offset, unsigned flags);
err_t vspace_unmap_in(struct vspace *v, vaddr_t va);
/*
 * Gives up all that the struct holds: mappings are removed, its tables destroyed and
 * their memory taken back. Frames and the root stay the caller's.
 */
void vspace_destroy(struct vspace *v);

/* --- heap ------------------------------------------------------------------- */

/*
 * Moves the end of the heap; the former end, or 0 when out of addresses or memory.
 * Pages appear when they are touched.
 */
vaddr_t heap_extend(int64_t bytes);
/*
 * The heap begins with so many chunks whose memory somebody else brings; before anything is in it. So many of them
 * will have it as others do, when they are touched.
 */
void heap_begin(uint64_t chunks);
void heap_lacks(uint64_t chunks);
/* Chunks up to its end. */
uint64_t heap_chunks(void);
/* The memory of the n-th chunk, as far as the heap goes; false: none has come to it. */
bool heap_chunk(uint64_t n, vaddr_t *at, uint64_t *bytes);
/* Bytes of the heap that have memory. */
uint64_t heap_populated(void);
/* Is it an address in the heap that may be touched? */
bool heap_holds(vaddr_t va);
/* Brings memory to a heap address: 0, ERR_NO_MEMORY, or ERR_ARGUMENT outside the heap. */
err_t heap_populate(vaddr_t va);

/* --- stacks ------------------------------------------------------------------- */

#define STACK_BITS 16     /* bytes of a thread's stack; as many unmapped addresses lie below it */
#define STACK_BITS_MAX 23 /* of one that is asked for to be larger */

/* A stack of 1 << bits bytes with its guard; `top` is its upper end. ERR_ARGUMENT, ERR_NO_MEMORY. */
err_t stack_map(unsigned bits, vaddr_t *top);
/* The same at the addresses of a stack that another process has: its memory begins at `low`. */
err_t stack_map_again(uint64_t bits, vaddr_t low);
/* Places for stacks that have been taken; so many count as taken. */
uint64_t stack_places(void);
void stack_places_take(uint64_t places);
/* Does an address lie in a stack's guard? */
bool stack_guard_holds(vaddr_t va);
