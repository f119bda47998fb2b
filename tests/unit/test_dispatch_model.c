/*
 * Random system calls, interrupts and faults of dispatchers that make and destroy each
 * other, and after each what must hold whatever they do: no pointer of the CPU driver
 * leads to what has no capability any more, no page table maps it, and who runs is whole.
 */
/* needs: tests/unit/dispatch_hosted.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c kernel/core/dispatch.c kernel/core/schedule.c kernel/core/upcall.c kernel/core/lmp.c kernel/core/notify.c kernel/core/doorbell.c kernel/core/island.c kernel/core/irq.c kernel/core/syscall.c kernel/core/invoke.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/mdb.h"
#include "tests/unit/dispatch_hosted.h"

#define SEEDS 60
#define STEPS 3000
#define POOL SLOT_TEST /* slots from here on */
#define POOL_SLOTS 48
#define PLAY_AT 0x400000 /* the part of the memory that objects are made in: small, so that they meet */
#define PLAY_BITS 17

static uint64_t seed, accepted;

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(uint64_t limit)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * UINT64_C(2685821657736338717) >> 16) % limit;
}

struct sys_result kernel_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	(void)c, (void)op, (void)a0, (void)a1, (void)a2, (void)a3;
	return SYS_ERROR(ERR_CAP_OP);
}

/* --- what must hold --------------------------------------------------------------- */

static uint64_t round_seed, round_step;

/* What is there is past repair, so it ends the test program. */
static void must(bool so, const char *what, int line)
{
	if (so)
		return;
	fprintf(stderr, "SEED=%lu, step %lu, line %d: %s\n", (unsigned long)round_seed, (unsigned long)round_step, line,
		what);
	abort();
}

#define MUST(x) must(x, #x, __LINE__)

static bool in_tree(const void *object, unsigned bits, unsigned type)
{
	return mdb_find(arch_window_paddr(object), bits, type) != NULL;
}

/* Everything from here on that a table maps: tables are there, pages lie in frames that are. */
static void check_table(paddr_t base, unsigned level)
{
	const uint64_t *entry = arch_window(base);

	for (unsigned i = 0; i < arch_ptable_user_entries(level); i++) {
		paddr_t p = arch_pte_paddr(entry[i]);
		struct mdb_place place;
		const struct cap *c;

		if (!arch_pte_present(entry[i]))
			continue;
		if (level > 1 && !(entry[i] & 1u << 7)) {
			MUST(mdb_find(p, CAP_PTABLE_BITS, CAP_PTABLE1 + level - 2));
			check_table(p, level - 1);
			continue;
		}
		place = mdb_seek(SPACE_MEMORY, p, 0, CAP_TYPES);
		c = mdb_container(SPACE_MEMORY, &place, p, 0);
		MUST(c && c->type == CAP_FRAME && !(c->flags & CAP_FLAG_CLEARING));
	}
}

static void check_dispatcher(struct dispatcher *d)
{
	struct endpoint *e = (struct endpoint *)((char *)d + CAP_ENDPOINT_OFFSET);

	if (!d->page) {
		MUST(d->state != DISP_RUNNABLE && d->state != DISP_WAITING && d != current && !d->bound &&
		     !d->run.next);
		for (unsigned i = 0; i < CAP_ENDPOINTS; i++)
			MUST(!e[i].ring);
		return;
	}
	MUST(d->cspace.type == CAP_CNODE && d->cspace_slots == arch_window(d->cspace.base));
	MUST(d->vspace_cap.type == CAP_PTABLE4 && d->vspace == d->vspace_cap.base);
	MUST(d->frame_cap.type == CAP_FRAME && (void *)d->page == arch_window(d->frame_cap.base));
	for (unsigned i = 0; i < CAP_ENDPOINTS; i++) {
		uint64_t at = (uint64_t)((char *)e[i].ring - (char *)d->page);

		MUST(!e[i].ring || in_tree(&e[i], CAP_ENDPOINT_BITS, CAP_ENDPOINT));
		MUST(!e[i].ring ||
		     at + sizeof(struct lmp_ring) + (e[i].mask + UINT64_C(1)) * sizeof(struct lmp_message) <=
			     cap_size(&d->frame_cap));
	}
	for (struct notification *n = d->bound; n; n = n->next)
		MUST(n->dispatcher == d && in_tree(n, CAP_NOTIFICATION_BITS, CAP_NOTIFICATION));
}

