/*
 * Doorbells: how one core signals another's notification.
 *
 * The one place in the CPU driver where cores share a word, and so the only one
 * with atomic instructions.  Each core has a page (arch_doorbell): a summary
 * word, with one bit for each of DOORBELL_WORDS words behind its line, and in those one
 * bit for each notification number of that core.  A sender sets the number's
 * bit, then its word's; only who finds the summary empty sends an IPI.  The
 * owner empties the summary first and the words after: a bit that is set behind
 * its back comes with a summary bit, and with an IPI, of its own.
 * The summary's line has the words of island.c too, which no one locks.
 */
#include "../abi/boot.h"
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "dispatch.h"

#define WORDS_PER_LINE 8
_Static_assert(DOORBELL_WORDS == 64, "a bit of the summary for each word");

err_t doorbell_ring(coreid_t core, uint64_t number)
{
	uint64_t *page = arch_doorbell(core);

	if (core >= arch_start.info.cores || number >= DOORBELL_WORDS * 64)
		return ERR_CORE_ID;
	__atomic_fetch_or(&page[WORDS_PER_LINE + number / 64], UINT64_C(1) << number % 64, __ATOMIC_RELAXED);
	/* Release: who takes the summary's bit (acquire, below) finds the number's. */
	if (__atomic_fetch_or(page, UINT64_C(1) << number / 64, __ATOMIC_ACQ_REL) == 0) {
		kernel_count[STAT_IPI_SENT]++;
		arch_ipi(core);
	}
	return ERR_OK;
}

void doorbell_take(void)
{
	uint64_t *page = arch_doorbell(arch_start.info.core);

	for (uint64_t words = __atomic_exchange_n(page, 0, __ATOMIC_ACQUIRE); words; words &= words - 1) {
		unsigned word = (unsigned)__builtin_ctzll(words);

		for (uint64_t bits = __atomic_exchange_n(&page[WORDS_PER_LINE + word], 0, __ATOMIC_RELAXED); bits;
		     bits &= bits - 1)
			notification_raise(notification_of_number(word * 64 + (unsigned)__builtin_ctzll(bits)));
	}
}

void kernel_doorbell(void)
{
	kernel_count[STAT_INTERRUPTS]++;
	kernel_count[STAT_IPI_RECEIVED]++;
	schedule_interrupt();
	doorbell_take();
	if (island_shared)
		island_forward();
	schedule_interrupted();
}
