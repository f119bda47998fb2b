/*
 * The libOS's address spaces, on the CPU driver's own capability code.
 *
 * Oracle: a walk of the page tables that the CPU driver has written finds every
 * page of every mapping, with its frame and its access, and nothing else; and
 * what a space took is free again when it goes.
 */
/* needs: tests/unit/libos_world.c tests/unit/arch_hosted.c kernel/core/mdb.c kernel/core/cap_lookup.c kernel/core/cap_copy.c kernel/core/cap_retype.c kernel/core/cap_delete.c kernel/core/cap_revoke.c kernel/core/cap_share.c kernel/core/cap_map.c kernel/core/cap_forge.c kernel/core/cap_check.c kernel/core/cap_invoke.c libos/core/buddy.c libos/thread/mutex.c tests/unit/one_member.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/libos_world.h"

#include "libos/core/buddy.h"
#include "libos/core/slot.c"

#include "libos/core/ram.c"

#include "libos/core/vspace.c"

#include "libos/core/vspace_self.c"

#define RAM_BITS 22
#define OK(e) assert_int_equal(e, ERR_OK)
#define MAPPINGS 6
#define STEPS 400
#define TABLE_BYTES UINT64_C(0x200000)
#define RW (MAP_READ | MAP_WRITE)

struct sys_result libos_world_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

struct sys_result sys_invoke(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return libos_world_invoke(cap, op, a0, a1, a2, a3);
}

void dispatcher_catch_up(void) { fail_msg("there are no events here"); }

#include "tests/unit/one_thread.h"

static struct thread self;

static int start(void **state)
{
	(void)state;
	libos_world_init(RAM_BITS);
	dispatcher_page()->libos[0] = (uint64_t)&self;
	slot_init(32);
	ram_init();
	if (ram_object_at(CAP_PTABLE4, CAP_PTABLE_BITS, TASK_VSPACE))
		return 1;
	vspace_self_init();
	return 0;
}

static int consistent(void **state)
{
	(void)state;
	return libos_world_check() != 0;
}

struct mapping {
	vaddr_t va; /* 0: none */
	uint64_t bytes, offset;
	cptr_t frame;
	unsigned bits, flags;
};

static paddr_t base_of(cptr_t frame)
{
	struct cap_info info;

	OK(cap_identify(frame, &info));
	return info.base;
}

static void check_mapped(cptr_t root, const struct mapping *m)
{
	paddr_t base = base_of(m->frame) + m->offset;

	for (uint64_t at = 0; at < m->bytes; at += PAGE_SIZE)
		assert_int_equal(libos_world_walk(root, m->va + at), (base + at) | 1 | (uint64_t)m->flags << 1);
}

static void check_absent(cptr_t root, vaddr_t va, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE)
		assert_int_equal(libos_world_walk(root, va + at), 0);
}

/* Addresses that lie in one, two or three page tables, far apart or side by side. */
static void place(struct mapping *m, unsigned i)
{
	uint64_t pages;

	m->bits = 13 + (unsigned)rand() % 4;
	pages = SIZE_OF_BITS(m->bits) / PAGE_SIZE;
	m->offset = (uint64_t)rand() % pages * PAGE_SIZE;
	m->bytes = SIZE_OF_BITS(m->bits) - m->offset;
	m->va = (i + 1) * ((uint64_t)(i & 1 ? 1 : 512 * 513) * TABLE_BYTES) - (uint64_t)rand() % 3 * PAGE_SIZE;
	m->flags = rand() % 2 ? MAP_READ : RW;
}

static void step(struct vspace *v, struct mapping *m, unsigned i)
{
	if (m->va) {
		OK(vspace_unmap_in(v, m->va));
		check_absent(v->root, m->va, m->bytes);
		OK(ram_free(m->frame));
		m->va = 0;
		return;
	}
	place(m, i);
	OK(frame_alloc(m->bits, &m->frame));
	OK(vspace_map_in(v, m->va, m->frame, m->bytes, m->offset, m->flags));
}

