/*
 * Memory shared with another core: loads, stores and fences, and the pause of a
 * spin loop.
 *
 * x86 is TSO: loads are not reordered with loads, stores not with stores, a load
 * not with a later store.  So acquire and release cost no instruction, only that
 * the compiler keep its hands off; a store followed by a load of another line is
 * the one order that needs mem_fence().  The forms with inline assembly exist
 * because compilers do not fold an atomic access into a compare or an add, and
 * these are the messages' fast paths.  Under a sanitizer all are the compiler's
 * own atomics and plain C, which it understands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Under a sanitizer the compiler must see every access. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MEM_BY_COMPILER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MEM_BY_COMPILER 1
#endif

static inline uint8_t mem_load8(const uint8_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint32_t mem_load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline uint64_t mem_load64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
static inline void mem_store8(uint8_t *p, uint8_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
static inline void mem_store32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }

/* Later accesses stay after this load. */
static inline uint32_t mem_load32_acquire(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline uint64_t mem_load64_acquire(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
/* Earlier accesses stay before this store. */
static inline void mem_store32_release(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
static inline void mem_store64_release(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
/* Swaps; a full fence. */
static inline uint32_t mem_swap32(uint32_t *p, uint32_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }

/* Adds 1 and gives the sum; a full fence. */
static inline uint32_t mem_increment32(uint32_t *p) { return __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST); }
static inline uint64_t mem_swap64(uint64_t *p, uint64_t v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
/* Stores `to` if *p is `from`; a full fence either way. */
static inline bool mem_change64(uint64_t *p, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#ifdef MEM_BY_COMPILER

static inline bool mem_equals_acquire(const uint32_t *p, uint32_t v) { return mem_load32_acquire(p) == v; }
static inline void mem_add_release(uint32_t *p, uint32_t step) { mem_store32_release(p, mem_load32(p) + step); }

static inline void mem_read_words(uint64_t *to, const void *base, uint64_t index)
{
	const uint64_t *from = (const uint64_t *)base + index;

	for (unsigned i = 0; i < 7; i++)
		to[i] = from[i];
}

static inline void mem_publish_line(void *base, uint64_t index, const uint64_t *from, uint64_t word7)
{
	uint64_t *to = (uint64_t *)base + index;

	for (unsigned i = 0; i < 7; i++)
		to[i] = from[i];
	mem_store64_release(&to[7], word7);
}

/* ThreadSanitizer knows no fences: the swap of a line of one's own orders on x86 just as well. */
static inline void mem_fence(void)
{
	static _Thread_local uint32_t own;

	mem_swap32(&own, 0);
}

#else

/* Is *p == v? Later accesses stay after the load. */
static inline bool mem_equals_acquire(const uint32_t *p, uint32_t v)
{
	bool equal;

	__asm__ volatile("cmpl %2, %1" : "=@cce"(equal) : "m"(*p), "ri"(v) : "memory");
	return equal;
}

/* *p += step, for a word that only the caller writes. Earlier accesses stay before the store. */
static inline void mem_add_release(uint32_t *p, uint32_t step)
{
	__asm__ volatile("addl %1, %0" : "+m"(*p) : "ri"(step) : "memory", "cc");
}

/*
 * Copies 7 words from word `index` of base, each once, in no order.  `to` is 16-byte
 * aligned; the other end is, too, unless `index` came from a peer that lies.
 */
static inline void mem_read_words(uint64_t *to, const void *base, uint64_t index)
{
	uint64_t last;

	__asm__ volatile("movups (%[b],%[i],8), %%xmm0\n\t"
			 "movups 16(%[b],%[i],8), %%xmm1\n\t"
			 "movups 32(%[b],%[i],8), %%xmm2\n\t"
			 "movq 48(%[b],%[i],8), %[last]\n\t"
			 "movaps %%xmm0, (%[to])\n\t"
			 "movaps %%xmm1, 16(%[to])\n\t"
			 "movaps %%xmm2, 32(%[to])\n\t"
			 "movq %[last], 48(%[to])"
			 : [last] "=&r"(last)
			 : [b] "r"(base), [i] "r"(index), [to] "r"(to)
			 : "memory", "xmm0", "xmm1", "xmm2");
}

/*
 * Copies 7 words to word `index` of base, then stores word7 behind them: who sees
 * that (acquire) sees the rest, since stores stay in order.  Alignment as above.
 */
static inline void mem_publish_line(void *base, uint64_t index, const uint64_t *from, uint64_t word7)
{
	uint64_t last;

	__asm__ volatile("movups (%[from]), %%xmm0\n\t"
			 "movups 16(%[from]), %%xmm1\n\t"
			 "movups 32(%[from]), %%xmm2\n\t"
			 "movq 48(%[from]), %[last]\n\t"
			 "movups %%xmm0, (%[b],%[i],8)\n\t"
			 "movups %%xmm1, 16(%[b],%[i],8)\n\t"
			 "movups %%xmm2, 32(%[b],%[i],8)\n\t"
			 "movq %[last], 48(%[b],%[i],8)\n\t"
			 "movq %[word7], 56(%[b],%[i],8)"
			 : [last] "=&r"(last)
			 : [b] "r"(base), [i] "r"(index), [from] "r"(from), [word7] "r"(word7)
			 : "memory", "xmm0", "xmm1", "xmm2");
}

/* All earlier stores are seen by all cores before any later load is made. A third of the price of MFENCE. */
static inline void mem_fence(void) { __asm__ volatile("lock orl $0, (%%rsp)" : : : "memory", "cc"); }

#endif

/* In every spin loop: tells the processor, and an emulator, that another one is waited for. */
static inline void cpu_pause(void) { __asm__ volatile("pause" : : : "memory"); }
