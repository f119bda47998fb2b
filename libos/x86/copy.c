/*
 * memcpy and memset, in place of newlib's, whose stores go past the caches, and memcmp, which goes by bytes there.
 *
 * What is long goes by the processor's string instructions, eight bytes a turn; what is short by overlapping moves, so
 * that no length needs a loop by bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STRING_LEAST 256 /* bytes from which a string instruction is worth its start */

typedef uint64_t vector __attribute__((vector_size(16), aligned(1), may_alias));
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