static void test_another_space(void **state)
{
	struct mapping m[MAPPINGS] = { 0 };
	uint64_t ram_before = ram_free_bytes(), slots_before = free_total;
	unsigned pool_before = pool_count;
	struct vspace v;
	cptr_t root;

	(void)state;
	srand(3);
	OK(ram_object(CAP_PTABLE4, CAP_PTABLE_BITS, &root));
	vspace_init(&v, root);
	for (unsigned n = 0; n < STEPS; n++) {
		unsigned i = (unsigned)rand() % MAPPINGS;

		step(&v, &m[i], i);
		for (unsigned j = 0; j < MAPPINGS; j++)
			if (m[j].va)
				check_mapped(root, &m[j]);
	}
	vspace_destroy(&v);
	for (unsigned i = 0; i < MAPPINGS; i++) {
		if (!m[i].va)
			continue;
		/* Nothing of the space clings to the frame: it can be mapped anew. */
		assert_int_equal(frame_unmap(m[i].frame), ERR_MAP_UNMAPPED);
		OK(ram_free(m[i].frame));
	}
	OK(ram_free(root));
	assert_int_equal(ram_free_bytes(), ram_before);
	assert_int_equal(free_total, slots_before);
	assert_int_equal(pool_count, pool_before);
}

static void test_what_is_refused(void **state)
{
	const vaddr_t va = 5 * TABLE_BYTES - PAGE_SIZE;
	struct vspace v;
	cptr_t root, a, b;

	(void)state;
	OK(ram_object(CAP_PTABLE4, CAP_PTABLE_BITS, &root));
	OK(frame_alloc(13, &a));
	OK(frame_alloc(13, &b));
	vspace_init(&v, root);
	assert_int_equal(vspace_map_in(&v, va + 1, a, PAGE_SIZE, 0, RW), ERR_ARGUMENT);
	assert_int_equal(vspace_map_in(&v, va, a, 0, 0, RW), ERR_ARGUMENT);
	assert_int_equal(vspace_map_in(&v, va, a, PAGE_SIZE, 8, RW), ERR_ARGUMENT);
	assert_int_equal(vspace_map_in(&v, USER_END_VA, a, PAGE_SIZE, 0, RW), ERR_ARGUMENT);
	assert_int_equal(vspace_map_in(&v, USER_END_VA - PAGE_SIZE, a, 2 * PAGE_SIZE, 0, RW), ERR_ARGUMENT);
	OK(vspace_map_in(&v, va + PAGE_SIZE, a, PAGE_SIZE, 0, RW));
	/* The first piece has room, the second not: neither stays. */
	assert_int_equal(vspace_map_in(&v, va, b, 2 * PAGE_SIZE, 0, RW), ERR_MAP_OCCUPIED);
	check_absent(root, va, PAGE_SIZE);
	assert_int_equal(vspace_unmap_in(&v, va), ERR_NOT_FOUND);
	OK(vspace_map_in(&v, va, b, PAGE_SIZE, PAGE_SIZE, RW));
	vspace_destroy(&v);
	OK(ram_free(a));
	OK(ram_free(b));
	OK(ram_free(root));
}

