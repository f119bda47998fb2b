/*
 * Core-local variables: one instance for each core that a process spans.
 *
 * They lie in the two megabytes of addresses around the dispatcher page, which every
 * member of a process has its own page table for: the same address, on each core other
 * memory, zero when the member starts.  So what belongs to a dispatcher is marked
 * and is otherwise written like any static variable.  A thread may find itself on another
 * core after anything that can block or give way: a pointer to such a variable is kept
 * over that only by who stays (disabled mode, or a pinned thread).
 */
#pragma once

#define CORE_LOCAL __attribute__((section(".corelocal")))
