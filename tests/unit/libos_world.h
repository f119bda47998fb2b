/*
 * A process on the hosted machine of arch_hosted.h: what its libOS invokes, the
 * CPU driver's own capability code does. In libOS code that is to run here,
 * sys_invoke is this one in place of the SYSCALL instruction.
 */
#pragma once

#define sys_invoke sys_invoke_by_instruction
#include "libos/core/syscall.h"
#undef sys_invoke

struct sys_result sys_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* Makes the machine and a process with TASK_ROOT_CNODE and TASK_RAM of 1 << ram_bits bytes. */
void libos_world_init(unsigned ram_bits);
/* As the monitor would: RAM of 1 << bits bytes into `slot`; ERR_NO_MEMORY when the machine's is used up. */
err_t libos_world_ram(unsigned bits, cptr_t slot);
/* The page table entry for va in the space of a PTABLE4; 0 when there is none. */
uint64_t libos_world_walk(cptr_t root, uint64_t va);
/* Violations of the CPU driver's invariants. */
uint64_t libos_world_check(void);
/* The n-th invocation from now on fails; 0: none does. */
void libos_world_fail(unsigned after);
