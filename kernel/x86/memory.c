/*
 * Copying and clearing.  memcpy and its kin are what the compiler may call for
 * assignments of structures; arch_clear() clears memory that becomes a user's.
 */
#include "arch.h"
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
 * Sixteen bytes a store and 256 a turn, through xmm0, which holds a user's value
 * and is put back: the CPU driver itself uses no vector registers.
 */
void arch_clear(void *p, uint64_t bytes)
{
	char *at = p, *end = at + (bytes & ~UINT64_C(255)), *last = at + bytes;
	struct {
		_Alignas(16) uint8_t byte[16];
	} saved;

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
