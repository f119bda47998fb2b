/*
 * The process that is debugged, by its files in /proc: mem, regs, ctl, wait.
 *
 * Functions return 0 or an errno value. A thread of ours waits for what becomes of the process while it runs, and
 * raises an event when that is known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libos/thread/thread.h"

/* As the amd64 of GDB numbers them. */
enum target_register {
	REG_RAX,
	REG_RBX,
	REG_RCX,
	REG_RDX,
	REG_RSI,
	REG_RDI,
	REG_RBP,
	REG_RSP,
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
	REG_RIP,
	REG_RFLAGS,
	REG_FS_BASE,
	TARGET_REGISTERS
};

#define TARGET_THREADS 128
#define TARGET_FPU_BYTES 512 /* as FXSAVE writes it, but for the x87's tags */

struct target_thread {
	uint64_t id;    /* not 0 */
	uint32_t known; /* bits: registers */
	uint64_t reg[TARGET_REGISTERS];
};

/* A register of the FPU: where in what FXSAVE writes. */
struct target_fpu_register {
	char name[8];
	uint16_t at;
	uint8_t bytes;
};

struct target {
	uint64_t number; /* of the process; 0: none */
	bool running;
	int mem, wait; /* descriptors */
	/* Its threads, the one that runs first; read when it has stopped. */
	struct target_thread thread[TARGET_THREADS];
	unsigned threads;
	/* The first one's FPU, if it is known. */
	bool fpu_known;
	uint8_t fpu[TARGET_FPU_BYTES];
};
extern struct target target;

/* `stopped` is raised when the process has stopped or ended. */
int target_init(struct event *stopped);
/* Stops it; from now on breakpoints, steps and faults do. */
int target_attach(uint64_t number);
/* What is left of an earlier session: it stays as it is, and is none of ours any more. It does not run. */
void target_forget(void);
/* It goes on by itself, or (kill) ends. */
int target_detach(bool kill);
/* What is read from `wait` once it has come; false: not yet. Then it does not run any more. */
bool target_outcome(char *text, size_t room);
/* It goes on, for an instruction or till it stops. */
int target_go(bool step);
int target_stop(void);
/* How many bytes; an errno value if none. */
int target_read(uint64_t at, void *to, size_t bytes, size_t *done);
int target_write(uint64_t at, const void *from, size_t bytes);
/* The n-th of the FPU's registers in GDB's order: st0 to st7, fctrl to fop, xmm0 to xmm15, mxcsr. */
#define TARGET_FPU_REGISTERS 33
void target_fpu_register(unsigned n, struct target_fpu_register *out);
/* Of the first thread; the lowest byte first. */
int target_fpu_set(unsigned n, const uint8_t *value);
int target_register_set(struct target_thread *t, unsigned reg, uint64_t value);
struct target_thread *target_thread_find(uint64_t id);
