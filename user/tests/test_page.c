/*
 * Page tables and mappings through system calls, and the libOS's self-paging.
 */
#include <string.h>

#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "user/tests/tap.h"

#define ROOT_ENTRY 201
#define VA ((vaddr_t)ROOT_ENTRY << 39)

static cptr_t table3, table2, table1, frame, copy;

static bool begin(void)
{
	EXPECT_OK(ram_object(CAP_PTABLE3, 12, &table3));
	EXPECT_OK(ram_object(CAP_PTABLE2, 12, &table2));
	EXPECT_OK(ram_object(CAP_PTABLE1, 12, &table1));
	EXPECT_OK(frame_alloc(14, &frame));
	EXPECT_OK(slot_alloc(&copy));
	EXPECT_OK(ptable_map(table3, TASK_VSPACE, ROOT_ENTRY));
	EXPECT_OK(ptable_map(table2, table3, 0));
	EXPECT_OK(ptable_map(table1, table2, 0));
	return true;
}

static bool end(void)
{
	cap_delete(copy);
	slot_free(copy);
	EXPECT_OK(ram_free(frame));
	EXPECT_OK(ram_free(table1));
	EXPECT_OK(ram_free(table2));
	EXPECT_OK(ram_free(table3));
	return true;
}

static bool map_checks(void)
{
	cptr_t spare;
	EXPECT(begin());
	EXPECT_ERROR(frame_map(frame, TASK_VSPACE, 5, 1, 0, MAP_READ), ERR_MAP_LEVEL);
	EXPECT_ERROR(ptable_map(table1, table2, 1), ERR_MAP_MAPPED);
	EXPECT_OK(ram_object(CAP_PTABLE1, 12, &spare));
	EXPECT_ERROR(ptable_map(spare, table3, 1), ERR_MAP_LEVEL);
	EXPECT_ERROR(ptable_map(spare, table2, 0), ERR_MAP_OCCUPIED);
	EXPECT_ERROR(ptable_map(spare, table2, 512), ERR_MAP_RANGE);
	EXPECT_ERROR(ptable_map(spare, frame, 0), ERR_CAP_TYPE);
	EXPECT_OK(ram_free(spare));
	EXPECT_ERROR(frame_map(frame, table1, 512, 1, 0, MAP_READ), ERR_MAP_RANGE);
	EXPECT_ERROR(frame_map(frame, table1, 510, 4, 0, MAP_READ), ERR_MAP_RANGE);
	EXPECT_ERROR(frame_map(frame, table1, 0, 5, 0, MAP_READ), ERR_MAP_RANGE);
	EXPECT_ERROR(frame_map(frame, table1, 0, 0, 0, MAP_READ), ERR_MAP_RANGE);
	EXPECT_OK(frame_map(frame, table1, 0, 4, 0, MAP_READ | MAP_WRITE));
	EXPECT_ERROR(frame_map(frame, table1, 8, 1, 0, MAP_READ), ERR_MAP_MAPPED);
	EXPECT_OK(cap_copy(frame, copy));
	EXPECT_ERROR(frame_map(copy, table1, 3, 1, 0, MAP_READ), ERR_MAP_OCCUPIED);
	EXPECT_ERROR(frame_unmap(copy), ERR_MAP_UNMAPPED);
	EXPECT_OK(frame_map(copy, table1, 8, 2, 2, MAP_READ | MAP_WRITE));
	*(volatile uint32_t *)(VA + 2 * PAGE_SIZE) = 77;
	EXPECT(*(volatile uint32_t *)(VA + 8 * PAGE_SIZE) == 77);
	return end();
}

static bool rights_bound_mappings(void)
{
	EXPECT(begin());
	EXPECT_OK(cap_restrict(frame, copy, RIGHT_READ));
	EXPECT_ERROR(frame_map(copy, table1, 0, 1, 0, MAP_READ | MAP_WRITE), ERR_CAP_RIGHTS);
	EXPECT_ERROR(frame_map(copy, table1, 0, 1, 0, MAP_READ | MAP_EXECUTE), ERR_CAP_RIGHTS);
	EXPECT_OK(frame_map(copy, table1, 0, 1, 0, MAP_READ));
	EXPECT_ERROR(frame_protect(copy, 0, 1, MAP_READ | MAP_WRITE), ERR_CAP_RIGHTS);
	return end();
}

