/*
 * The system calls, as functions. Registers are those of kernel/abi/syscall.h.
 *
 * Everything here is inline: a call costs the SYSCALL instruction and the moves
 * into its registers.  sys_yield, sys_wait and sys_resume belong to the
 * dispatcher's scheduler: they are called in disabled mode, with the running
 * thread's state saved, and go on with an upcall.  Threads use thread_yield,
 * dispatcher_yield and the blocking calls of libos/thread instead.
 */
#pragma once

#include "kernel/abi/syscall.h"

/* What an invocation returns: error, then rdx, r8, r9, r10. */
struct sys_result {
	err_t err;
	uint64_t v0, v1, v2, v3;
};

static inline err_t sys_null(void)
{
	err_t err;

	__asm__ volatile("syscall" : "=a"(err) : "a"((uint64_t)SYS_NULL) : "rcx", "r11", "rdx", "memory");
	return err;
}

/* How many dispatchers of this core can run, the caller among them. */
static inline uint64_t sys_runnable(void)
{
	uint64_t count, err;

	__asm__ volatile("syscall" : "=a"(err), "=d"(count) : "0"((uint64_t)SYS_NULL) : "rcx", "r11", "memory");
	return count;
}

/* Invokes a capability; `op` is INVOKE(...), the arguments are the operation's in the order rdx, r10, r8, r9. */
static inline struct sys_result sys_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct sys_result r;
	register uint64_t r10 __asm__("r10") = a1;
	register uint64_t r8 __asm__("r8") = a2;
	register uint64_t r9 __asm__("r9") = a3;

	__asm__ volatile("syscall"
			 : "=a"(r.err), "+d"(a0), "+r"(r8), "+r"(r9), "+r"(r10)
			 : "0"((uint64_t)SYS_INVOKE), "D"(cap), "S"(op)
			 : "rcx", "r11", "memory");
	r.v0 = a0;
	r.v1 = r8;
	r.v2 = r9;
	r.v3 = r10;
	return r;
}

/* Sends up to 4 words and goes on; ERR_EP_FULL when the receiver's ring is full. No LMP_WAIT, no LMP_YIELD. */
static inline err_t sys_lmp_send4(cptr_t to, uint64_t header, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
	err_t err;
	register uint64_t r10 __asm__("r10") = w1;
	register uint64_t r8 __asm__("r8") = w2;
	register uint64_t r9 __asm__("r9") = w3;

	__asm__ volatile("syscall"
			 : "=a"(err), "+d"(w0)
			 : "0"((uint64_t)SYS_LMP_SEND), "D"(to), "S"(header), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return err;
}

/* Sends 8 words out of memory, and `cap` when the header says LMP_CAP; otherwise like sys_lmp_send4. */
static inline err_t sys_lmp_send8(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap)
{
	err_t err;
	uint64_t w0 = words[0];
	register uint64_t r10 __asm__("r10") = words[1];
	register uint64_t r8 __asm__("r8") = words[2];
	register uint64_t r9 __asm__("r9") = words[3];
	register uint64_t r12 __asm__("r12") = words[4];
	register uint64_t r13 __asm__("r13") = words[5];
	register uint64_t r14 __asm__("r14") = words[6];
	register uint64_t r15 __asm__("r15") = words[7];

	__asm__ volatile("syscall"
			 : "=a"(err), "+d"(w0)
			 : "0"((uint64_t)SYS_LMP_SEND), "D"(to), "S"(header), "b"(cap), "r"(r10), "r"(r8), "r"(r9),
			   "r"(r12), "r"(r13), "r"(r14), "r"(r15)
			 : "rcx", "r11", "memory");
	return err;
}

/* Scheduler only: let another dispatcher run; goes on with the run upcall. */
static inline void __attribute__((noreturn)) sys_yield(void)
{
	for (;;)
		__asm__ volatile("syscall" : : "a"((uint64_t)SYS_YIELD) : "rcx", "r11", "rdx", "memory");
}

/* Scheduler only: sleep till an event, or till the TSC reaches `deadline` (0: none); goes on with an upcall. */
static inline void __attribute__((noreturn)) sys_wait(cycles_t deadline)
{
	for (;;)
		__asm__ volatile("syscall" : : "a"((uint64_t)SYS_WAIT), "D"(deadline) : "rcx", "r11", "rdx", "memory");
}

/* Scheduler only: load a save area of the dispatcher page with its FPU state and leave disabled mode. */
static inline void __attribute__((noreturn)) sys_resume(unsigned area)
{
	for (;;)
		__asm__ volatile("syscall"
				 :
				 : "a"((uint64_t)SYS_RESUME), "D"((uint64_t)area)
				 : "rcx", "r11", "rdx", "memory");
}
