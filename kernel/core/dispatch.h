/*
 * Dispatchers: the control block, the run queue of this core, upcalls.
 *
 * Interrupts are off throughout the CPU driver; one instance per core; so every
 * variable here is this core's alone and needs no lock.  Functions marked
 * "switches" do not return: they leave to user mode or go idle.
 */
#pragma once

#include "../abi/dispatcher.h"
#include "../abi/error.h"
#include "../abi/types.h"
#include "cap.h"

/* An endpoint: 64 bytes at CAP_ENDPOINT_OFFSET + 64 i of its dispatcher object. */
struct endpoint {
	struct lmp_ring *ring; /* kernel address in the dispatcher frame; NULL: unbound */
	uint32_t mask;         /* messages - 1 */
	uint32_t produced;
	cptr_t receive_slot; /* in the receiver's space; 0: none */
	uint64_t unused[5];
};
_Static_assert(sizeof(struct endpoint) == 1 << CAP_ENDPOINT_BITS, "endpoint object size");

/* A notification: 64 bytes of its own. */
struct notification {
	struct dispatcher *dispatcher;    /* NULL: unbound */
	uint64_t mask;                    /* bit to set in the dispatcher page's notify */
	uint64_t number;                  /* 1 + remote number; 0: not exported */
	struct notification *next, *prev; /* others bound to that dispatcher */
	uint64_t irqs;                    /* interrupts that are delivered to it */
	uint64_t unused[2];
};
_Static_assert(sizeof(struct notification) == 1 << CAP_NOTIFICATION_BITS, "notification object size");

/* Link in the ring of this core's run queue; NULL: not in it. */
struct run_link {
	struct run_link *next, *prev;
};

/* The control block: the first 4 KiB of a dispatcher object. Kernel-private. */
struct dispatcher {
	struct run_link run;          /* first, so that a link is its dispatcher */
	struct dispatcher_page *page; /* kernel address; NULL: not set up */
	vaddr_t page_va;
	paddr_t vspace;           /* root page table */
	uint32_t state;           /* enum dispatcher_state */
	uint32_t resume_area;     /* how to go on: SAVE_DISABLED: there; else by upcall run */
	struct cap cspace;        /* root cnode: a copy, in the derivation tree like any other */
	struct cap vspace_cap;    /* likewise, */
	struct cap frame_cap;     /* likewise: so that delete and revoke find it and stop us */
	struct cap watch_cap;     /* likewise: the notification to signal at a fatal fault, if any */
	struct cap *cspace_slots; /* the root cnode's first slot, and how many: for the message fast path */
	uint64_t cspace_count;
	uint64_t frame_bytes;
	struct notification *bound; /* list of notifications bound to us */
	uint32_t bound_count;
	cycles_t deadline;                          /* of SYS_WAIT; 0: none */
	struct dispatcher *sleep_next, *sleep_prev; /* list of sleepers by deadline */
	uint64_t fault_vector, fault_error, fault_rip, fault_address;
	cycles_t cycles, since; /* run in all; start of the present turn */
	cycles_t left;          /* of its slice, when it was preempted; else 0 */
	bool debugged;          /* breakpoints and single steps stop it */
	/* FPU state that goes with SAVE_DISABLED: that of SAVE_ENABLED may still be in the page. */
	_Alignas(64) uint8_t fpu_disabled[DISPATCHER_FPU_BYTES];
};
_Static_assert(sizeof(struct dispatcher) <= CAP_ENDPOINT_OFFSET, "control block outgrew its page");

#define SLICE_PER_SECOND 100 /* turns of 10 ms, where there are two to share a core */

/* Result of a system call: rax and rdx. */
struct sys_result {
	err_t err;
	uint64_t value;
};

#define SYS_OK(v) ((struct sys_result){ ERR_OK, (v) })
#define SYS_ERROR(e) ((struct sys_result){ (e), 0 })

/* --- schedule.c --------------------------------------------------------- */

/* Who runs, or was interrupted; NULL when the core idles. */
extern struct dispatcher *current;
/* Of enum kernel_stat, those that are counted. */
extern uint64_t kernel_count[];

/* The page table root that is loaded. */
extern paddr_t loaded_root;

void schedule_init(void);
/* Makes d runnable, last in the queue; first if an interrupt is being served. */
void schedule_add(struct dispatcher *d);
/* Makes d runnable and the first in the queue, before current. */
void schedule_add_next(struct dispatcher *d);
/* Takes d out of queue and sleepers, and off the processor: current may be NULL afterwards. */
void schedule_remove(struct dispatcher *d);
/* Lets current wait for an event until `deadline` (0: without end). The caller calls schedule() next. */
void schedule_sleep(cycles_t deadline);
/* Posts EVENT_TIMEOUT to current at `deadline` although it runs; 0: not any more. */
void schedule_alarm(cycles_t deadline);
/* Takes a sleeper, or who has an alarm, off the list of deadlines. */
void schedule_unsleep(struct dispatcher *d);
/* Puts current last in the queue. The caller calls schedule() next. */
void schedule_rotate(void);
/* Makes d, which waits, current, on the rest of the slice; the former current waits, or comes next. */
void schedule_direct(struct dispatcher *d, bool wait);
/* Switches to the first in the run queue, or goes idle. What of current is worth it has been saved. */
void schedule(void) __attribute__((noreturn));
/* Around the service of an interrupt; the second switches if someone was woken, or current must see an event. */
void schedule_interrupt(void);
void schedule_interrupted(void);
/*
 * Nothing of this island runs any more, and what of current is worth it has been saved: when it wants the processor
 * again. 1: now; 0: not by itself; else that deadline.
 */
