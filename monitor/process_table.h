/*
 * The processes of one core, by number.
 *
 * Numbers count up from 1 and are never used again while a record of the former
 * bearer is kept.  A process that ended stays as a record (PROCESS_DEAD) with its
 * exit status until the record is needed, those that someone has asked for first; its memory
 * is gone by then.  Portable: knows nothing of capabilities but their addresses.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/monitor_proto.h"

#define PROCESS_MAX 256      /* records; a power of two */
#define PROCESS_KEPT 128     /* deaths that a record whose status nobody has asked for is kept longer than others */
#define TICKET_CHAINS 64     /* a power of two */
#define MEMBER_PEERS_BITS 15 /* block of what its members wake each other by */
#define MEMBER_CORES 256     /* cores that a process can span */
#define MEMBER_ROOTS 4       /* tables of top-level slots that members share, the image's not counted */

enum process_state { PROCESS_FREE, PROCESS_LIVE, PROCESS_ENDING, PROCESS_DEAD };

/* Who asked: a process of this core, or (number 0) the monitor of another. */
struct origin {
	coreid_t core;
	uint32_t number;
};
static inline bool origin_same(struct origin a, struct origin b) { return a.core == b.core && a.number == b.number; }

/* Memory that a process got after its start. */
struct extent {
	struct extent *next;
	cptr_t ram; /* the monitor's own copy */
	paddr_t base;
	uint32_t slot; /* where the process got it */
	uint8_t bits;
	uint8_t type;           /* of the object that it got: RAM, or a frame out of a region */
	uint16_t region;        /* 1 + index of that: monitor/regions.c; 0: it came from the monitor */
	struct process *ending; /* while it is being taken back: whose end waits for that, or NULL */
};

/* Who waits for its end. */
struct waiter {
	struct waiter *next;
	struct origin origin;
	uint32_t sequence;
};

struct process {
	uint32_t number;
	uint64_t pid;       /* core << 32 | number of its first member; of a process on one core, its own */
	uint8_t state;      /* enum process_state */
	uint8_t cause;      /* enum mon_cause, when dead */
	uint8_t block_bits; /* of the RAM block that it is made of */
	bool collected;     /* dead, and somebody has its status */
	bool stays;         /* is not moved: a service, or has the devices of its core */
	bool from_file;     /* its name is not one of the boot archive */
	bool service;       /* monitor 0 started it as a service, or a service its own program again */
	bool begun;         /* it has said with what: `beginning` */
	bool waits;         /* it has asked for the end of one of this core */
	bool watches;       /* it has asked to be told of the ends of others */
	uint32_t offered;   /* connections that it has not accepted yet */
	uint32_t exports;   /* names that it serves */
	uint32_t boards;    /* hint boards that it has */
	uint32_t mails;     /* lines of mail that it has got and not taken: mail.c */
	uint64_t status;
	uint64_t death;       /* how many had died when it had */
	uint64_t ticket;      /* of the request that started it; 0: none. Set by process_table_name */
	uint16_t ticket_next; /* 1 + index of the next in its chain; 0: none */
	uint32_t id;          /* the process service's number for it; 0: none */
	uint64_t maker;       /* pid of who hands it what it inherits; 0: nobody */
	/* Its memory that children share, while some do; what it shares of its parent's: heirs.h. */
	struct estate *estate, *above;
	bool heir_waits; /* for what its maker gives it; the request */
	uint32_t heir_sequence;
	bool awaited; /* some child waits, or has waited, for what it gives */
	/* Numbers, as POSIX has them; 0: none was said. */
	uint32_t group, session, parent;
	uint32_t beginning;
	bool stopped;  /* by a signal */
	uint8_t shown; /* ... which is told of; where `held` has MON_SIGNAL_STOP, which will be */
	uint64_t held; /* signals that came since, or for who is to take its place */
	/* monitor/succession.c; each a number, or 0 */
	uint32_t before;         /* whose place it is to take: till then it is not to be seen */
	uint32_t after;          /* who is to take its place */
	uint32_t place_sequence; /* of its request to be told when it has that */
	/* Somebody debugs it: monitor/debug.c. */
	struct {
		bool attached;
		bool trapped; /* it is stopped because of what follows */
		bool told;    /* ... which its libOS has told, and cannot go on after */
		uint8_t vector;
		uint64_t error, address, rip;
	} debug;
	/* Who asked that it go on on another core, and waits; number 0 and sequence 0: nobody. */
	uint32_t move_sequence;
	struct origin mover;
	bool moving;
	uint64_t alive_most; /* ticks that it may run without a word: alive.c; 0: for ever */
	uint64_t alive_at;   /* what it had run at the last */
	bool doubted;
	uint8_t doubts;                 /* of who asked whether it hangs */
	uint64_t watchers;              /* who is told of its end: monitor/watch.c */
	cptr_t block;                   /* that block */
	cptr_t slots;                   /* first of PROCESS_SLOTS slots of the monitor's for it */
	struct connection *connections; /* its sides: monitor/connection_table.c */
	struct extent *extents;
	uint64_t memory, memory_most; /* bytes in extents, and how many there may be; 0: no limit */
	struct waiter *waiters;
	uint32_t out_count;
	struct outgoing *out_head, *out_tail; /* messages that its endpoint had no room for */
	/* Of one that may span cores: monitor/members.h. */
	uint8_t tables;       /* PTABLE1s of its image, the first one not shared */
	uint8_t roots;        /* bits: which of its shared top-level tables there are */
	uint16_t local_pages; /* of each member's own at USER_LOCAL_VA */
	uint16_t root_index[MEMBER_ROOTS];
	uint8_t end_step;                 /* enum subject, while it ends */
	uint64_t gone[MEMBER_CORES / 64]; /* at its home: cores whose member is no more; by core */
	bool end_again;                   /* to be proposed again */
	bool joined, releasing, released;
	cptr_t peers; /* block of what its members wake each other by; 0: none yet */
	struct member_job *jobs;
	uint32_t freeing; /* blocks of its memory that are being taken back */
	void (*on_freed)(struct process *p);
	char name[MON_PROCESS_NAME];
};

struct process_table {
	uint32_t last; /* number given out last */
	uint32_t live;
	uint64_t deaths;
	uint16_t ticket_chain[TICKET_CHAINS]; /* 1 + index of the first */
	struct process entry[PROCESS_MAX];
};

/* A fresh record, PROCESS_LIVE, with a number of its own; NULL when all are live. Forgets a dead one if it must. */
struct process *process_table_new(struct process_table *t, const char *name);
/* The live process or the record of a dead one; NULL when unknown. */
struct process *process_table_find(struct process_table *t, uint32_t number);
static inline bool process_alive(const struct process *p) { return p && p->state == PROCESS_LIVE; }
/* So it is found by that ticket, which is not 0, as long as there is a record of it. */
void process_table_name(struct process_table *t, struct process *p, uint64_t ticket);
/* The live process that was started with that ticket, or the record of a dead one; NULL when unknown. */
struct process *process_table_ticket(struct process_table *t, uint64_t ticket);
/* The index-th live process in order of the table, or NULL. */
struct process *process_table_live(struct process_table *t, unsigned index);
/* Likewise of those that started on that core, which this is. */
struct process *process_table_home(struct process_table *t, coreid_t core, unsigned index);
/* Live, or ending, to dead; the record stays. */
void process_table_end(struct process_table *t, struct process *p, unsigned cause, uint64_t status);
/* As if it had never been: for a start that failed. */
void process_table_drop(struct process_table *t, struct process *p);
