/* RDFSBASE and its kin for processors that do not have them. */
#pragma once

#include "../abi/regs.h"

/*
 * Carry out the instruction at `r`'s program counter if it is one of the four, in
 * user mode, and step over it. False: it is another, or its operand is no user address.
 */
bool fsgsbase_emulate(struct regs *r);
