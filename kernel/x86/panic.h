/* The end of a core; kernel_panic() and kernel_log() are in arch.h. */
#pragma once

#include "../abi/regs.h"

/* Stop this core because of an exception in the CPU driver: `r` is its frame, `cause` its name. */
void panic_trap(const struct regs *r, const char *cause) __attribute__((noreturn));

/* The symbols of the kernel's text, ascending; made by tools/mksyms out of the first link. */
struct kernel_symbol {
	uint32_t offset; /* from KERNEL_BASE */
	uint32_t name;   /* in kernel_symbol_names */
};
extern const struct kernel_symbol kernel_symbols[];
extern const unsigned kernel_symbol_count;
extern const char kernel_symbol_names[];
