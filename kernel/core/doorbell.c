/*
 * Doorbells: how one core signals another's notification.
 *
 * The one place in the CPU driver where cores share a word, and so the only one
 * with atomic instructions.  Each core has a page (arch_doorbell): a summary
 * word, with one bit for each of the page's other lines, and in those lines one
 * bit for each notification number of that core.  A sender sets the number's
 * bit, then its line's; only who finds the summary empty sends an IPI.  The
 * owner empties the summary first and the lines after: a bit that is set behind
 * its back comes with a summary bit, and with an IPI, of its own.
 * The summary's line has the words of island.c too, which no one locks.
 */
#include "../abi/boot.h"
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "dispatch.h"

#define WORDS_PER_LINE 8
#define NUMBERS_PER_LINE (WORDS_PER_LINE * 64)

/* Word `number` / 64 behind the summary's line. */
static uint64_t *doorbell_word(coreid_t core, uint64_t number)
{
	return arch_doorbell(core) + WORDS_PER_LINE + number / 64;
}

err_t doorbell_ring(coreid_t core, uint64_t number)
{
	uint64_t line = UINT64_C(1) << number / NUMBERS_PER_LINE;

	if (core >= arch_start.info.cores || number >= DOORBELL_WORDS * 64)
		return ERR_CORE_ID;
	__atomic_fetch_or(doorbell_word(core, number), UINT64_C(1) << number % 64, __ATOMIC_RELAXED);
	/* Release: who takes the summary's bit (acquire, below) finds the number's. */
	if (__atomic_fetch_or(arch_doorbell(core), line, __ATOMIC_ACQ_REL) == 0) {
		kernel_count[STAT_IPI_SENT]++;
		arch_ipi(core);
	}
	return ERR_OK;
}

static void doorbell_word_take(uint64_t *word, uint64_t first)
{
	uint64_t bits = __atomic_exchange_n(word, 0, __ATOMIC_RELAXED);

	for (; bits; bits &= bits - 1)
		notification_raise(notification_of_number(first + (unsigned)__builtin_ctzll(bits)));
}

static void doorbell_line_take(uint64_t *line, uint64_t first)
{
	for (unsigned w = 0; w < WORDS_PER_LINE; w++)
		if (*(volatile uint64_t *)&line[w])
			doorbell_word_take(&line[w], first + w * 64);
}

void doorbell_take(void)
{
	uint64_t *page = arch_doorbell(arch_start.info.core);
	uint64_t lines = __atomic_exchange_n(page, 0, __ATOMIC_ACQUIRE);

	for (; lines; lines &= lines - 1) {
		unsigned line = (unsigned)__builtin_ctzll(lines);

		doorbell_line_take(page + WORDS_PER_LINE * (line + 1), line * NUMBERS_PER_LINE);
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
