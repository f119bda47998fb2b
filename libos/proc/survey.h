/*
 * The processes of all cores, as their monitors list them.
 */
#pragma once

#include "kernel/abi/error.h"
#include "services/proc/types.h"

/* As proc_list (services/proc/proto.h), by asking the monitors. */
err_t proc_survey(struct proc_cursor *at, struct proc_info *list, uint32_t *count);
