/*
 * captest [CORES [ROUNDS [SEED]]]: as many threads as cores, each on its own, race to copy, fetch, retype,
 * delete and revoke capabilities to the same memory.
 *
 * Every member has as many slots as every other; any thread names any of them.  Nearly all
 * requests can fail for a good reason, and what fails must fail for one of those.
 * In the end all let go, and the monitors compare what is left.  Exit status 0: nothing was wrong.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/abi/cap.h"
#include "libos/core/error_text.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/stay.h"
#include "libos/thread/cpu.h"
#include "libos/thread/thread.h"
#include "libos/x86/barrier.h"

#define CORES 16
#define SLOTS 24
#define ROUNDS 200
#define RAM_BITS 17

static struct worker {
	uint64_t random;
	coreid_t core;
	cptr_t slots;
	unsigned done, refused;
	err_t wrong;
	const char *what;
	struct thread *thread;
} workers[CORES];
static unsigned cores = 2, rounds = ROUNDS;
static uint32_t arrived, left;
static cptr_t ram, source; /* of the member on `home`: all of it; what they race for, made of it */
static coreid_t home;

static unsigned draw(struct worker *w, unsigned below)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(w->random >> 33) % below;
}

/* What a race may end with: no capability, no slot, no right, memory that is taken. */
static bool is_expected(err_t err)
{
	switch (err) {
	case ERR_OK:
	case ERR_CAP_LOOKUP:
	case ERR_SLOT_OCCUPIED:
	case ERR_CAP_RIGHTS:
	case ERR_CAP_TYPE:
	case ERR_CAP_BUSY:
	case ERR_RETYPE_TYPE:
	case ERR_RETYPE_SIZE:
	case ERR_RETYPE_OVERLAP:
		return true;
	default:
		return false;
	}
}

static err_t retype(struct worker *w, cptr_t from, cptr_t to)
{
	static const uint8_t types[] = { CAP_RAM, CAP_RAM, CAP_FRAME, CAP_PTABLE1 };
	unsigned type = types[draw(w, sizeof types)], bits = type == CAP_RAM ? 12 + draw(w, 3) : PAGE_BITS;

	return shared_retype(from, (uint64_t)draw(w, 1u << (RAM_BITS - 1 - bits)) << bits, type, bits, 1, to);
}

static err_t act(struct worker *w)
{
	const struct worker *other = &workers[draw(w, cores)];
	cptr_t from = w->slots + draw(w, SLOTS), to = w->slots + draw(w, SLOTS);
	unsigned rights = draw(w, 3) ? RIGHT_ALL : draw(w, RIGHT_ALL + 1), n = draw(w, 100);

	if (n < 10) {
		w->what = "first fetch";
		/* Who has all rights may revoke it, and then there is none until it is made anew. */
		return shared_fetch(home, source, to, draw(w, 20) ? RIGHT_ALL & ~(unsigned)RIGHT_EXECUTE : RIGHT_ALL);
	}
	if (n < 30) {
		w->what = "copy";
		return shared_copy(from, other->core, other->slots + draw(w, SLOTS), rights);
	}
	if (n < 50) {
		w->what = "fetch";
		return shared_fetch(other->core, other->slots + draw(w, SLOTS), to, rights);
	}
	if (n < 70) {
		w->what = "retype";
		return retype(w, from, to);
	}
	w->what = n < 95 ? "delete" : "revoke";
	return n < 95 ? shared_delete(to) : shared_revoke(from);
}

/* All are there before anybody begins, and nobody leaves while another may still give him something. */
static void meet(uint32_t *count)
{
	mem_increment32(count);
	while (mem_load32_acquire(count) < cores)
		thread_yield();
}

static void *work(void *arg)
{
	struct worker *w = arg;

	thread_visit(w->core);
	core_stay();
	w->wrong = slot_alloc_run(SLOTS, &w->slots);
	meet(&arrived);
	for (unsigned i = 0; i < rounds && !w->wrong; i++) {
		err_t err = act(w);

		w->done += err == 0;
		w->refused += err != 0;
		if (!is_expected(err))
			w->wrong = err;
	}
	meet(&left);
	for (unsigned i = 0; i < SLOTS; i++)
		shared_delete(w->slots + i);
	core_go();
	return NULL;
}

static err_t begin(uint64_t seed)
{
	err_t err = ram_alloc(RAM_BITS, &ram);

	home = cpu_current();
	if (!err)
		err = slot_alloc(&source);
	for (coreid_t core = 0; core < cores && !err; core++) {
		workers[core] = (struct worker){ .core = core, .random = seed * CORES + core };
		if (core != cpu_current())
			err = cpu_join(core);
	}
	return err;
}

static unsigned walk(void)
{
	uint64_t violations = 0;
	err_t err = mon_walk(&violations);

	if (err)
		printf("captest: the checker: %s\n", error_text(err));
	return err ? 1 : (unsigned)violations;
}

/* While they race: takes everything from all, and begins anew, whenever somebody has revoked what it is made of. */
static err_t renew(void)
{
	struct cap_info info;
	err_t err;

	if (!cap_identify(source, &info))
		return ERR_OK;
	err = shared_revoke(ram);
	return err ? err : cap_retype(ram, 0, CAP_RAM, RAM_BITS - 1, 1, source);
}

static unsigned race(void)
{
	unsigned wrong = 0, done = 0, refused = 0;
	err_t err = ERR_OK;

	for (unsigned i = 0; i < cores; i++)
		if (thread_create(&workers[i].thread, work, &workers[i]))
			return 1;
	for (; mem_load32_acquire(&left) < cores && !err; thread_yield())
		err = renew();
	if (err)
		wrong++, printf("captest: the memory cannot be made anew: %s\n", error_text(err));
	for (unsigned i = 0; i < cores; i++) {
		thread_join(workers[i].thread, NULL);
		done += workers[i].done;
		refused += workers[i].refused;
		if (!workers[i].wrong)
			continue;
		wrong++;
		printf("captest: %s on core %u: %s\n", workers[i].what, i, error_text(workers[i].wrong));
	}
	printf("captest: %u cores: %u done, %u refused\n", cores, done, refused);
	return wrong;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	unsigned wrong, violations;
	err_t err;

	cores = argc > 1 ? (unsigned)atoi(argv[1]) : cores;
	rounds = argc > 2 ? (unsigned)atoi(argv[2]) : rounds;
	if (cores < 1 || cores > CORES) {
		printf("captest: 1 to %u cores\n", CORES);
		return 2;
	}
	core_stay(); /* with the memory */
	err = begin(seed);
	if (err) {
		printf("captest: %s\n", error_text(err));
		return 2;
	}
	wrong = race();
	err = shared_revoke(ram);
	if (!err)
		err = ram_free(ram);
	if (err)
		printf("captest: the memory does not come back: %s\n", error_text(err));
	violations = walk();
	printf("captest: %u violations\n", violations);
	return wrong || violations || err ? 1 : 0;
}
