/*
 * Copying and clearing.  memcpy and its kin are what the compiler may call for
 * assignments of structures; arch_clear() clears memory that becomes a user's.
 */
#include "arch.h"
#include "cpu.h"
#include "memory.h"

/* Counts the same on every machine as a loop; long ones are few and at start. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *d = to;
	size_t words = n / 8, rest = n % 8;
	uint64_t v = UINT64_C(0x0101010101010101) * (uint8_t)c;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(v) : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(to, from, n);
	while (n-- > 0)
		d[n] = s[n];
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/*
 * The CPU driver itself uses no vector registers: the one through which it clears holds a user's value and is put back.
 * The upper half of the wide ones is put back only if the user has any in use; else a processor would from then on take
 * them for used, and be slower with the narrow ones.
 */
#define CLEAR_WIDE_LEAST 1024

struct saved {
	_Alignas(16) uint8_t byte[32];
};

/*
 * Thirty-two bytes a store and 1,024 a turn; where what it has not cleared begins. Not while still wider registers are
 * in use: their upper parts would be lost.
 */
static char *clear_wide(char *at, uint64_t bytes)
{
	char *end = at + (bytes & ~UINT64_C(1023));
	uint64_t used = cpu.xinuse ? xgetbv(1) : cpu.xcr0;
	struct saved saved;

	if (used & XCR0_AVX512)
		return at;

	__asm__ volatile("vmovups %%ymm0, %0\n\tvxorps %%ymm0, %%ymm0, %%ymm0" : "=m"(saved) : : "memory");
	for (; at < end; at += 1024)
		__asm__ volatile(".set at_, 0\n\t"
				 ".rept 32\n\t"
				 "vmovaps %%ymm0, at_(%0)\n\t"
				 ".set at_, at_ + 32\n\t"
				 ".endr"
				 :
				 : "r"(at)
				 : "memory");
	if (used & XCR0_AVX)
		__asm__ volatile("vmovups %0, %%ymm0" : : "m"(saved) : "memory");
	else
		__asm__ volatile("vzeroupper\n\tmovaps %0, %%xmm0" : : "m"(saved) : "memory");
	return at;
}

/* Sixteen bytes a store and 256 a turn, for what is left and for processors without wide registers. */
static void clear_narrow(char *at, uint64_t bytes)
{
	char *end = at + (bytes & ~UINT64_C(255)), *last = at + bytes;
	struct saved saved;

	__asm__ volatile("movaps %%xmm0, %0\n\txorps %%xmm0, %%xmm0" : "=m"(saved) : : "memory");
	for (; at < end; at += 256)
		__asm__ volatile("movaps %%xmm0, (%0)\n\tmovaps %%xmm0, 16(%0)\n\tmovaps %%xmm0, 32(%0)\n\t"
				 "movaps %%xmm0, 48(%0)\n\tmovaps %%xmm0, 64(%0)\n\tmovaps %%xmm0, 80(%0)\n\t"
				 "movaps %%xmm0, 96(%0)\n\tmovaps %%xmm0, 112(%0)\n\tmovaps %%xmm0, 128(%0)\n\t"
				 "movaps %%xmm0, 144(%0)\n\tmovaps %%xmm0, 160(%0)\n\tmovaps %%xmm0, 176(%0)\n\t"
				 "movaps %%xmm0, 192(%0)\n\tmovaps %%xmm0, 208(%0)\n\tmovaps %%xmm0, 224(%0)\n\t"
				 "movaps %%xmm0, 240(%0)"
				 :
				 : "r"(at)
				 : "memory");
	for (; at < last; at += 64)
		__asm__ volatile("movaps %%xmm0, (%0)\n\tmovaps %%xmm0, 16(%0)\n\tmovaps %%xmm0, 32(%0)\n\t"
				 "movaps %%xmm0, 48(%0)"
				 :
				 : "r"(at)
				 : "memory");
	__asm__ volatile("movaps %0, %%xmm0" : : "m"(saved) : "memory");
}

void arch_clear(void *p, uint64_t bytes)
{
	char *at = p, *last = at + bytes;

	if (cpu.wide && bytes >= CLEAR_WIDE_LEAST)
		at = clear_wide(at, bytes);
	if (at < last)
		clear_narrow(at, (uint64_t)(last - at));
}
