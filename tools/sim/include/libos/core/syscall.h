/*
 * The system call, in the simulator: a call of the island's own CPU driver. It shadows
 * libos/core/syscall.h, so that libos/core/invoke.h and all above it run as they stand.
 */
#pragma once

#include "kernel/abi/syscall.h"
#include "tools/sim/island/machine.h"

struct sys_result {
	err_t err;
	uint64_t v0, v1, v2, v3;
};

static inline struct sys_result sys_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct machine_result r = machine_invoke(cap, op, a0, a1, a2, a3);

	return (struct sys_result){ r.err, r.value[0], r.value[1], r.value[2], r.value[3] };
}
