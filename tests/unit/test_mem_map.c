/*
 * Files of the memory file system that are mapped: extents.
 *
 * Oracle: random writes, truncations, and stores into the extents, against an array of bytes and a size; what is stored
 * behind the end is not seen by whoever reads a file that has grown; every byte of memory that was counted comes back,
 * wherever the quota ends an operation. ASan.
 */
/* needs: services/mem/inode.c services/mem/data.c services/mem/directory.c services/mem/names.c services/mem/lock.c */
/* needs: services/mem/extent.c tests/unit/mem_frame.c libos/pipe/pipe.c tests/unit/ninep_later.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/ninep/head.h"
#include "services/mem/extent.h"

#define SPAN (5 * MEM_EXTENT)
#define STEPS 20000
#define SOME 9000

static struct memfs fs;
static struct mem_inode *file;
static uint64_t ticks;
static uint8_t is[SPAN], got[SPAN], some[SOME];
static uint64_t size;

static struct mem_time tick(void) { return (struct mem_time){ ++ticks, 0 }; }

static uint64_t random_state = 88172645463325252;

static unsigned below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

static void begin(uint64_t quota)
{
	struct ninep_creation what = { .name = ninep_text("file"), .mode = NINEP_FILE | 0600 };

	assert_int_equal(memfs_init(&fs, quota, tick), 0);
	assert_int_equal(mem_create(fs.root, &what, 0, &file), 0);
	memset(is, 0, sizeof(is));
	size = 0;
}

static void end(void)
{
	memfs_destroy(&fs);
	assert_int_equal(fs.used, 0);
}

static void write_some(void)
{
	uint32_t count = 1 + below(SOME), done;
	uint64_t offset = below(SPAN - SOME);

	memset(some, (int)below(256), count);
	done = count;
	if (mem_write(file, offset, some, &done))
		return;
	memcpy(is + offset, some, done);
	if (offset + done > size)
		size = offset + done;
}

static void change_size(void)
{
	uint64_t to = below(3) ? below(SPAN) : below(SPAN / MEM_BLOCK) * MEM_BLOCK;

	assert_int_equal(mem_truncate(file, to), 0);
	if (to < size)
		memset(is + to, 0, size - to);
	size = to;
}

/* As who has it mapped, up to the end of the page in which the file ends. */
static void store_some(void)
{
	uint64_t at = size ? below((unsigned)size) : 0, from = at / MEM_EXTENT * MEM_EXTENT;
	struct mem_frame *f = size ? mem_extent_frame(file, at) : NULL;
	uint64_t mapped = (size + MEM_BLOCK - 1) / MEM_BLOCK * MEM_BLOCK, count = 1 + below(SOME);

	if (!f)
		return;
	f->given = true;
	if (count > from + MEM_EXTENT - at)
		count = from + MEM_EXTENT - at;
	if (count > mapped - at)
		count = mapped - at;
	memset((char *)f->at + (at - from), (int)below(256), count);
	if (count > size - at)
		count = size - at;
	memcpy(is + at, (char *)f->at + (at - from), count);
}

static void compare(void)
{
	const struct ninep_head *head =
		file->data.extents && file->data.extents->head.at ? file->data.extents->head.at : NULL;

	assert_int_equal(file->data.size, size);
	assert_int_equal(mem_read(file, 0, got, SPAN), size);
	assert_memory_equal(got, is, size);
	if (head)
		assert_true(head->size == size && head->sequence % 2 == 0);
}

/* What the head tells is what anybody is told. */
static void compare_told(void)
{
	const struct ninep_head *head = file->data.extents ? file->data.extents->head.at : NULL;
	struct ninep_attr is_told = { 0 }, attr = { 0 };
	bool told = head && head->told & 1;

	if (told)
		is_told = head->attr;
	mem_attr(file, &attr);
	if (told)
		assert_memory_equal(&is_told, &attr, sizeof(attr));
	if (head)
		assert_true(head->told & 1);
}

