/*
 * The dispatcher from inside, in the simulator. It shadows libos/core/dispatcher.h: an island is
 * never interrupted, and its pages are where the machine put them.
 */
#pragma once

#include "kernel/abi/boot.h"
#include "kernel/abi/dispatcher.h"
#include "tools/sim/island/machine.h"

static inline const struct process_args *process_args(void) { return (const struct process_args *)machine_arguments(); }
static inline void dispatcher_disable(void) {}
static inline void dispatcher_enable(void) {}

typedef void event_handler(void *arg);

err_t notification_create(event_handler *handler, void *arg, cptr_t *out, unsigned *bit);
err_t notification_destroy(cptr_t ntfn, unsigned bit);
void event_handle(void *arg);
