/*
 * The simulator of fleets, from inside: processes of the same sources as on metal, on cores that
 * have a time, joined by channels that have delays.
 *
 *   main.c      options, runs                     time.c     events, cores: who runs when
 *   process.c   a process: made, run, ended       thread.c   its threads; sync.c what they wait on
 *   fabric.c    channels and services             link.c     what carries a channel
 *   monitor.c   what a process asks its monitor, request.c how, regions.c of memory; memory.c its heap
 *   text.c      what it prints                    trace.c    what happened
 *   fate.c      kills                             ledger.c   what clients were told
 *   world_*.c   what there is to run, and what must hold at the end
 *
 * Single-threaded. A process runs when something has happened to it, all its ready threads in turn, till all
 * wait: one activation. It begins at the time of an event, and what it does then takes time
 * (cost.h) that its core is busy for; what it sends leaves at its own moment in that time.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/boot.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/fabric.h"
#include "libos/thread/thread.h"
#include "tools/sim/base/image.h"
#include "tools/sim/base/queue.h"
#include "tools/sim/base/random.h"
#include "tools/sim/base/weather.h"
#include "tools/sim/fleet/host.h"

#include <stdarg.h>

struct options {
	uint64_t seed, seeds;
	unsigned cores, members, clients, calls, jobs, seconds;
	unsigned kills;       /* of members in a run */
	unsigned core_deaths; /* in a run */
	unsigned at_once;     /* so many kills at one moment */
	unsigned mirrors;     /* the fleet's policy */
	unsigned policy;      /* enum name_policy: how clients find its members; 0: there is no name service */
	const char *world;    /* which: world_find() */
	const char *scheme;   /* for worlds that have a choice */
	const char *load;     /* likewise */
	const char *images;   /* folder of the programs */
	const char *skip;     /* a fault made on purpose: this function does nothing */
	bool calm;            /* no weather */
	bool all_back;        /* after kills no page may be missing */
	bool early;           /* kills do not wait till the fleet is whole again */
	bool midway;          /* who is killed dies between two messages of its own */
	bool poor;            /* newcomers may have too little memory */
	bool trace, figures;
};
extern struct options options;
extern struct random dice;
/* The command that makes the same run again. */
const char *replay_command(void);

/* --- time.c -------------------------------------------------------------------------------- */

struct process;
struct moment {
	void (*happen)(struct moment *e);
	void *who;
	uint64_t a, b;
};

enum core_life { CORE_ALIVE, CORE_DEAD };
struct core {
	enum core_life life;
	bool missed;      /* its death is agreed on */
	bool called;      /* it is going to look at who waits to run */
	cycles_t busy;    /* till then it does not look */
	cycles_t monitor; /* till then its monitor is busy */
	cycles_t worked;  /* in all */
	uint32_t numbers; /* of processes, given out so far */
	struct process **by_number;
	struct process *first, *last; /* that wait to run */
	struct process *processes;    /* that live here */
};
extern struct core *cores;
extern uint64_t time_steps;

/* The moment: of the event, or of the running process, which is ahead of it by what it has spent. */
cycles_t time_now(void);
/* What runs takes so long. */
void time_spend(cycles_t ns);
void time_post(cycles_t at, const struct moment *e);
/* The next event happens; false: there is none before `until`. */
bool time_step(cycles_t until);
/* The process has something to do. */
void time_ready(struct process *p);
/* It will not run any more. */
void time_forget(struct process *p);
extern struct weather weather;
/* When what leaves core `from` now is at `to`. */
cycles_t time_arrival(coreid_t from, coreid_t to);
/* The core does something else for so long. */
void time_busy(coreid_t core, cycles_t ns);
void time_init(void);
#define CYCLES_A_SECOND UINT64_C(1000000000)

/* --- process.c ----------------------------------------------------------------------------- */

#define PROGRAM_MAX 64
struct program {
	char name[PROGRAM_MAX];
	struct image *image;
	struct program *next;
};
/* Reads name.so of the folder of images; ends the simulator when there is none. */
struct program *program_open(const char *name);
/* An opened one, or NULL. */
struct program *program_find(const char *name);

#define HEAP_CLASSES 92
struct process_heap {
	uint8_t *memory;
	uint64_t used, most; /* bytes */
	bool poor;           /* `most` is less than others have */
	void *unused[HEAP_CLASSES];
};
/* Memory of a process, as its malloc gives it. NULL: it has no more. */
void *heap_take(struct process *p, uint64_t bytes);
void heap_give(struct process *p, void *memory);
void heap_open(struct process *p);
void heap_close(struct process *p);

