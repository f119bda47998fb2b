/*
 * Start of a process: what runs between the first upcall and main.
 *
 * libos/x86/crt0.asm calls libos_start on the first thread's stack, which makes
 * the libOS ready and hands over to posix_start.
 */
#pragma once

#include "kernel/abi/boot.h"

/* Makes slots, memory, address space, threads and endpoint 0 ready; then posix_start. */
void libos_start(uint64_t events) __attribute__((noreturn));

/*
 * In libos/posix/start.c: files, environment, constructors, main, exit. In
 * enabled mode, on the first thread.
 */
void posix_start(const struct process_args *args) __attribute__((noreturn));