/* The second map puts another page at an address that was used: the old translation must be gone. */
static bool unmap_flushes(void)
{
	EXPECT(begin());
	EXPECT_OK(cap_copy(frame, copy));
	EXPECT_OK(frame_map(frame, table1, 0, 1, 0, MAP_READ | MAP_WRITE));
	*(volatile uint32_t *)VA = 1;
	EXPECT_OK(frame_unmap(frame));
	EXPECT_OK(frame_map(copy, table1, 0, 1, 1, MAP_READ | MAP_WRITE));
	EXPECT(*(volatile uint32_t *)VA == 0);
	return end();
}

static bool deleting_unmaps(void)
{
	EXPECT(begin());
	EXPECT_OK(cap_copy(frame, copy));
	EXPECT_OK(frame_map(copy, table1, 0, 1, 0, MAP_READ));
	EXPECT_OK(cap_delete(copy));
	EXPECT_OK(frame_map(frame, table1, 0, 1, 0, MAP_READ));
	return end();
}

/* A table that is gone leaves mappings behind that must harm nothing. */
static bool stale_mapping_is_harmless(void)
{
	EXPECT(begin());
	EXPECT_OK(frame_map(frame, table1, 0, 4, 0, MAP_READ | MAP_WRITE));
	EXPECT_OK(ram_free(table1));
	EXPECT_OK(ram_object(CAP_PTABLE1, 12, &table1));
	frame_unmap(frame);
	EXPECT_OK(ptable_map(table1, table2, 0));
	EXPECT_OK(frame_map(frame, table1, 1, 1, 0, MAP_READ));
	return end();
}

static bool heap_pages_itself(void)
{
	enum { BYTES = 3 << 20 };
	vaddr_t old = heap_extend(BYTES);
	EXPECT(old != 0);
	unsigned char *p = (unsigned char *)old;
	for (size_t i = 0; i < BYTES; i += PAGE_SIZE) {
		EXPECT(p[i] == 0);
		p[i] = (unsigned char)(i >> 12);
	}
	for (size_t i = 0; i < BYTES; i += PAGE_SIZE)
		EXPECT(p[i] == (unsigned char)(i >> 12));
	EXPECT(heap_extend(-(int64_t)BYTES) == old + BYTES);
	return true;
}

static bool written_is_told(void)
{
	volatile char *at = (volatile char *)VA;
	uint64_t written;

	EXPECT(begin());
	EXPECT_ERROR(disp_written(TASK_DISPATCHER, VA + 1, 4, &written), ERR_ARGUMENT);
	EXPECT_ERROR(disp_written(TASK_DISPATCHER, VA, 65, &written), ERR_ARGUMENT);
	EXPECT_ERROR(disp_written(TASK_DISPATCHER, VA, 0, &written), ERR_ARGUMENT);
	EXPECT_ERROR(disp_written(TASK_DISPATCHER, USER_END_VA - PAGE_SIZE, 2, &written), ERR_ARGUMENT);
	EXPECT_OK(frame_map(frame, table1, 0, 4, 0, MAP_READ | MAP_WRITE));
	EXPECT(at[0] == 0 && at[3 * PAGE_SIZE] == 0);
	EXPECT_OK(disp_written(TASK_DISPATCHER, VA, 4, &written));
	EXPECT(written == 0);
	at[PAGE_SIZE] = 1;
	at[3 * PAGE_SIZE] = 0;
	EXPECT_OK(disp_written(TASK_DISPATCHER, VA, 4, &written));
	EXPECT(written == 0xa);
	/* It stays so when the access changes, and as long as the mapping. */
	EXPECT_OK(frame_protect(frame, 0, 4, MAP_READ));
	EXPECT_OK(disp_written(TASK_DISPATCHER, VA + PAGE_SIZE, 3, &written));
	EXPECT(written == 5);
	EXPECT_OK(frame_unmap(frame));
	EXPECT_OK(frame_map(frame, table1, 0, 4, 0, MAP_READ));
	EXPECT_OK(disp_written(TASK_DISPATCHER, VA, 4, &written));
	EXPECT(written == 0);
	EXPECT_OK(frame_unmap(frame));
	return end();
}

const struct test page_tests[] = {
	{ "map checks level, range and use", map_checks },
	{ "a mapping has no more rights than its capability", rights_bound_mappings },
	{ "unmap flushes the translation", unmap_flushes },
	{ "deleting a capability unmaps it", deleting_unmaps },
	{ "a mapping outlives its table without harm", stale_mapping_is_harmless },
	{ "which pages were written to", written_is_told },
	{ "the heap pages itself", heap_pages_itself },
	{ 0 },
};