cycles_t schedule_rest(void);
/* This island has the processor again: what came meanwhile is taken. The caller calls schedule() next. */
void schedule_resume(void);
/* The kernel's own page tables. */
paddr_t schedule_root(void);
/* Violations of the run queue's invariants. */
uint64_t schedule_check(void);

/* --- upcall.c ------------------------------------------------------------ */

/* A post went to current: an upcall is due when the entry being served ends, if current is enabled. */
extern bool current_posted;
/* Sets events (EVENT_ bits) in the page of d, which is set up, and makes it runnable if it waits. */
void dispatcher_post(struct dispatcher *d, uint64_t events);
/* Ends a system call in which current_posted was found set: the upcall comes as if right after it. */
struct sys_result upcall_after(struct sys_result r);
/* Saves current's registers, which are in the frame, so that it can go on later. */
void dispatcher_save(void);
/* Switches: current goes on, at SAVE_DISABLED or by its run upcall. */
void dispatcher_continue(void) __attribute__((noreturn));

/* --- dispatch.c ----------------------------------------------------------- */

/* For cap_ops: the last capability to a dispatcher is gone. */
void dispatcher_destroy(paddr_t base);
/*
 * Gives a dispatcher what it lives on; `va` is where its vspace maps the frame. DISP_SETUP's errors.
 * NULL capabilities: ERR_CAP_LOOKUP.
 */
err_t dispatcher_setup(struct dispatcher *d, struct cap *cspace, struct cap *vspace, struct cap *frame, vaddr_t va);
/* Makes it runnable, first by its run upcall. */
err_t dispatcher_run(struct dispatcher *d);
/* For cap_ops: one of the dispatcher's own three capabilities was deleted or revoked. */
void dispatcher_cap_lost(struct cap *c);
/* Takes it off the queues; state is DISP_STOPPED or DISP_FAULTED. */
void dispatcher_halt(struct dispatcher *d, unsigned state);
/* Likewise; run again, it goes on where it was, in disabled mode too. */
void dispatcher_pause(struct dispatcher *d, unsigned state);
/* CAP_OP_KERNEL_PEEK, CAP_OP_KERNEL_POKE of a capability, or NULL. */
struct sys_result dispatcher_peek(const struct cap *c, vaddr_t va);
err_t dispatcher_poke(const struct cap *c, vaddr_t va, uint64_t word);
struct sys_result dispatcher_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* --- lmp.c, notify.c, doorbell.c, irq.c, control.c -------------------------- */

struct sys_result endpoint_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2);
void endpoint_destroy(paddr_t base);
struct sys_result notification_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1);
/* Set its bit; NULL or unbound: nothing. */
void notification_raise(struct notification *n);
/* Likewise by capability, which may be another core's. */
err_t notification_signal(const struct cap *c);
/* CAP_OP_KERNEL_WATCH. */
err_t notification_watch(const struct cap *c);
/* For cap_ops: the last but one capability to a shared object goes. */
void notification_watch_raise(void);
/* A bound dispatcher goes: unbind all. */
void notification_unbind_all(struct dispatcher *d);
void notification_destroy(paddr_t base);
/* Remote number -> notification, NULL if there is none. */
struct notification *notification_of_number(uint64_t number);
/* Rings another core's doorbell for its notification `number`. */
err_t doorbell_ring(coreid_t core, uint64_t number);
/* Signals what other cores have rung for. */
void doorbell_take(void);
struct sys_result irq_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1);
/* No one may have these any more: they are bound to nothing. */
void irq_destroy(uint64_t base, uint64_t count);
/* n goes: no interrupt is delivered to it any more. */
void irq_unbind(struct notification *n);
struct sys_result ioport_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1);
struct sys_result kernel_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* --- syscall.c, invoke.c, lmp.c: from entry.asm -------------------------------- */

struct sys_result sys_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
struct sys_result sys_lmp_send(cptr_t endpoint, uint64_t header);
struct sys_result sys_yield(void);
struct sys_result sys_wait(cycles_t deadline);
struct sys_result sys_resume(uint64_t area);

/* --- island.c ------------------------------------------------------------------ */

void island_begin(void);
/* Is this processor another island's too? */
extern bool island_shared;
/* The timer, due at `due` (0: off), is to go off for the others too: at `turn` if one waits for its turn. */
cycles_t island_timer(cycles_t due, cycles_t turn);
/*
 * Hands the processor to the next island that has something to do, if our turn is `over` or an event waits for one, and
 * does not return; else it returns. What runs is saved.
 */
void island_yield(cycles_t now, bool over);
/* Who is not here yet, or not any more, is rung where it is. */
void island_forward(void);
/* Device interrupts are core 0's. False: the island that runs may serve it. */
bool island_interrupt(unsigned vector);
struct sys_result island_invoke(uint64_t op, uint64_t a0, uint64_t a1);

/* --- handover.c ---------------------------------------------------------------- */

/* Replaces this CPU driver by the one in RAM, which becomes its for good; returns only an error. */
err_t kernel_update(struct cap *ram);
