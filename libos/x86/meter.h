/*
 * Marks for a meter in the emulator: no-ops that any privilege level may run and
 * that a plugin sees (docs/performance.md).  Without one they cost their one instruction.
 */
#pragma once

enum meter_mark { METER_OPEN = 1, METER_CLOSE, METER_REPORT, METER_TRACK };

/* nopl 0x0c0de000 + mark(%rax) */
#define METER(mark) __asm__ volatile("nopl %c0(%%rax)" ::"i"(0x0c0de000 + (mark)) : "memory")
