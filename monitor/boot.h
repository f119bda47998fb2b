/*
 * Bringing the system up, on monitor 0: cores, then the console, then the first program.
 */
#pragma once

#include "monitor/process_table.h"

void boot_begin(void);
/* The next step, when it is its time; `next`: when to look again at the latest, or 0. */
void boot_step(cycles_t *next);
/* A process of this core has ended. */
void boot_process_gone(const struct process *p);
