/* needs: monitor/text.c monitor/core_table.c monitor/archive.c monitor/plan.c libos/core/monitor_proto.c */
/*
 * What the monitor reads: text in chunks, packed replies, the command line, the
 * boot archive; and where it puts a process's parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/abi/error.h"
#include "monitor/archive.h"
#include "monitor/cores.h"
#include "monitor/plan.h"
#include "monitor/text.h"

static struct texts texts;

static int reset(void **state)
{
	(void)state;
	memset(&texts, 0, sizeof texts);
	return 0;
}

/* --- text --------------------------------------------------------------------------- */

static void send_text(struct origin from, const char *text, size_t length)
{
	while (length) {
		struct mon_message m;
		size_t n = mon_text_pack(&m, text, length);

		assert_true(text_append(&texts, from, &m));
		text += n;
		length -= n;
	}
}

static void text_of_two_senders_stays_apart(void **state)
{
	static const char a[] = "run a program with arguments that need more than one chunk of text", b[] = "short";
	struct origin one = { 0, 1 }, other = { 3, 0 };
	struct mon_message m;
	struct text *text;
	size_t n = mon_text_pack(&m, a, sizeof a);

	(void)state;
	assert_int_equal(n, MON_CHUNK);
	text_append(&texts, one, &m);
	send_text(other, b, sizeof b);
	send_text(one, a + n, sizeof a - n);
	text = text_take(&texts, one);
	assert_int_equal(text->length, sizeof a);
	assert_string_equal(text->data, a);
	text_release(text);
	assert_null(text_take(&texts, one));
	assert_string_equal(text_take(&texts, other)->data, b);
}

static void malformed_chunks_are_refused(void **state)
{
	struct mon_message m = { .header = mon_header(MON_TEXT, 0, MON_CHUNK + 1, 0) };

	(void)state;
	assert_false(text_append(&texts, (struct origin){ 0, 1 }, &m));
	m.header = mon_header(MON_TEXT, 0, 0, 0);
	assert_false(text_append(&texts, (struct origin){ 0, 1 }, &m));
	assert_null(text_take(&texts, (struct origin){ 0, 1 }));
}

static void too_much_text_is_marked(void **state)
{
	static char large[MON_TEXT_MAX + 1];
	struct origin from = { 0, 1 };
	struct text *text;

	(void)state;
	memset(large, 'x', sizeof large);
	send_text(from, large, MON_TEXT_MAX);
	assert_false(text_take(&texts, from)->overflow);
	send_text(from, large, 1);
	text = text_take(&texts, from);
	assert_true(text->overflow);
	assert_in_range(text->length, 0, MON_TEXT_MAX);
}

static void the_buffer_longest_untouched_is_given_away(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= TEXT_BUFFERS + 1; i++)
		send_text((struct origin){ 0, i }, "x", 1);
	assert_null(text_take(&texts, (struct origin){ 0, 1 }));
	assert_non_null(text_take(&texts, (struct origin){ 0, 2 }));
	assert_non_null(text_take(&texts, (struct origin){ 0, TEXT_BUFFERS + 1 }));
}

/* --- packed replies ------------------------------------------------------------------- */

static void process_and_core_survive_packing(void **state)
{
	static struct mon_process p = { .pid = UINT64_C(7) << 32 | 3,
					.state = 2,
					.cycles = 123456789,
					.name = "bench" },
				  q;
	static struct mon_core c = { 7, 14, MON_CORE_UP, 5, 3, 1000, 2000, 30, 40, 50, 60, 70, 80 }, d;
	struct mon_message m;

	(void)state;
	mon_process_pack(&p, 0, &m);
	mon_process_unpack(&q, 0, &m);
	assert_memory_equal(&p, &q, sizeof p);
	for (unsigned part = 0; part < MON_CORE_PARTS; part++) {
		mon_core_pack(&c, part, &m);
		mon_core_unpack(&d, part, &m);
	}
	assert_memory_equal(&c, &d, sizeof c);
}

