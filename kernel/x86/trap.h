/*
 * Gates of this core's processor: exceptions, device interrupts, timer, doorbell.
 */
#pragma once

#include "../abi/regs.h"

/* Build and load this core's interrupt descriptor table. Once, after cpu_init(). */
void trap_init(void);
/* Load it again, after another island had this processor. */
void trap_load(void);
/* entry.asm calls it with the frame of a gate; it may not return (a switch leaves by arch_return). */
void trap_entry(struct regs *r);