static void attributes_change(void)
{
	struct ninep_attr a = { .mode = 0600 | below(8), .uid = below(3) };
	const struct ninep_text other = ninep_text("other");
	char byte;

	switch (below(4)) {
	case 0:
		assert_int_equal(mem_setattr(file, NINEP_SET_MODE | NINEP_SET_UID, &a), 0);
		break;
	case 1:
		(void)mem_read(file, 0, &byte, 1);
		break;
	case 2:
		(void)mem_link(fs.root, other, file);
		break;
	default:
		(void)mem_remove(fs.root, other, false);
	}
}

static void step(void)
{
	switch (below(8)) {
	case 0:
		change_size();
		break;
	case 1:
	case 2:
		write_some();
		break;
	case 3:
		(void)mem_head_frame(file);
		break;
	case 4:
		attributes_change();
		(void)(mem_writer_add(file, &fs, below(9)) && mem_writer_remove(file, &fs, below(9)));
		break;
	default:
		store_some();
	}
}

static void steps_with(uint64_t quota, unsigned steps)
{
	begin(quota);
	for (unsigned i = 0; i < steps; i++) {
		step();
		compare_told();
		if (i % 16 == 0)
			compare();
	}
	compare();
	end();
}

static void mapped_files_are_files(void **state)
{
	(void)state;
	steps_with(UINT64_C(16) << 20, STEPS);
}

static void quota_ends_anything(void **state)
{
	(void)state;
	for (uint64_t quota = 8192; quota < 2 * SPAN; quota += 7777)
		steps_with(quota, 200);
}

/* What is mapped of it: who has it loses it exactly when the end comes to lie in it, or before it. */
static void those_behind_lose_it(void **state)
{
	struct mem_frame *first, *second;

	(void)state;
	begin(UINT64_C(1) << 20);
	assert_int_equal(mem_truncate(file, 2 * MEM_EXTENT), 0);
	first = mem_extent_frame(file, 0);
	first->given = true;
	second = mem_extent_frame(file, MEM_EXTENT);
	assert_non_null(second);
	first = mem_extent_frame(file, 10);
	assert_int_equal(file->data.blocks, 2 * MEM_EXTENT_BLOCKS);
	assert_int_equal(mem_truncate(file, MEM_EXTENT), 0);
	assert_true(first->given);
	assert_int_equal(file->data.extents->count, 1);
	assert_int_equal(mem_truncate(file, MEM_EXTENT - 1), 0);
	assert_false(first->given);
	assert_int_equal(mem_truncate(file, 0), 0);
	assert_int_equal(file->data.extents->count, 0);
	assert_int_equal(file->data.blocks, 0);
	end();
}

/* What is stored is a change when it is asked for, once; and nobody begins while nobody may. */
static void stores_are_marked(void **state)
{
	struct ninep_attr a = { 0 }, b = { 0 };
	struct ninep_head *head;
	struct ninep_marks *marks;
	uint64_t sequence;

	(void)state;
	begin(UINT64_C(1) << 20);
	assert_null(mem_marks_frame(file));
	head = mem_head_frame(file)->at;
	marks = mem_marks_frame(file)->at;
	assert_true(head->stores && head->marked);
	mem_attr(file, &a);
	marks->stored = 1;
	mem_marks_take(file);
	assert_true(!marks->stored && !(head->told & 1));
	mem_attr(file, &b);
	assert_true(b.mtime > a.mtime && b.version != a.version && head->attr.mtime == b.mtime);
	mem_marks_take(file);
	mem_attr(file, &a);
	assert_memory_equal(&a, &b, sizeof(a));
	marks->stored = 1;
	sequence = head->sequence;
	mem_stores_set(&fs, false);
	assert_true(!head->stores && head->sequence == sequence + 2 && !marks->stored);
	assert_null(mem_marks_frame(file));
	mem_stores_set(&fs, true);
	assert_true(head->stores && head->sequence == sequence + 4 && mem_marks_frame(file)->at == marks);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapped_files_are_files),
		cmocka_unit_test(quota_ends_anything),
		cmocka_unit_test(those_behind_lose_it),
		cmocka_unit_test(stores_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