static void check_node(struct cap *c)
{
	if (c->flags & (CAP_FLAG_CLEARING | CAP_FLAG_FOREIGN))
		return;
	if (c->type == CAP_DISPATCHER)
		check_dispatcher(arch_window(c->base));
	if (c->type == CAP_NOTIFICATION) {
		struct notification *n = arch_window(c->base);

		MUST(!n->dispatcher || in_tree(n->dispatcher, CAP_DISPATCHER_BITS, CAP_DISPATCHER));
		MUST(!n->number || notification_of_number(n->number - 1) == n);
	}
	if (c->type == CAP_PTABLE4)
		check_table(c->base, 4);
}

static void check_all(void)
{
	for (struct cap *c = mdb_first(SPACE_MEMORY); c; c = mdb_next(c))
		check_node(c);
	for (unsigned i = 0; i < 4096; i++) {
		struct notification *n = notification_of_number(i);

		MUST(!n || in_tree(n, CAP_NOTIFICATION_BITS, CAP_NOTIFICATION));
	}
	MUST(cap_check() == 0);
	MUST(schedule_check() == 0);
	MUST(loaded_root == arch_root_current() || mdb_find(loaded_root, CAP_PTABLE_BITS, CAP_PTABLE4));
	if (current) {
		MUST(in_tree(current, CAP_DISPATCHER_BITS, CAP_DISPATCHER) && current->page);
		MUST(loaded_root == current->vspace);
	}
}

/* --- what is done -------------------------------------------------------------------- */

static cptr_t draw_slot(void) { return POOL + draw(POOL_SLOTS); }

static cptr_t draw_place(void)
{
	switch (draw(8)) {
	case 0:
		return CPTR_L1(1 + draw(3));
	case 1:
		return CPTR(1 + draw(3), draw(4));
	case 2:
		return CPTR_IN(draw_slot(), draw(2) ? CPTR_L1(1 + draw(3)) : draw(4));
	default:
		return draw_slot();
	}
}

/* A capability in the pool of this type, if there is one. */
static cptr_t draw_of(unsigned type)
{
	cptr_t c = draw_place();

	for (unsigned i = 0; i < 40; i++) {
		struct cap *slot = cap_lookup(&world_root, c);

		if (slot && slot->type == type)
			break;
		c = i < 20 ? SLOT_A + draw(POOL - SLOT_A + POOL_SLOTS) : draw_place();
	}
	return c;
}

static void step_retype(void)
{
	static const uint8_t shape[][2] = {
		{ CAP_FRAME, 12 },      { CAP_FRAME, 13 },      { CAP_FRAME, 14 },       { CAP_CNODE, 14 },
		{ CAP_CNODE, 8 },       { CAP_PTABLE1, 12 },    { CAP_PTABLE2, 12 },     { CAP_PTABLE3, 12 },
		{ CAP_PTABLE4, 12 },    { CAP_RAM, 14 },        { CAP_RAM, 15 },         { CAP_FRAME, 17 },
		{ CAP_DISPATCHER, 13 }, { CAP_DISPATCHER, 13 }, { CAP_NOTIFICATION, 6 }, { CAP_ENDPOINT, 6 },
		{ CAP_IRQ, 1 },
	};
	const uint8_t *s = shape[draw(sizeof shape / sizeof *shape)];
	uint64_t at = PLAY_AT + draw(SIZE_OF_BITS(PLAY_BITS - s[1] % PLAY_BITS)) * SIZE_OF_BITS(s[1]);
	cptr_t from = W_RAM;

	if (s[0] == CAP_ENDPOINT) {
		from = draw_of(CAP_DISPATCHER);
		at = CAP_ENDPOINT_OFFSET + draw(4) * 64;
	} else if (s[0] == CAP_IRQ) {
		from = draw(2) ? W_IRQ : draw_of(CAP_IRQ);
		at = draw(8) & ~UINT64_C(1);
	} else if (draw(3) == 0) {
		from = draw_of(CAP_RAM);
		at = draw(4) << s[1];
	}
	if (s[0] == CAP_NOTIFICATION)
		at &= ~UINT64_C(0xfff);
	ENTER(sys_invoke(from, INVOKE_RETYPE(s[0], s[1], draw(8) ? 1 : 2), at, draw_place(), 0, 0));
}

