/*
 * A crowd: clients of a service, each a process that asks it all the time for as long as it is told.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#define CROWD_MOST 16
#define CROWD_MS 100

/*
 * Starts so many "bench --serve ROLE MS 0", the n-th on core first + n of those up to and with `last`, then from
 * `first` again; waits for them. Ticks between two answers, all clients together. ERR_TIMEOUT: there were none.
 */
err_t crowd_run(const char *role, unsigned clients, coreid_t first, coreid_t last, double *ticks);
/* In a client: asks till so many milliseconds are over; how many answers there were, for its exit status. */
int crowd_ask(const char *ms, err_t (*once)(void));