enum process_life { PROCESS_ALIVE, PROCESS_HUNG, PROCESS_DEAD };
struct process {
	struct fabric fabric; /* first: a fabric is its process */
	uint64_t pid, parent;
	coreid_t core;
	enum process_life life;
	unsigned cause; /* enum mon_cause, when dead */
	uint64_t status;
	bool waiting_to_run;
	struct process *next_to_run, *next_here, *younger;
	const struct program *program;
	void *copy;
	char *arguments; /* NUL-terminated each */
	int argc;
	struct process_heap heap;
	struct thread_queue ready;
	struct thread *threads; /* all of them */
	struct thread *current;
	struct wait_set *sets;
	struct link_end *links;
	struct service_end *services;
	uint32_t service_numbers;
	struct request *waiters; /* for its end */
	uint64_t *watched_by;    /* pids */
	unsigned watched_by_count;
	bool watches;
	struct mon_watcher *watcher; /* in its memory */
	bool answered;               /* a client: a call of its has been answered */
	unsigned dies_in;            /* when it has sent so many more messages; 0: it does not */
	uint64_t ticket;
	uint32_t id;
	struct grant *grants;            /* memory of regions that it has */
	uint64_t memory, memory_most;    /* bytes of that, and how many there may be; 0: no limit */
	void (*back)(coreid_t, paddr_t); /* its handler of what came back */
	cycles_t ran;                    /* last */
	cycles_t worked;                 /* in all */
	char text[200];                  /* a line that it has not finished */
	unsigned text_length;
};

/* The process whose thread runs; NULL: none does. */
extern struct process *running;
/* A new one on a living core, that runs soon. NULL: there is no such program. */
struct process *process_make(coreid_t core, int argc, const char *const *argv, uint64_t parent);
/* Living or dead; NULL: there never was one. */
struct process *process_of(uint64_t pid);
/* Ends it now; one that runs never goes on. */
void process_end(struct process *p, unsigned cause, uint64_t status);
/* Runs what is ready. */
void process_run(struct process *p);
/* How many live that run this program. */
unsigned process_count(const char *program);
/* The i-th of them in order of birth; NULL. */
struct process *process_pick(const char *program, unsigned i);
/* The first that was born, living or dead; the others are behind it (`younger`). */
struct process *process_first(void);

/* --- thread.c ------------------------------------------------------------------------------- */

struct thread {
	struct process *process;
	void *stack, *rsp;
	struct thread *next, *prev; /* in `queue` */
	struct thread_queue *queue; /* that it waits in, or is ready in */
	struct thread *next_of_process;
	thread_fn *fn;
	void *arg, *result, *local;
	struct thread_queue joiners;
	uint64_t wait; /* which of all waits it is in; 0: it does not wait */
	bool timed_out, ended, detached, interrupted, interruptible;
};

struct thread *thread_new(struct process *p, thread_fn *fn, void *arg);
/* All of a dead process. */
void threads_drop(struct process *p);
/* Goes on with the thread till it waits or ends. */
void thread_resume(struct thread *t);
/* The running thread waits in `q` (NULL: only for the deadline); false: it was not woken. */
bool thread_wait(struct thread_queue *q, cycles_t deadline, bool interruptible);
void thread_make_ready(struct thread *t);
/* Takes a ready one from its queue, to be resumed. */
void thread_unready(struct thread *t);
/* The running thread's process is over: never returns. */
void thread_leave(void) __attribute__((noreturn));

/* --- fabric.c, link.c ------------------------------------------------------------------------- */

#define WINDOW 32 /* lines, as URPC's ring */

/* One way of a channel: lines, counted from the start. */
struct way {
	struct urpc_message line[WINDOW];
	uint64_t sent, flushed, arrived, received;
	cycles_t last; /* arrival of what was flushed last */
	bool asleep, starved;
};
struct link_end {
	struct link *link;
	struct process *process;     /* NULL: it has closed */
	struct channel *channel;     /* NULL: not attached, or closed */
	struct link_end *next, **at; /* of the same process */
	bool told;                   /* it knows that the other is gone */
};
struct link {
	unsigned uses; /* ends, and moments that are to come */
	void *bulk;    /* shared memory, or NULL */
	uint64_t bulk_bytes;
	struct link_end end[2];
	struct way way[2]; /* [side]: what that side sends */
};
struct service_end {
	uint32_t number;
	uint64_t secret;
	char name[MON_NAME + 1]; /* empty: none */
	bool shared;
	struct process *owner;
	struct service_end *target;   /* of a further name: the service; NULL: this is it */
	struct request *first, *last; /* that wait to be accepted */
	struct service_end *next, *next_named;
};