static void step_copy(void)
{
	unsigned rights = draw(3) ? RIGHT_ALL : (unsigned)draw(16);
	cptr_t from = draw(4) ? draw_place() : draw_of((unsigned)draw(CAP_TYPES));

	if (draw(8) == 0) {
		from = W_ROOT;
		rights &= ~(unsigned)RIGHT_EXECUTE; /* so that no one revokes what the test stands on */
	}
	ENTER(sys_invoke(from, INVOKE(CAP_OP_COPY, rights), draw_place(), 0, 0, 0));
}

static void step_map(void)
{
	unsigned level = 1 + (unsigned)draw(4);
	bool table = level > 1 && draw(3);
	cptr_t what = draw_of(table ? CAP_PTABLE1 + level - 2 : CAP_FRAME);
	uint64_t where = MAP_ARGS(draw(3), table || draw(3) ? 1 : draw(4), table ? 0 : draw(3));

	ENTER(sys_invoke(what, INVOKE(CAP_OP_MAP, MAP_READ | draw(16)), draw_of(CAP_PTABLE1 + level - 1), where, 0, 0));
}

static void step_dispatcher(void)
{
	cptr_t d = draw_of(CAP_DISPATCHER);
	uint64_t op = CAP_OP_DISP_SETUP + draw(5);
	cptr_t a0 = op == CAP_OP_DISP_WATCH ? draw_of(CAP_NOTIFICATION) : draw(3) ? (cptr_t)W_ROOT : draw_of(CAP_CNODE);

	ENTER(sys_invoke(d, op, a0, draw_of(CAP_PTABLE4), draw_of(CAP_FRAME), PAGE_VA));
}

static void step_object(void)
{
	switch (draw(8)) {
	case 0:
	case 1:
		ENTER(sys_invoke(draw_of(CAP_ENDPOINT), CAP_OP_EP_BIND, DISPATCHER_PAGE_BYTES + draw(3) * 0x800,
				 1 << draw(4), draw(2) ? draw_place() : 0, 0));
		break;
	case 2:
		ENTER(sys_invoke(draw_of(CAP_NOTIFICATION), CAP_OP_NTFN_BIND, draw_of(CAP_DISPATCHER), draw(65), 0, 0));
		break;
	case 3:
		ENTER(sys_invoke(draw_of(CAP_NOTIFICATION), CAP_OP_NTFN_SIGNAL + draw(2), 0, 0, 0, 0));
		break;
	case 4:
		ENTER(sys_invoke(draw(2) ? (cptr_t)W_IRQ : draw_of(CAP_IRQ), CAP_OP_IRQ_BIND + draw(2),
				 draw_of(CAP_NOTIFICATION), draw(8), 0, 0));
		break;
	case 5:
		ENTER(sys_invoke(draw_of(CAP_DISPATCHER), CAP_OP_DISP_ALARM, draw(2) ? hosted_now + draw(2000) : 0, 0,
				 0, 0));
		break;
	default:
		*arch_frame() = (struct regs){ .rip = 0x4000, .rbx = draw_place() };
		ENTER(sys_lmp_send(draw_of(CAP_ENDPOINT), draw(256) & ~UINT64_C(0x8)));
	}
}

