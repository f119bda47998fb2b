/*
 * capfuzz SEED STEPS: typed random invocations against this core's CPU driver.
 *
 * The program owns a block of RAM and POOL slots, and fires operations at them:
 * mostly with arguments of the right type, often with one argument spoilt, now and
 * then with nothing but noise in every register.  Every CHECK_EVERY steps it asks, through
 * its monitor, that the CPU driver walk its invariants.  What it must never
 * see is a violation; what must never happen is a panic.  An operation that would
 * end this process itself is left out (a stop of its own dispatcher, the loss of
 * its own root), so that a run always gets through its steps.
 *
 * Prints one line, "capfuzz: SEED: N steps, V violations, A accepted", and exits 0
 * only if there was no violation and some operations were accepted and some refused.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/abi/syscall.h"
#include "libos/core/error_text.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_client.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/dispatcher.h"
#include "libos/core/syscall.h"

#define POOL 48 /* few, so that most draws name a capability */
#define RAM_BITS 19
#define CHECK_EVERY 1000

static uint64_t seed;
static cptr_t parent, ram, pool; /* parent is never named: ram is made from it, again when it was lost */

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(2685821657736338717);
}

static uint64_t draw_below(uint64_t limit) { return draw() % limit; }

static cptr_t draw_slot(void) { return pool + draw_below(POOL); }

/* A slot of the pool that, three times out of four, has something in it. */
static cptr_t draw_full(void)
{
	struct cap_info info;
	cptr_t slot = draw_slot();
	for (int i = 0; i < 8 && cap_identify(slot, &info) && draw_below(8); i++)
		slot = draw_slot();
	return slot;
}

/* What this process lives on. It takes part as copies that may be read only: so
 * nothing can be revoked or mapped by them. */
static const cptr_t task[] = { TASK_VSPACE, TASK_DISP_FRAME, TASK_CHANNEL, TASK_SELF_EP, TASK_ARGS_FRAME };
#define TASKS (sizeof task / sizeof *task)
static cptr_t task_copy;

static err_t task_copies_make(void)
{
	err_t error = slot_alloc_run(TASKS, &task_copy);
	for (size_t i = 0; i < TASKS && !error; i++)
		error = cap_restrict(task[i], task_copy + i, RIGHT_READ);
	return error;
}

static cptr_t draw_source(void)
{
	uint64_t way = draw_below(16);
	if (way == 0)
		return task_copy + draw_below(TASKS);
	if (way == 1)
		return draw(); /* noise */
	return way < 6 ? ram : draw_full();
}

/* A slot of the pool, named directly or through a capability to our own root or to a random cnode. */
static cptr_t draw_destination(void)
{
	uint64_t way = draw_below(16);
	if (way == 0)
		return CPTR_IN(TASK_ROOT_CNODE, draw_slot());
	if (way == 1)
		return CPTR_IN(draw_slot(), draw_below(256));
	return draw_slot();
}

/* Noise that never names one of this process's own vital slots as a victim. */
static bool vital(cptr_t c)
{
	uint32_t slot = (uint32_t)c;
	bool in_pool = slot >= (uint32_t)pool && slot < (uint32_t)pool + POOL;
	return !in_pool;
}

static struct sys_result step_retype(void)
{
	/* Each type with a size that suits it; RAM large enough to be cut up further. */
	static const uint8_t shapes[][2] = { { CAP_RAM, 16 },     { CAP_RAM, 14 },         { CAP_FRAME, 12 },
					     { CAP_FRAME, 14 },   { CAP_FRAME, 17 },       { CAP_CNODE, 14 },
					     { CAP_CNODE, 8 },    { CAP_PTABLE1, 12 },     { CAP_PTABLE2, 12 },
					     { CAP_PTABLE3, 12 }, { CAP_PTABLE4, 12 },     { CAP_DISPATCHER, 13 },
					     { CAP_ENDPOINT, 6 }, { CAP_NOTIFICATION, 6 }, { CAP_DEVFRAME, 12 },
					     { CAP_CHANNEL, 2 } };
	const uint8_t *shape = shapes[draw_below(sizeof shapes / sizeof *shapes)];
	uint64_t type = draw_below(20) ? shape[0] : draw();
	uint64_t size = draw_below(10) ? shape[1] : draw();
	uint64_t count = draw_below(4) ? 1 : draw_below(20) ? draw_below(4) : draw_below(RETYPE_COUNT_MAX + 4);
	uint64_t offset = draw_below(10) ? draw_below(1 << (RAM_BITS - 12)) << size % 64 : draw();
	cptr_t source = shape[0] != CAP_ENDPOINT && draw_below(2) ? ram : draw_source();
	return sys_invoke(source, CAP_OP_RETYPE | (type & 0xff) << 8 | (size & 0xff) << 16 | (count & 0xffff) << 32,
			  offset, draw_destination(), draw(), draw());
}

