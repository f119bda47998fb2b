/*
 * The seam to the machine for libos/thread and libos/core: saved contexts, thread
 * pointers, atomic words.  libos/x86/context.asm has the code.
 *
 * A context is a thread's kept registers and FPU control words on its own stack,
 * and rsp in its control block.  All of these run in disabled mode.
 */
#pragma once

#include "kernel/abi/dispatcher.h"
#include "kernel/abi/types.h"
#include "libos/core/local.h"

struct thread;
struct lmp_endpoint;
struct lmp_message;

/* Saves into `from` and goes on in `to`; returns 0 when `from` is gone on with. */
err_t context_switch(struct thread *from, struct thread *to);
/* Goes on in `to`; what ran before is not saved. */
void context_load(struct thread *to) __attribute__((noreturn));
/* Saves into `from` and sleeps by SYS_WAIT. */
err_t context_wait(struct thread *from, cycles_t deadline);
/* Sleeps by SYS_WAIT with nothing to save. */
void context_sleep(cycles_t deadline) __attribute__((noreturn));
/* Saves into `from`, sends a message without a capability, and sleeps in one step. */
err_t context_part(struct thread *from, cptr_t to, uint64_t header, const uint64_t *words);
/* Saves into `from` and lets another dispatcher run by SYS_YIELD. */
err_t context_yield(struct thread *from);
/* Saves into `from` and calls fn(from) on another stack: from then on others may go on in `from`. */
void context_leave(struct thread *from, void (*fn)(struct thread *from), vaddr_t stack);
/* Calls fn(arg) on another stack. */
void context_call(void (*fn)(void *arg) __attribute__((noreturn)), void *arg, vaddr_t stack) __attribute__((noreturn));

/* Lays a context at the top of a new stack so that context_load starts `entry`; returns its rsp. */
uint64_t context_make(vaddr_t stack, void (*entry)(void));

/* Where upcalls enter; dispatcher_init puts them into the dispatcher page. */
void upcall_run(void);
void upcall_message(void);
void upcall_fault(void);
void upcall_trap(void);
void upcall_within(void);
/* ... and what they call, on the upcall stack. */
void dispatcher_run(uint64_t events) __attribute__((noreturn));
void dispatcher_fault(vaddr_t address, uint64_t error) __attribute__((noreturn));
void dispatcher_within(vaddr_t address, uint64_t error) __attribute__((noreturn));
void dispatcher_trap(uint64_t vector, uint64_t error) __attribute__((noreturn));
void lmp_upcall_unclaimed(struct lmp_endpoint *e) __attribute__((noreturn));
/* Keeps the registers of the thread that an upcall interrupted in its control block. */
void context_keep(struct thread *t);
/* A context_load of a thread that was preempted: its registers are in its control block. */
void thread_resume(struct thread *t) __attribute__((noreturn));

/* What lmp_call does when more than one thread is about, or the direct way failed. In disabled mode; leaves it. */
err_t lmp_call_slow(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap, struct lmp_endpoint *e,
		    struct lmp_message *in);

/* By message upcalls: endpoint of each index. */
extern CORE_LOCAL struct lmp_endpoint *lmp_endpoints[];

static inline void context_set_thread_pointer(void *tp) { __asm__ volatile("wrfsbase %0" : : "r"(tp) : "memory"); }

static inline cycles_t context_now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}

/* Copies saved FPU state and the like: `bytes` is a multiple of 8. */
static inline void context_copy(void *to, const void *from, uint64_t bytes)
{
	uint64_t *out = to;
	const uint64_t *in = from;

	for (uint64_t i = 0; i < bytes / 8; i++)
		out[i] = in[i];
}

/* Takes all bits of a word that the CPU driver sets bits in: one instruction, so none is lost. */
static inline uint64_t context_take(uint64_t *word)
{
	uint64_t bits = 0;

	__asm__ volatile("xchg %0, %1" : "+r"(bits), "+m"(*word) : : "memory");
	return bits;
}