static void step_destroy(void)
{
	if (draw(40) == 0)
		ENTER(sys_invoke(W_IRQ, CAP_OP_REVOKE, 0, 0, 0, 0));
	else if (draw(4) == 0)
		ENTER(sys_invoke(draw_of((unsigned)draw(CAP_TYPES)), draw(3) ? CAP_OP_DELETE : CAP_OP_REVOKE, 0, 0, 0,
				 0));
	else
		ENTER(sys_invoke(draw_place(), draw(4) ? CAP_OP_DELETE : CAP_OP_REVOKE, 0, 0, 0, 0));
}

static void step_switch(void)
{
	switch (draw(6)) {
	case 0:
		ENTER(sys_wait(draw(2) ? hosted_now + draw(3000) : 0));
		break;
	case 1:
		ENTER(sys_resume(draw(4)));
		break;
	case 2:
		INTERRUPT(kernel_exception(draw(2) ? ARCH_VECTOR_PAGE_FAULT : 6, 2, 0x123));
		break;
	default:
		ENTER(sys_yield());
	}
}

static void step_interrupt(void)
{
	hosted_now += draw(1500);
	switch (draw(4)) {
	case 0:
		INTERRUPT(kernel_interrupt((unsigned)draw(8)));
		break;
	case 1:
		doorbell_ring(0, draw(8));
		INTERRUPT(kernel_doorbell());
		break;
	default:
		INTERRUPT(kernel_timer());
	}
}

static void step(void)
{
	static void (*const steps[])(void) = { step_retype, step_retype,  step_retype,     step_copy,
					       step_map,    step_map,     step_dispatcher, step_object,
					       step_object, step_destroy, step_switch,     step_interrupt };

	steps[draw(sizeof steps / sizeof *steps)]();
	accepted += leave.way == WAY_RESULT && leave.result.err == ERR_OK;
}

/* Somebody runs, if there is still one that can. */
static bool alive(void)
{
	for (struct cap *c = mdb_first(SPACE_MEMORY); c && !current; c = mdb_next(c)) {
		struct dispatcher *d = arch_window(c->base);

		if (c->type != CAP_DISPATCHER || c->flags & CAP_FLAG_CLEARING || !d->page)
			continue;
		if (d->state == DISP_WAITING)
			dispatcher_post(d, EVENT_TIMEOUT);
		else if (d->state != DISP_RUNNABLE)
			dispatcher_run(d);
		INTERRUPT(schedule());
	}
	return current;
}

/* What a dispatcher does between its system calls. */
static void user_mode(void)
{
	struct dispatcher_page *p = current->page;

	p->disabled = draw(4) == 0;
	p->upcall_fault = p->upcall_trap = draw(8) ? 0x1000 : 0;
	p->events &= draw(4);
}

static void sequence(uint64_t number)
{
	round_seed = number;
	seed = number * UINT64_C(0x9e3779b97f4a7c15) | 1;
	dispatch_world();
	for (round_step = 0; round_step < STEPS && alive(); round_step++) {
		user_mode();
		step();
		check_all();
	}
	if (getenv("VERBOSE"))
		printf("seed %lu: %lu steps, %lu accepted\n", (unsigned long)number, (unsigned long)round_step,
		       (unsigned long)accepted);
	dispatch_world_end();
	assert_int_equal(invoke(W_IRQ, CAP_OP_REVOKE, 0, 0), ERR_OK);
	assert_int_equal(world_reset(), 0);
}

static void sequences(void **state)
{
	const char *one = getenv("SEED");

	(void)state;
	if (one)
		sequence(strtoull(one, NULL, 0));
	for (uint64_t i = 1; !one && i <= SEEDS; i++)
		sequence(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sequences) };

	world_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
