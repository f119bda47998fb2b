/*
 * memcpy and memset, in place of newlib's, whose stores go past the caches, and memcmp, which goes by bytes there.
 *
 * What is long goes by registers of 32 bytes where the processor has them (AVX) and the CPU driver keeps them, else by
 * the string instructions, eight bytes a turn; what is short by overlapping moves, so that no length needs a loop by
 * bytes.
 */
#include "libos/x86/cpuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STRING_LEAST 256 /* bytes from which a string instruction, or a loop by wide registers, is worth its start */
#define CPUID_1_OSXSAVE (1u << 27)
#define CPUID_1_AVX (1u << 28)
#define XCR0_SSE_AVX 6u

typedef uint64_t vector __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t wide __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t word8 __attribute__((aligned(1), may_alias));
typedef uint32_t word4 __attribute__((aligned(1), may_alias));
typedef uint16_t word2 __attribute__((aligned(1), may_alias));

/* In a loop that the compiler would else make a call of memcpy or memset. */
#define NOT_BY_ITSELF __asm__ volatile("" : : : "memory")

/* Both ends, which overlap; the loads come first. */
#define ENDS(type)                                                                             \
	do {                                                                                   \
		type first_ = *(const type *)s, last_ = *(const type *)(s + n - sizeof(type)); \
		*(type *)d = first_;                                                           \
		*(type *)(d + n - sizeof(type)) = last_;                                       \
	} while (0)

static inline void copy_short(char *d, const char *s, size_t n)
{
	if (n >= 8)
		ENDS(word8);
	else if (n >= 4)
		ENDS(word4);
	else if (n >= 2)
		ENDS(word2);
	else if (n)
		*d = *s;
}

static bool wide_ask(void)
{
	uint32_t ecx = cpuid(1).ecx, a, d;

	if (!(ecx & CPUID_1_OSXSAVE) || !(ecx & CPUID_1_AVX))
		return false;
	__asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & XCR0_SSE_AVX) == XCR0_SSE_AVX;
}

/* Asked once; threads that ask at a time find the same. */
static bool wide_is_there(void)
{
	enum { UNKNOWN, NO, YES };
	static unsigned is;
	unsigned now = __atomic_load_n(&is, __ATOMIC_RELAXED);

	if (now == UNKNOWN) {
		now = wide_ask() ? YES : NO;
		__atomic_store_n(&is, now, __ATOMIC_RELAXED);
	}
	return now == YES;
}

/* At least STRING_LEAST bytes; the last ones overlap with what goes before them. */
__attribute__((target("avx"), noinline)) static void copy_wide(char *d, const char *s, size_t n)
{
	const wide *from = (const wide *)s, *tail = (const wide *)(s + n - STRING_LEAST);
	wide *to = (wide *)d, *tail_to = (wide *)(d + n - STRING_LEAST);

	for (; from < tail; from += 8, to += 8) {
		wide a = from[0], b = from[1], c = from[2], e = from[3];
		wide f = from[4], g = from[5], h = from[6], i = from[7];

		to[0] = a, to[1] = b, to[2] = c, to[3] = e;
		to[4] = f, to[5] = g, to[6] = h, to[7] = i;
		NOT_BY_ITSELF;
	}
	for (unsigned k = 0; k < 8; k++)
		tail_to[k] = tail[k];
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	const char *s = from;
	char *d = to;

	if (n < sizeof(vector)) {
		copy_short(d, s, n);
	} else if (n < STRING_LEAST) {
		vector last = *(const vector *)(s + n - sizeof(vector));
		char *end = d + n - sizeof(vector);

		for (; d < end; d += sizeof(vector), s += sizeof(vector)) {
			*(vector *)d = *(const vector *)s;
			NOT_BY_ITSELF;
		}
		*(vector *)end = last;
	} else if (wide_is_there()) {
		copy_wide(d, s, n);
	} else {
		uint64_t last = *(const word8 *)(s + n - 8), words = n / 8;
		char *end = d + n - 8;

		__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
		*(word8 *)end = last;
	}
	return to;
}

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *a = left, *b = right;

	for (; n >= 8 && *(const word8 *)a == *(const word8 *)b; n -= 8, a += 8, b += 8)
		;
	for (; n; n--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

void *memset(void *to, int byte, size_t n)
{
	uint64_t word = (uint8_t)byte * UINT64_C(0x0101010101010101), words = n / 8;
	char *d = to;

	if (n < 8) {
		for (; n; n--) {
			d[n - 1] = (char)byte;
			NOT_BY_ITSELF;
		}
		return to;
	}
	*(word8 *)(d + n - 8) = word;
	if (n < STRING_LEAST)
		for (; words; words--, d += 8) {
			*(word8 *)d = word;
			NOT_BY_ITSELF;
		}
	else
		__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
	return to;
}
