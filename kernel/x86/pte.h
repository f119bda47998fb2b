/* Page table entries of x86-64, all four levels (Intel SDM volume 3, 4.5), and the kernel's own tables. */
#pragma once

#include "../abi/types.h"

#define PTE_P 0x1
#define PTE_W 0x2
#define PTE_U 0x4
#define PTE_PWT 0x8
#define PTE_PCD 0x10
#define PTE_A 0x20
#define PTE_D 0x40
#define PTE_PS 0x80
#define PTE_G 0x100
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

/* paging.c: this core's kernel root, and the table that an entry of the kernel half points to. */
uint64_t *paging_root(void);
uint64_t *paging_table(uint64_t pte);