static void names_have_sixteen_bytes(void **state)
{
	char name[MON_NAME + 1];
	uint64_t words[2];

	(void)state;
	assert_int_equal(mon_name_pack("", words), ERR_ARGUMENT);
	assert_int_equal(mon_name_pack("seventeen letters", words), ERR_TOO_LONG);
	assert_int_equal(mon_name_pack("sixteen letters!", words), ERR_OK);
	mon_name_unpack(words, name);
	assert_string_equal(name, "sixteen letters!");
}

/* --- command line ---------------------------------------------------------------------- */

static void options_are_found_by_whole_name(void **state)
{
	char value[32];

	(void)state;
	assert_false(option_find("", "init", value, sizeof value));
	assert_false(option_find("reinit=x xinit=y verbose", "init", value, sizeof value));
	assert_true(option_find("verbose init=\"bench all\" cores=4", "init", value, sizeof value));
	assert_string_equal(value, "bench all");
	assert_true(option_find("\"init=exit 3\" verbose", "init", value, sizeof value));
	assert_string_equal(value, "exit 3");
	assert_true(option_find("cores=4 init=", "init", value, sizeof value));
	assert_string_equal(value, "");
	assert_true(option_find("init=\"unterminated x", "init", value, sizeof value));
	assert_string_equal(value, "unterminated x");
	assert_false(option_find("init=0123456789012345678901234567890123456789", "init", value, sizeof value));
}

static void words_are_whole(void **state)
{
	(void)state;
	assert_true(option_given("verbose poweroff", "poweroff"));
	assert_false(option_given("init=\"x poweroff\" nopoweroff poweroff=1", "poweroff"));
	assert_false(option_given("", "poweroff"));
}

static void cores_option_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(cores_wanted("", 16), 16);
	assert_int_equal(cores_wanted("cores=4", 16), 4);
	assert_int_equal(cores_wanted("cores=99", 16), 16);
	assert_int_equal(cores_wanted("cores=0", 16), 16);
	assert_int_equal(cores_wanted("cores=x", 16), 16);
}

static void words_are_split_in_place(void **state)
{
	char text[] = "  bench  all x ";
	static const char want[] = "bench\0all\0x";
	size_t n = words_split(text);

	(void)state;
	assert_int_equal(n, sizeof want);
	assert_memory_equal(text, want, sizeof want);
	strcpy(text, "one");
	assert_int_equal(words_split(text), 4);
	strcpy(text, "   ");
	assert_int_equal(words_split(text), 0);
}

static void late_cores_are_missing(void **state)
{
	static struct core_table t;
	coreid_t missing = 0;
	cycles_t next;

	(void)state;
	core_table_init(&t, 4);
	core_table_set(&t, 0, MON_CORE_UP);
	core_table_await(&t, 1, 100);
	core_table_await(&t, 2, 200);
	assert_false(core_table_expire(&t, 50, &missing, &next));
	assert_int_equal(next, 100);
	core_table_set(&t, 2, MON_CORE_UP);
	assert_true(core_table_expire(&t, 150, &missing, &next));
	assert_int_equal(missing, 1);
	assert_int_equal(core_table_get(&t, 1), MON_CORE_MISSING);
	assert_false(core_table_expire(&t, 250, &missing, &next));
	assert_int_equal(t.awaited, 0);
	assert_int_equal(core_table_count(&t, MON_CORE_UP), 2);
	assert_int_equal(core_table_get(&t, 99), MON_CORE_ABSENT);
}

/* --- archive ------------------------------------------------------------------------------- */

