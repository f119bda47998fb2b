/*
 * Looking into processes through their monitors: monitor/debug.c.
 *
 * `core` is one of those that the process spans; its home is in its pid. ERR_NO_PROCESS when it has ended.
 */
#pragma once

#include "libos/core/monitor_proto.h"

err_t mon_debug_state(coreid_t core, uint64_t pid, struct mon_debug_state *out);
/* A bit for each core that it spans. */
err_t mon_debug_cores(uint64_t pid, uint64_t cores[4]);
/*
 * Up to `bytes` at an address of its; *done: how many, an error only if there are none. ERR_MAP_UNMAPPED;
 * writing: ERR_DENIED, ERR_UNSUPPORTED: read-only, and not the process's alone.
 */
err_t mon_debug_read(coreid_t core, uint64_t pid, vaddr_t at, void *to, size_t bytes, size_t *done);
err_t mon_debug_write(coreid_t core, uint64_t pid, vaddr_t at, const void *from, size_t bytes, size_t *done);
/* Begins and ends debugging it. ERR_EXISTS: somebody does. */
err_t mon_debug_attach(uint64_t pid);
err_t mon_debug_detach(uint64_t pid);
