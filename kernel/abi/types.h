/*
 * The scalar types that the CPU driver and user space share.
 *
 * Floor 0: everything may include this, and it includes only the compiler's
 * own fixed-width types.  A physical and a virtual address never share a type.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;  /* physical address, bytes */
typedef uint64_t vaddr_t;  /* virtual address, bytes */
typedef uint32_t coreid_t; /* dense core number, 0 is the one that booted */
typedef uint64_t cycles_t; /* time stamp counter ticks */

/* A slot in a capability space: see abi/cap.h for how it is read. */
typedef uint64_t cptr_t;

/* 0, or a code out of abi/error.h. */
typedef int64_t err_t;

#define CORES_MAX 1024
#define CACHE_LINE 64
#define PAGE_BITS 12
#define PAGE_SIZE 4096

/* Size of the objects in a power of two: 1 << bits, as a 64-bit quantity. */
#define SIZE_OF_BITS(bits) (UINT64_C(1) << (bits))
