/*
 * memmove and strcspn, which newlib has in the plainest form: byte by byte where addresses are not aligned. Their kin
 * are in libos/x86/copy.c.
 *
 * Integer registers only, eight bytes at a time wherever they lie. Blocks are read before they are written, so that
 * no compiler takes a loop for a call of the function that it is in.
 */
#include <stdint.h>
#include <string.h>

#define WORD sizeof(uint64_t)
#define BLOCK (4 * WORD)

struct block {
	uint64_t word[4];
};

static inline uint64_t word_get(const char *at)
{
	uint64_t w;

	__builtin_memcpy(&w, at, WORD);
	return w;
}

static inline void word_put(char *at, uint64_t w) { __builtin_memcpy(at, &w, WORD); }

static inline struct block block_get(const char *at)
{
	return (struct block){ { word_get(at), word_get(at + 8), word_get(at + 16), word_get(at + 24) } };
}

static inline void block_put(char *at, struct block b)
{
	word_put(at, b.word[0]);
	word_put(at + 8, b.word[1]);
	word_put(at + 16, b.word[2]);
	word_put(at + 24, b.word[3]);
}

/* Up to two words, from both ends. */
static inline void move_short(char *to, const char *from, size_t n)
{
	if (n >= WORD) {
		uint64_t first = word_get(from), last = word_get(from + n - WORD);

		word_put(to, first);
		word_put(to + n - WORD, last);
	} else if (n >= sizeof(uint32_t)) {
		uint32_t first, last;

		__builtin_memcpy(&first, from, sizeof(first));
		__builtin_memcpy(&last, from + n - sizeof(last), sizeof(last));
		__builtin_memcpy(to, &first, sizeof(first));
		__builtin_memcpy(to + n - sizeof(last), &last, sizeof(last));
	} else if (n) {
		char first = from[0], middle = from[n / 2], last = from[n - 1];

		to[0] = first;
		to[n / 2] = middle;
		to[n - 1] = last;
	}
}

void *memmove(void *to_, const void *from_, size_t n)
{
	char *to = to_;
	const char *from = from_;

	if (n <= 2 * WORD) {
		move_short(to, from, n);
	} else if (n <= BLOCK) {
		uint64_t a = word_get(from), b = word_get(from + WORD);
		uint64_t c = word_get(from + n - 2 * WORD), d = word_get(from + n - WORD);

		word_put(to, a);
		word_put(to + WORD, b);
		word_put(to + n - 2 * WORD, c);
		word_put(to + n - WORD, d);
	} else if ((uintptr_t)to - (uintptr_t)from >= n) {
		struct block last = block_get(from + n - BLOCK);

		for (size_t at = 0; at < n - BLOCK; at += BLOCK)
			block_put(to + at, block_get(from + at));
		block_put(to + n - BLOCK, last);
	} else {
		struct block first = block_get(from);

		for (size_t at = n; at > BLOCK; at -= BLOCK)
			block_put(to + at - BLOCK, block_get(from + at - BLOCK));
		block_put(to, first);
	}
	return to_;
}

size_t strcspn(const char *text, const char *stop)
{
	uint64_t set[4] = { 1 }; /* the end stops, too */
	size_t n = 0;

	for (; *stop; stop++)
		set[(uint8_t)*stop >> 6] |= 1ull << (*stop & 63);
	while (!(set[(uint8_t)text[n] >> 6] >> (text[n] & 63) & 1))
		n++;
	return n;
}
