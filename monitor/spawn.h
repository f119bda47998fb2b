/*
 * Between spawn.c and member_make.c: the parts of a process that are made alike for its
 * first member and for one on another core.
 */
#pragma once

#include "monitor/archive.h"
#include "monitor/monitor.h"
#include "monitor/plan.h"

#define DISP_PAGES (SIZE_OF_BITS(DISPATCHER_FRAME_BITS) / PAGE_SIZE)

/* A program out of a frame, while it is loaded: programs.c. */
struct program_file {
	cptr_t slot;    /* of the monitor's own */
	uint64_t bytes; /* of the frame */
	bool held;
	const uint8_t *head; /* a copy of its first page */
};

struct spawn {
	struct process *p;
	const struct archive_entry *entry; /* NULL: `file` */
	struct program_file file;
	struct elf_image elf;
	struct plan plan;
	cptr_t next;   /* free slot of the process's task cnode */
	cptr_t tables; /* first PTABLE1 there */
	cptr_t image;  /* frame there */
	vaddr_t data;  /* the last of the segments in it, and its first page there */
	uint64_t data_page;
};

/* A slot of the process's space; of the monitor's. */
static inline cptr_t theirs(const struct spawn *s, cptr_t slot) { return process_cap(s->p, slot); }
static inline cptr_t ours(const struct spawn *s, unsigned slot) { return s->p->slots + slot; }

/* Objects of the process's block, at an offset of the plan's. */
err_t spawn_object(const struct spawn *s, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t to);
/* The cnodes and what lies in the first, but for the next. */
err_t spawn_cspace(struct spawn *s);
/* The dispatcher, its endpoint 0, and the way to us. */
err_t spawn_dispatcher(struct spawn *s);
/* The page tables; their slots are the next free ones. */
err_t spawn_tables(struct spawn *s);
/* The dispatcher frame, mapped in the process. */
err_t spawn_disp_frame(struct spawn *s);
/* Maps `count` pages, all in one table, of the frame at `cap` from its page `first` on. */
err_t spawn_map(const struct spawn *s, cptr_t cap, vaddr_t va, unsigned count, uint64_t first, unsigned flags);
/*
 * Pages of a frame of the monitor's, from the window's lower or upper half on (SPAWN_WINDOW pages each; 512 if there is
 * one frame only), till frame_unmap.
 */
#define SPAWN_WINDOW 240
err_t spawn_window(cptr_t frame, unsigned half, uint64_t first, unsigned pages, unsigned flags, void **at);
/* Contents of segments, from the frame into the image. */
err_t program_fill(struct spawn *s);
/* The program of that number that this process has sent: its head is there then. ERR_NOT_FOUND. */
err_t program_open(uint32_t number, uint64_t owner, struct program_file *f);
void program_close(struct program_file *f);
/* The dispatcher page, in the window, till spawn_page_done. */
struct dispatcher_page *spawn_page(struct spawn *s, err_t *err);
void spawn_page_done(struct spawn *s);
/* What spawn knew of a process of this core that it has made. ERR_NOT_FOUND: it is not out of the archive. */
err_t spawn_again(struct spawn *s, struct process *p);
/* What it mapped out of the archive by the capability in `slot`: from page `first` of the archive on. */
struct spawn_piece {
	cptr_t slot, table; /* of the process's own */
	vaddr_t va;
	uint64_t first;
	unsigned pages, flags;
};
/* The piece that an address is in; false: it is in none. After spawn_again. */
bool spawn_piece_find(struct spawn *s, vaddr_t va, struct spawn_piece *out);
/* All that the dispatcher needs to run. */
err_t spawn_setup(struct spawn *s);