static void test_own_space(void **state)
{
	struct mapping m = { .bits = 16, .bytes = SIZE_OF_BITS(16), .flags = RW }, part;
	vaddr_t second;

	(void)state;
	OK(frame_alloc(m.bits, &m.frame));
	OK(vspace_map_frame(m.frame, m.bits, RW, &m.va));
	assert_int_equal(m.va & (m.bytes - 1), 0);
	check_mapped(TASK_VSPACE, &m);
	assert_true(vspace_begins(m.va));
	assert_false(vspace_begins(m.va + PAGE_SIZE));

	/* A frame that is mapped is mapped once more through a copy. */
	second = m.va + TABLE_BYTES - PAGE_SIZE;
	OK(vspace_map_at(second, m.frame, m.bytes, 0, MAP_READ));
	part = m;
	part.va = second;
	part.flags = MAP_READ;
	check_mapped(TASK_VSPACE, &part);

	/* Across the border of the two page tables, and part of one. */
	OK(vspace_protect(second, 3 * PAGE_SIZE, RW));
	part.bytes = 3 * PAGE_SIZE;
	part.flags = RW;
	check_mapped(TASK_VSPACE, &part);
	assert_int_equal(libos_world_walk(TASK_VSPACE, second + part.bytes) >> 1 & RW, MAP_READ);
	OK(vspace_protect(m.va + PAGE_SIZE, PAGE_SIZE, MAP_READ));
	assert_int_equal(libos_world_walk(TASK_VSPACE, m.va + PAGE_SIZE) >> 1 & RW, MAP_READ);
	assert_int_equal(libos_world_walk(TASK_VSPACE, m.va) >> 1 & RW, RW);
	assert_int_equal(vspace_protect(m.va + m.bytes, PAGE_SIZE, RW), ERR_MAP_UNMAPPED);

	OK(vspace_unmap(m.va));
	check_absent(TASK_VSPACE, m.va, m.bytes);
	OK(vspace_unmap(second));
	check_absent(TASK_VSPACE, second, m.bytes);
	assert_int_equal(vspace_unmap(second), ERR_NOT_FOUND);
	OK(ram_free(m.frame));
}

static void test_addresses_are_reused(void **state)
{
	vaddr_t a, b;

	(void)state;
	OK(vspace_reserve(20, &a));
	vspace_release(a, 20);
	OK(vspace_reserve(20, &b));
	assert_int_equal(a, b);
	vspace_release(b, 20);
	OK(vspace_reserve(LIBOS_AREA_BITS, &a)); /* all of it, merged */
	assert_int_equal(a, LIBOS_AREA_VA);
	assert_int_equal(vspace_reserve(12, &b), ERR_NO_MEMORY);
	vspace_release(a, LIBOS_AREA_BITS);
}

/* Those that another process has: what lies around them stays free, and nobody gets them twice. */
static void test_addresses_are_claimed(void **state)
{
	const uint64_t base = LIBOS_REGIONS_VA, at = base + (UINT64_C(5) << 20), mib = UINT64_C(1) << 20;
	static struct buddy_node nodes[100];
	struct buddy b;
	uint64_t a, tag;

	(void)state;
	buddy_init(&b);
	buddy_feed(&b, nodes, 100);
	assert_true(buddy_add(&b, base, SIZE_OF_BITS(30), 7));
	assert_true(buddy_claim(&b, at, 20));
	assert_false(buddy_claim(&b, at, 20));
	assert_false(buddy_claim(&b, at + PAGE_SIZE, 12));
	assert_false(buddy_claim(&b, base + 4 * mib, 22));
	assert_true(buddy_claim(&b, at - mib, 20));
	assert_true(buddy_claim(&b, at + mib + PAGE_SIZE, 12));
	assert_int_equal(b.free_bytes, SIZE_OF_BITS(30) - 2 * mib - PAGE_SIZE);
	while (buddy_alloc(&b, 20, &a, &tag)) {
		assert_true(tag == 7 && a != at && a != at - mib && a != at + mib);
		assert_true(a >= base && a < base + SIZE_OF_BITS(30) && a % mib == 0);
	}
	assert_int_equal(b.free_bytes, mib - PAGE_SIZE);
	assert_true(buddy_claim(&b, at + mib, 12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_another_space, consistent),
		cmocka_unit_test_teardown(test_what_is_refused, consistent),
		cmocka_unit_test_teardown(test_own_space, consistent),
		cmocka_unit_test_teardown(test_addresses_are_reused, consistent),
		cmocka_unit_test_teardown(test_addresses_are_claimed, consistent),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