static void archive_entries_must_lie_within(void **state)
{
	struct archive_header *a = calloc(1, 3 * PAGE_SIZE);

	(void)state;
	*a = (struct archive_header){ .magic = ARCHIVE_MAGIC, .size = 2 * PAGE_SIZE, .count = 1 };
	a->entry[0] = (struct archive_entry){ .name = "hello", .offset = PAGE_SIZE, .size = PAGE_SIZE };
	assert_true(archive_valid(a, 2 * PAGE_SIZE));
	assert_ptr_equal(archive_find(a, "hello"), &a->entry[0]);
	assert_null(archive_find(a, "hell"));
	a->entry[0].size++;
	assert_false(archive_valid(a, 2 * PAGE_SIZE));
	a->entry[0].size = 1;
	a->entry[0].offset = UINT64_MAX - PAGE_SIZE + 1;
	assert_false(archive_valid(a, 2 * PAGE_SIZE));
	a->entry[0].offset = 17;
	assert_false(archive_valid(a, 2 * PAGE_SIZE));
	a->entry[0].offset = 0;
	memset(a->entry[0].name, 'x', sizeof a->entry[0].name);
	assert_false(archive_valid(a, 2 * PAGE_SIZE));
	a->count = UINT32_MAX;
	assert_false(archive_valid(a, 2 * PAGE_SIZE));
	a->count = 0;
	assert_true(archive_valid(a, 2 * PAGE_SIZE));
	assert_false(archive_valid(a, PAGE_SIZE));
	a->magic++;
	assert_false(archive_valid(a, 2 * PAGE_SIZE));
	free(a);
}

/* --- plan ------------------------------------------------------------------------------------- */

struct part {
	uint64_t at, size;
};

static void parts_are_aligned_and_disjoint(const struct plan *p)
{
	const struct part parts[] = {
		{ p->image, SIZE_OF_BITS(p->image_bits) },
		{ p->disp_frame, SIZE_OF_BITS(DISPATCHER_FRAME_BITS) },
		{ p->cnode, SIZE_OF_BITS(CAP_L2CNODE_BITS) },
		{ p->dispatcher, SIZE_OF_BITS(CAP_DISPATCHER_BITS) },
		{ p->root, SIZE_OF_BITS(PLAN_ROOT_BITS) },
		{ p->ptable4, PAGE_SIZE },
		{ p->ptable3, PAGE_SIZE },
		{ p->ptable2, PAGE_SIZE },
		{ p->ram, SIZE_OF_BITS(p->ram_bits) },
	};
	uint64_t end = p->ptable1 + (uint64_t)p->tables * PAGE_SIZE;

	assert_true(end <= p->ram);
	assert_int_equal(p->ram + SIZE_OF_BITS(p->ram_bits), SIZE_OF_BITS(p->block_bits));
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		assert_int_equal(parts[i].at % parts[i].size, 0);
		if (i + 1 < sizeof parts / sizeof parts[0])
			assert_true(parts[i].at + parts[i].size <= parts[i + 1].at);
	}
}

static struct elf_image program(uint64_t data_bytes)
{
	struct elf_image e = { .count = 3 };

