/* Random bits from the processor, where it has them. */
#pragma once

#include "libos/x86/cpuid.h"

#include <stdbool.h>
#include <stdint.h>

#define CPUID_1_ECX_RDRAND (UINT32_C(1) << 30)
#define RDRAND_TRIES 10 /* as the manual advises (volume 1, 7.3.17.1) */

/* False when the processor has no RDRAND, or no bits just now. */
static inline bool random_word(uint64_t *out)
{
	bool good = false;

	if (!(cpuid(1).ecx & CPUID_1_ECX_RDRAND))
		return false;
	for (int i = 0; i < RDRAND_TRIES && !good; i++)
		__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(good));
	return good;
}
