/*
 * Sets of cores, as in Linux and the BSDs.
 */
#ifndef _SYS_CPUSET_H_
#define _SYS_CPUSET_H_

#include <sys/cdefs.h>

#define CPU_SETSIZE 1024
#define __CPU_WORD_BITS 64

typedef struct {
	unsigned long __bits[CPU_SETSIZE / __CPU_WORD_BITS];
} cpu_set_t;

#define __CPU_IN(n) ((unsigned)(n) < CPU_SETSIZE)
#define __CPU_WORD(n, set) ((set)->__bits[(unsigned)(n) / __CPU_WORD_BITS])
#define __CPU_BIT(n) (1ul << (unsigned)(n) % __CPU_WORD_BITS)

#define CPU_ZERO(set) ((void)__builtin_memset((set), 0, sizeof(cpu_set_t)))
#define CPU_SET(n, set) ((void)(__CPU_IN(n) ? __CPU_WORD(n, set) |= __CPU_BIT(n) : 0))
#define CPU_CLR(n, set) ((void)(__CPU_IN(n) ? __CPU_WORD(n, set) &= ~__CPU_BIT(n) : 0))
#define CPU_ISSET(n, set) (__CPU_IN(n) ? (__CPU_WORD(n, set) & __CPU_BIT(n)) != 0 : 0)
#define CPU_EQUAL(a, b) (__builtin_memcmp((a), (b), sizeof(cpu_set_t)) == 0)

static __inline int CPU_COUNT(const cpu_set_t *set)
{
	int n = 0;

	for (unsigned i = 0; i < CPU_SETSIZE / __CPU_WORD_BITS; i++)
		n += __builtin_popcountl(set->__bits[i]);
	return n;
}

#endif
