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

/* --- start_services.c --- */

/* Reads option `services`. */
void services_start(void);
/* Starts the next ones when it is their time; true when the first program may start. */
bool services_ready(void);
void services_process_gone(const struct process *p);
/* A name went with its process: a service may have nobody left. */
void services_name_gone(void);
/* Starts again those that have nobody left, when it is time. `next`: as in boot_step. */
void services_step(cycles_t *next);
