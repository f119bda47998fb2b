/*
 * The simulator's own parts, and what they share: one machine, one time, one random sequence.
 *
 *   main.c      options, runs, workers            loader.c    islands as images
 *   fabric.c    time, messages, stalls, deaths    machine.c   memory, boot
 *   work.c      what there is to do               rounds.c    rounds of agreement
 *   check.c     what must hold                    trace.c     what happened
 *   caps.c      programs                          translations.c  what processors remember
 *   garbage.c, garbage_caps.c   lines that make no sense
 *   base/       what the simulator of fleets uses, too
 *
 * Single-threaded: an island is called for one event at a time, and all that it does happens at
 * that moment of simulated time (1 cycle is 1 ns).
 */
#pragma once

#include "kernel/abi/boot.h"
#include "tools/sim/loader.h"
#include "tools/sim/base/random.h"
#include "tools/sim/base/weather.h"

enum fault { FAULT_NONE, FAULT_DROP, FAULT_TWICE, FAULT_OVERTAKE, FAULT_FLUSH, FAULT_MEMORY, FAULTS };

struct options {
	uint64_t seed, seeds;
	unsigned cores, operations, jobs;
	unsigned seconds;     /* after which no more runs are started; 0: all are */
	unsigned deaths;      /* cores that die in a run, at most; UINT_MAX: as the seed says */
	unsigned stalls;      /* so often a core does nothing for half the time that is taken for a death */
	unsigned garbage;     /* lines that make no sense */
	unsigned silence;     /* ms after which a core is taken for dead */
	unsigned heartbeat;   /* ms between two beats; 0: none */
	bool trace;           /* print every event */
	const char *model;    /* file of the protocols' events for the models, or NULL */
	enum fault fault;     /* made on purpose, to see that it is found */
	unsigned fault_at;    /* which message, or which flush */
	const char *only;     /* kind of work, or NULL */
	unsigned check_every; /* events: walk all capabilities; 0: only at the end */
	bool figures;         /* print what a run took */
};
extern struct options options;
/* The command that makes the same run again. */
const char *replay_command(void);

enum core_life { CORE_UNBORN, CORE_ALIVE, CORE_FROZEN, CORE_DEAD };

struct core {
	struct island island;
	uint8_t life;      /* enum core_life; FROZEN: it will go on, if it is not fenced before */
	cycles_t busy;     /* till then it does not look */
	cycles_t timer;    /* when it is to be looked at for what is due; 0: not at all */
	cycles_t thaws;    /* when a frozen one goes on */
	bool fell_silent;  /* it died, or froze */
	cycles_t died;     /* when; 0: it froze, and was fenced */
	cycles_t excluded; /* when, where it took longest */
	paddr_t root;      /* page table that is loaded */
	uint64_t messages; /* that it got */
	uint64_t *doorbell;
	uint32_t inbox_first, inbox_last; /* events that wait for it: fabric.c */
	bool called;                      /* it is going to look at them */
};
extern struct core *cores;
extern struct random dice;

/* --- fabric.c -------------------------------------------------------------------------- */

enum event_kind {
	EVENT_LINE,
	EVENT_REQUEST,
	EVENT_DOORBELL,
	EVENT_TIMER,
	EVENT_READY,
	EVENT_ANSWER,
	EVENT_ACT,
	EVENT_FATE
};

struct event {
	cycles_t time;
	coreid_t core, from;
	uint32_t process; /* requests and answers: whose; acts: what work_act() wants to know */
	uint8_t kind;
	uint32_t follower; /* of one that waits for its core: 1 + the next, or 0 */
	uint64_t line[SIM_WORDS];
};

/* How messages fare in this run, drawn from `dice`. */
void fabric_weather(void);
/* The delays of the start, the same for all runs. */
void fabric_calm(void);
/* At `delay` from now. Requests come to a core in the order in which they are posted. */
void fabric_post(cycles_t delay, const struct event *e);
/* The next event happens. False when there is none, or none before `until`. */
bool fabric_step(cycles_t until);
extern uint64_t fabric_steps;
/* Lines between cores that were sent. */
uint64_t fabric_lines(void);
/* The core was called from outside of an event: it looks at what is due. */
void fabric_soon(coreid_t core);
/* The core stops dead; with `thaws`, only for that long, unless it is fenced before. */
void fabric_kill(coreid_t core, cycles_t thaws);
/* The core does nothing for so long. */
void fabric_stall(coreid_t core, cycles_t length);
/* How many cores have died; the longest that it took from a death till it was agreed on. */
unsigned fabric_deaths(cycles_t *slowest);
/* It is excluded on some core. */
void fabric_excluded(coreid_t core);
static inline bool core_alive(coreid_t core) { return cores[core].life == CORE_ALIVE; }

/* --- machine.c ---------------------------------------------------------------------------- */

extern struct boot_info machine_info;
/* Memory and all cores, started. */
void machine_boot(void);
uint64_t *machine_word(paddr_t p);

/* --- translations.c ----------------------------------------------------------------------- */

void translations_init(uint64_t memory_bytes);
/* The process, which runs on the core, uses the page at va. True when it got there: then `out` is where. */
bool machine_touch(coreid_t core, uint32_t process, vaddr_t va, bool write, paddr_t *out);
/* After each event: no processor remembers what nobody will have it forget. */
void translations_check(void);
/* Now and then: what page tables show is somebody's. */
void translations_backed(void);
/* The page has been protected against writing at va in the space of that root, as was asked for then. */
void translations_protected(paddr_t root, vaddr_t va, paddr_t page, cycles_t asked);

/* --- work.c ------------------------------------------------------------------------------- */

/* What an act is for: work_act(). */
enum {
	ACT_MASK = 0x7f000000,
	ACT_ROUND = 0x01000000,
	ACT_ROUND_AGAIN = 0x02000000,
	ACT_DEATH = 0x03000000,
	ACT_CAPS = 0x04000000,
	ACT_KILL = 0x05000000,
	ACT_SPAN = 0x06000000,
	ACT_STALL = 0x07000000,
	ACT_GARBAGE = 0x08000000
};
void work_begin(void);
void work_act(uint32_t what);
void work_answer(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS]);
void work_core_gone(coreid_t core);
/* Nothing goes on: requests of who is gone are not answered. True when no others are left. */
bool work_forget(void);
/* Everything that was asked has been answered. */
bool work_done(void);
/* Asks for the monitors' own check; false: there is no work for it. And when it is answered. */
bool work_walk_begin(bool judged);
void work_walk_end(void);
/* Ends the processes that are left. */
void work_end(void);
/* For a report: what is not answered yet. */
void work_show(void);
/* When nothing is under way: is what was done what was asked? */
void work_check(void);
/* When the processes have ended: is everything back where it was? */
void work_end_check(void);
void work_figures(void);

/* --- garbage.c -----------------------------------------------------------------------------

 * A line that makes no sense comes to some core, and nothing may come of it. */
void garbage_act(void);
void garbage_caps_act(void);
void garbage_request_act(void);

/* --- check.c ------------------------------------------------------------------------------- */

/* After each event that `core` has handled: what is cheap. */
void check_step(coreid_t core);
/* All of it; `quiet`: nothing is under way. */
void check_all(bool quiet);

/* --- trace.c -------------------------------------------------------------------------------- */

void trace_event(const struct event *e);
void trace_send(const struct event *e);
void trace_note(coreid_t core, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The last that happened, to standard error. */
void trace_show(void);
/* The file for the models (docs/simulator.md), and a line of it: nothing when there is none. */
void trace_model_open(const char *path);
void trace_model(const char *format, ...) __attribute__((format(printf, 1, 2)));