void fabric_join(struct process *p);
/* A dead process's channels and services: its peers will hear of it `delay` later. */
void fabric_gone(struct process *p, cycles_t delay);
/* With shared memory of 1 << bulk_bits bytes; 0: without. */
struct link *link_make(struct process *opener, unsigned bulk_bits);
void link_accept(struct link *l, struct process *p);
/* The end on that side is this channel from now on. */
void link_attach(struct link *l, unsigned side, struct channel *c, uint64_t peer);
/* The end goes; the other side will hear of it `delay` after all that was sent. */
void link_end(struct link *l, unsigned side, cycles_t delay);
/* All of a process that has ended. */
void links_end(struct process *p, cycles_t delay);
/* Who waits there looks again. */
void set_wake(struct wait_set *w);
/* All wait sets of the process look again. */
void sets_wake(struct process *p);

/* --- request.c, monitor.c -------------------------------------------------------------------------------- */

/* What a thread asked for and waits for. */
struct request {
	struct process *from;
	struct thread *thread;
	unsigned uses;       /* the caller, and moments that are to come */
	bool answered, done; /* by the monitor; the answer has come */
	coreid_t core;       /* whose monitor does it */
	void (*act)(struct request *r);
	err_t err;
	uint64_t word[8];
	char *text; /* freed with it */
	void *object;
	struct link *link;
	struct request *next;
	struct request *older, *newer; /* of all */
};
struct request *request_new(coreid_t core, void (*act)(struct request *));
/* Goes to the core's monitor, which calls act, and waits for request_answer; then the caller has it back. */
err_t request_call(struct request *r);
void request_release(struct request *r);
/* It goes on at `at`, when somebody calls request_release at the end of `happen`. */
void request_post(struct request *r, cycles_t at, void (*happen)(struct moment *));
/* The answer is on its way. */
void request_answer(struct request *r, err_t err);
/* One that is to be answered by nobody: to be posted. */
struct request *request_of(struct process *p);
/* Who watches hears of it. */
void monitor_process_gone(struct process *p);
void monitor_core_gone(coreid_t core);
/* Who waited for the end of a process hears of it. */
void monitor_tell_end(struct request *r, const struct process *p);
/* A core's death: all on it end, and later the others know. */
void core_kill(coreid_t core);

/* --- regions.c ----------------------------------------------------------------------------------- */

/* What it has goes back to the regions that it is of. */
void regions_process_gone(struct process *p);
/* Are pages that are granted just those that processes have? */
void regions_check(void);

/* --- trace.c ------------------------------------------------------------------------------------ */

/* A line for a report: who, and what; up to four numbers (%lu, %lx). The format stays. */
void trace(const struct process *p, const char *format, ...);
void trace_text(const struct process *p, const char *text);
/* The run is over: something must not be. */
void violation(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void violation_list(const char *format, va_list list) __attribute__((noreturn));

/* --- fate.c ---------------------------------------------------------------------------------------- */

/* Members of this program die at seeded moments, when the world says that one can. */
void fate_begin(const char *program, cycles_t from, cycles_t spacing);
extern unsigned fate_kills, fate_core_deaths;
/* That process is about to send: it may end there. */
void fate_send(struct process *p);

/* --- worlds ------------------------------------------------------------------------------------------ */

struct world {
	const char *name, *what;
	const char *programs[8];              /* that it needs, NULL-terminated */
	const char *fleet, *client, *checker; /* of a fleet: its program, and others; else NULL */
	const char *child; /* program that the fleet itself starts, or NULL: its end is its starter's matter */
	void (*begin)(void);
	/* Nothing is left to be done. */
	bool (*done)(void);
	/* May this one be killed now? NULL: always. */
	bool (*may_die)(const struct process *p);
	/* A process has ended. NULL: that does not matter. */
	void (*ended)(const struct process *p);
	/* How much memory may a new one have? NULL: as much as there is. */
	uint64_t (*memory)(const struct process *p);
	void (*check)(void);
	void (*figures)(void);
};
extern const struct world world_echo, world_stubs, world_tally, world_page, world_name, world_proc, world_pool,
	world_drill, world_mem;
const struct world *world_find(const char *name);
extern const struct world *world;
