/*
 * What the assembly of the message fast path shares with fpu.c.
 */
#pragma once

#include "../abi/types.h"

#define FPU_LEGACY_BYTES 512
#define FPU_HEADER_BYTES 64

/* The start of an area, as far as the initial state needs it (SDM volume 1, 10.5 and 13.4). */
struct fpu_area {
	uint16_t control;
	uint16_t unused[11];
	uint32_t mxcsr;
	uint32_t mxcsr_mask;
	uint8_t rest[FPU_LEGACY_BYTES - 32 + FPU_HEADER_BYTES];
} __attribute__((aligned(64)));

/* Says that every state is initial. */
extern const struct fpu_area fpu_initial;
/* This processor has the instructions of the short way in arch_user_fresh(), which message.asm takes too. */
extern bool user_fresh_ok;
/* Once on each core, after cpu_init(). */
void fpu_init(void);
