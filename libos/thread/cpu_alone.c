/*
 * Processes of one core, where libos/core does not span any.
 */
#include "kernel/abi/error.h"
#include "libos/thread/cpu.h"

__attribute__((weak)) err_t cpu_add(coreid_t core)
{
	(void)core;
	return ERR_UNSUPPORTED;
}
__attribute__((weak)) void cpu_wake(coreid_t core) { (void)core; }
