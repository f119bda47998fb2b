/*
 * What the files of capabilities' work share: caps.c (processes, requests, what was promised) and caps_acts.c (what
 * processes do).
 */
#pragma once

#include "kernel/abi/dispatcher.h"
#include "kernel/abi/syscall.h"
#include "libos/core/monitor_proto.h"
#include "tools/sim/caps.h"

#define SLOT_FIRST 64u
#define SLOT_END 224u
#define SLOTS 256u
#define ANY UINT32_MAX /* types */
#define PAGES 32       /* of the space that frames are mapped in */

/* A process has one on each of its cores. */
struct member {
	coreid_t core;
	uint32_t process;
	unsigned belongs;      /* index of the process */
	bool busy[SLOTS];      /* a request names it */
	uint8_t mapped[SLOTS]; /* which page a frame was mapped as last */
};

/* A request to a monitor that is not answered yet. */
struct asked {
	unsigned op; /* enum mon_op; 0: none */
	struct member *by, *other;
	struct member *receiver; /* MON_CAP_SEND */
	unsigned slot, other_slot;
	coreid_t target;  /* MON_SPAN */
	cycles_t time;    /* when */
	uint64_t index;   /* MON_ROOT_SLOT; MON_WALK: is the answer judged? */
	unsigned revokes; /* when it was asked */
	uint64_t rights;  /* that the result may have at most */
	struct island_cap object;
};

extern struct caps_figures caps_done;
extern unsigned caps_revokes; /* that have begun, and other ends of more than one capability */

/* What the process does by itself. */
err_t caps_invoke(const struct member *m, unsigned slot, uint64_t op, uint64_t a0, uint64_t a1);
/* What is in a slot; false: nothing. */
bool caps_look(const struct member *m, unsigned slot, struct island_cap *out);
/* Does it live? */
bool caps_usable(const struct member *m);
/* A member; another of the same process; one of any. NULL: none that lives. */
struct member *member_draw(void);
struct member *member_draw_other(const struct member *m);
/* One of another process on the same core. */
struct member *member_draw_here(const struct member *m);
/* A slot that no request names, and that has something of these types (0: nothing) in it. 0: none was found. */
unsigned slot_draw(const struct member *m, unsigned types, struct island_cap *out);
/* Asks the member's monitor, about what is in the slot; of another member, too, whose slot the answer is about. */
struct asked *caps_ask(unsigned op, struct member *by, unsigned slot, const struct island_cap *object,
		       const uint64_t word[4]);
void caps_ask_other(struct asked *a, struct member *other, unsigned slot, uint64_t rights);
