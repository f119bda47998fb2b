/*
 * Random numbers: xoshiro256**, seeded by splitmix64 (Blackman and Vigna, 2018). All of a run comes from one
 * of these, so a seed is a run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t s[4];
};

static inline uint64_t random_mix(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline void random_seed(struct random *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = random_mix(&seed);
}

static inline uint64_t random_rotate(uint64_t x, unsigned k) { return x << k | x >> (64 - k); }

static inline uint64_t random_next(struct random *r)
{
	uint64_t result = random_rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = random_rotate(r->s[3], 45);
	return result;
}

/* Below `limit`, which is not 0. */
static inline uint64_t random_below(struct random *r, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)random_next(r) * limit >> 64);
}

/* True in one of `n` cases. */
static inline bool random_one_in(struct random *r, uint64_t n) { return random_below(r, n) == 0; }