	e.segment[0] = (struct elf_segment){
		.address = USER_TEXT_VA, .file_bytes = 150000, .memory_bytes = 150000, .flags = ELF_READ | ELF_EXECUTE
	};
	e.segment[1] = (struct elf_segment){
		.address = USER_TEXT_VA + 0x26000, .file_bytes = 100, .memory_bytes = 100, .flags = ELF_READ
	};
	e.segment[2] = (struct elf_segment){ .address = USER_TEXT_VA + 0x28e00,
					     .file_bytes = 100,
					     .memory_bytes = data_bytes,
					     .flags = ELF_READ | ELF_WRITE };
	e.end = (e.segment[2].address + data_bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	return e;
}

static void a_small_program_is_half_a_mebibyte(void **state)
{
	struct elf_image e = program(8000);
	struct plan p;

	(void)state;
	assert_false(plan_segment_private(&e.segment[0]));
	assert_false(plan_segment_private(&e.segment[1]));
	assert_true(plan_segment_private(&e.segment[2]));
	assert_int_equal(plan_segment_pages(&e.segment[2]), 3);
	assert_int_equal(plan_make(&e, false, &p), ERR_OK);
	assert_int_equal(p.data_pages, 3);
	assert_int_equal(p.image_bits, 17);
	assert_int_equal(p.stack_pages, 28);
	assert_int_equal(p.tables, 2);
	assert_int_equal(p.block_bits, 19);
	parts_are_aligned_and_disjoint(&p);
}

static void programs_of_all_sizes_fit_or_are_refused(void **state)
{
	struct plan p;

	(void)state;
	for (uint64_t bytes = 1; bytes < UINT64_C(1) << 29; bytes = bytes * 2 + 777) {
		struct elf_image e = program(bytes);
		err_t err = plan_make(&e, false, &p);

		if (e.end > PLAN_HIGH) {
			assert_int_equal(err, ERR_NO_MEMORY);
			continue;
		}
		assert_int_equal(err, ERR_OK);
		assert_in_range(p.stack_pages, PLAN_STACK_PAGES, PLAN_STACK_MAX);
		assert_true(1 + p.data_pages + p.stack_pages <= SIZE_OF_BITS(p.image_bits) / PAGE_SIZE);
		assert_true(DISPATCHER_VA + ((uint64_t)p.tables << PLAN_TABLE_BITS) >= e.end);
		parts_are_aligned_and_disjoint(&p);
	}
}

static void arguments_are_laid_out(void **state)
{
	static const char text[] = "bench\0all\0";
	struct process_args *a = calloc(1, PAGE_SIZE);
	char *large = malloc(PAGE_SIZE);

	(void)state;
	assert_int_equal(plan_arguments(a, text, sizeof text - 1, 0, 0), ERR_OK);
	assert_int_equal(a->argc, 2);
	assert_string_equal((char *)a + a->arg[1], "all");
	assert_string_equal(a->name, "bench");
	assert_int_equal(a->envc, 0);
	memset(a, 0, PAGE_SIZE);
	assert_int_equal(a->letter_bytes, 0);
	assert_int_equal(plan_arguments(a, "sh\0-c\0A=1\0B=", 13, 2, 0), ERR_OK);
	assert_int_equal(a->argc, 2);
	assert_int_equal(a->envc, 2);
	assert_string_equal((char *)a + a->arg[2], "A=1");
	assert_string_equal((char *)a + a->arg[3], "B=");
	memset(a, 0, PAGE_SIZE);
	assert_int_equal(plan_arguments(a, "a\0b\0\1\2\3", 7, 1, 3), ERR_OK);
	assert_int_equal(a->argc, 1);
	assert_int_equal(a->envc, 1);
	assert_int_equal(a->text_bytes, 7);
	assert_memory_equal(a->text + a->text_bytes - a->letter_bytes, "\1\2\3", 3);
	assert_int_equal(plan_arguments(a, "a\0b\0", 4, 1, 4), ERR_ARGUMENT);
	assert_int_equal(plan_arguments(a, "a\0bb", 4, 1, 1), ERR_TOO_LONG);
	memset(a, 0, PAGE_SIZE);
	assert_int_equal(plan_arguments(a, text, sizeof text - 1, 3, 0), ERR_ARGUMENT);
	assert_int_equal(plan_arguments(a, text, 0, 0, 0), ERR_ARGUMENT);
	assert_int_equal(plan_arguments(a, text, 3, 0, 0), ERR_TOO_LONG);
	memset(large, 'x', PAGE_SIZE);
	large[PAGE_SIZE - 1] = '\0';
	assert_int_equal(plan_arguments(a, large, PAGE_SIZE, 0, 0), ERR_TOO_LONG);
	memset(a, 0, PAGE_SIZE);
	for (unsigned i = 0; i < 200; i += 2)
		memcpy(large + i, "x", 2);
	assert_int_equal(plan_arguments(a, large, 200, 0, 0), ERR_TOO_LONG);
	free(large);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(text_of_two_senders_stays_apart, reset),
		cmocka_unit_test_setup(malformed_chunks_are_refused, reset),
		cmocka_unit_test_setup(too_much_text_is_marked, reset),
		cmocka_unit_test_setup(the_buffer_longest_untouched_is_given_away, reset),
		cmocka_unit_test(process_and_core_survive_packing),
		cmocka_unit_test(names_have_sixteen_bytes),
		cmocka_unit_test(options_are_found_by_whole_name),
		cmocka_unit_test(words_are_whole),
		cmocka_unit_test(cores_option_is_bounded),
		cmocka_unit_test(words_are_split_in_place),
		cmocka_unit_test(late_cores_are_missing),
		cmocka_unit_test(archive_entries_must_lie_within),
		cmocka_unit_test(a_small_program_is_half_a_mebibyte),
		cmocka_unit_test(programs_of_all_sizes_fit_or_are_refused),
		cmocka_unit_test(arguments_are_laid_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
