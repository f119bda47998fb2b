/*
 * Before it sleeps a monitor polls for about as long as being woken costs, so that at the worst it spends twice
 * of what it would have spent had it known when the next line comes, and an answer that is under way
 * finds it awake: no interrupt, no halt, no upcall.
 *
 * Only with nobody else to run on this core: the CPU driver says how many can.  Whom an interrupt
 * makes runnable meanwhile runs at once, before us.  After that the core halts; nothing ticks.  The
 * bound is a number of looks, since in an emulator whose cores take turns a look ends a turn.
 */
#include "monitor/linger.h"
#include "libos/core/syscall.h"
#include "libos/x86/barrier.h"
#include "libos/x86/context.h"

#define ROUNDS 8
#define LOOKS_MAX 1024

static unsigned looks;

static bool look(const struct event *work) { return links_hinted() || event_is_set(work); }

static bool looks_find(const struct event *work, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (look(work))
			return true;
		cpu_pause();
	}
	return false;
}

bool linger(const struct event *work) { return sys_runnable() == 1 && looks_find(work, looks); }

/* The least of several: from ringing our doorbell till the wait for it is over. */
static err_t wake_cost(struct event *work, cycles_t *least)
{
	err_t err = ERR_OK;

	*least = UINT64_MAX;
	for (unsigned i = 0; i < ROUNDS && !err; i++) {
		cycles_t start = context_now();

		err = links_ring_self();
		event_wait(work, 0);
		if (context_now() - start < *least)
			*least = context_now() - start;
	}
	return err;
}

static cycles_t look_cost(const struct event *work)
{
	cycles_t least = UINT64_MAX;

	for (unsigned i = 0; i < ROUNDS; i++) {
		cycles_t start = context_now();

		looks_find(work, ROUNDS);
		if (context_now() - start < least)
			least = context_now() - start;
	}
	return least / ROUNDS + 1;
}

/* Ringing and the upcall are measured; the halt, the interrupt and the way through the scheduler are as much again. */
err_t linger_init(struct event *work)
{
	cycles_t wake;
	err_t err = wake_cost(work, &wake);
	uint64_t count = 2 * wake / look_cost(work) + 1;

	looks = count < LOOKS_MAX ? (unsigned)count : LOOKS_MAX;
	return err;
}