static struct sys_result step_copy(void)
{
	uint64_t op = CAP_OP_COPY | draw_below(256) << 8 | draw_below(2) << 16;
	return sys_invoke(draw_source(), op, draw_destination(), draw(), 0, 0);
}

static struct sys_result step_remove(void)
{
	cptr_t victim = draw_below(8) ? draw_full() : draw_destination();
	return sys_invoke(victim, draw_below(4) ? CAP_OP_DELETE : CAP_OP_REVOKE, draw(), draw(), draw(), draw());
}

static struct sys_result step_map(void)
{
	if (draw_below(4) == 0) /* parent and child tables, top-down, and an entry of a root */
		return sys_invoke(draw_full(), CAP_OP_MAP, draw_full(), MAP_ARGS(draw_below(8), 1, 0), 0, 0);
	uint64_t op = draw_below(3) ? CAP_OP_MAP : draw_below(2) ? CAP_OP_UNMAP : CAP_OP_PROTECT;
	uint64_t where = draw_below(4) ? MAP_ARGS(draw_below(512), 1 + draw_below(4), draw_below(4)) : draw();
	/* Tables of the pool only: our own address space must stay as it is. */
	return sys_invoke(draw_full(), op | draw_below(16) << 8, draw_full(), where, draw(), draw());
}

static struct sys_result step_object(void)
{
	static const uint8_t ops[] = { CAP_OP_DISP_SETUP,   CAP_OP_DISP_STOP, CAP_OP_DISP_WATCH, CAP_OP_DISP_ALARM,
				       CAP_OP_DISP_INSPECT, CAP_OP_EP_BIND,   CAP_OP_NTFN_BIND,  CAP_OP_NTFN_SIGNAL,
				       CAP_OP_NTFN_EXPORT,  CAP_OP_IRQ_BIND,  CAP_OP_IRQ_ACK,    CAP_OP_IO_IN,
				       CAP_OP_IO_OUT };
	uint64_t a0 = draw_below(4) ? draw_full() : draw(), a1 = draw_below(4) ? draw_full() : draw();
	uint64_t a2 = draw_below(4) ? draw_full() : draw(), a3 = draw_below(4) ? DISPATCHER_VA : draw();
	return sys_invoke(draw_full(), ops[draw_below(sizeof ops)] | draw_below(256) << 8, a0, a1, a2, a3);
}

/* Every register is noise: the operation too. */
static struct sys_result step_noise(void)
{
	cptr_t cap = draw();
	uint64_t op = draw();
	if ((uint32_t)cap < 0x100 || vital(cap))
		cap = CPTR_IN(draw(), draw() | 0x40000000);
	return sys_invoke(cap, op, draw(), draw(), draw(), draw());
}

static struct sys_result step(void)
{
	switch (draw_below(10)) {
	case 0:
	case 1:
	case 2:
		return step_retype();
	case 3:
	case 4:
		return step_copy();
	case 5:
	case 6:
		return step_remove();
	case 7:
		return step_map();
	case 8:
		return step_object();
	default:
		return step_noise();
	}
}

/* A revoke of a copy takes our own RAM capability too: then all starts afresh. */
static err_t ram_renew(void)
{
	struct cap_info info;
	if (cap_identify(ram, &info) == ERR_OK)
		return ERR_OK;
	err_t error = cap_revoke(parent);
	return error ? error : cap_retype(parent, 0, CAP_RAM, RAM_BITS, 1, ram);
}

static err_t run_steps(uint64_t steps, uint64_t *accepted, uint64_t *violations)
{
	coreid_t core = dispatcher_core();
	for (uint64_t i = 1; i <= steps; i++) {
		err_t error = ram_renew();
		if (error)
			return error;
		*accepted += step().err == ERR_OK;
		if (i % CHECK_EVERY == 0 || i == steps) {
			uint64_t found = 0;
			error = mon_check(core, &found);
			if (error)
				return error;
			*violations += found;
		}
	}
	return ERR_OK;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: capfuzz SEED STEPS\n");
		return 2;
	}
	uint64_t first = strtoull(argv[1], NULL, 0), steps = strtoull(argv[2], NULL, 0);
	uint64_t accepted = 0, violations = 0;
	seed = first * 2 + 1;
	err_t error = ram_alloc(RAM_BITS + 1, &parent);
	if (!error)
		error = slot_alloc(&ram);
	if (!error)
		error = slot_alloc_run(POOL, &pool);
	if (!error)
		error = task_copies_make();
	if (!error)
		error = run_steps(steps, &accepted, &violations);
	if (error) {
		fprintf(stderr, "capfuzz: %s\n", error_text(error));
		return 1;
	}
	printf("capfuzz: %llu: %llu steps, %llu violations, %llu accepted\n", (unsigned long long)first,
	       (unsigned long long)steps, (unsigned long long)violations, (unsigned long long)accepted);
	return violations || accepted == 0 || accepted == steps;
}
