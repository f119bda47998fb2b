/* What the processor says of itself: Intel SDM volume 2, CPUID. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r = { .eax = leaf };

	__asm__("cpuid" : "+a"(r.eax), "=b"(r.ebx), "+c"(r.ecx), "=d"(r.edx));
	return r;
}

/* Does something else hand out the processors, and may take them away? A bit that processors leave 0, for emulators. */
static inline bool cpuid_hypervisor(void) { return cpuid(1).ecx >> 31; }
