/*
 * The machine's registers as they are saved: the one ABI header that is x86-64.
 *
 * The order is that of the entry stubs' pushes below what the processor pushes
 * by itself, so a trap frame on the kernel stack is a struct regs.
 */
#pragma once

#include "types.h"

struct regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
