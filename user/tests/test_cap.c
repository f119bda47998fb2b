/*
 * Capabilities through system calls: what each operation refuses, and what must hold after it.
 */
#include <string.h>

#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/x86/cpuid.h"
#include "user/tests/tap.h"

#define BLOCK_BITS 16
#define CPUID_1_AVX (1u << 28)

/* RAM to play with, and eight empty slots. */
static cptr_t ram, slot;

static bool begin(void)
{
	EXPECT_OK(ram_alloc(BLOCK_BITS, &ram));
	EXPECT_OK(slot_alloc_run(8, &slot));
	return true;
}

static bool end(void)
{
	for (int i = 0; i < 8; i++) {
		cap_delete(slot + i);
		slot_free(slot + i);
	}
	EXPECT_OK(ram_free(ram));
	return true;
}

static bool lookups_fail(void)
{
	struct cap_info info;
	EXPECT_ERROR(cap_identify(CPTR_NULL, &info), ERR_CAP_LOOKUP);
	EXPECT_ERROR(cap_identify(CPTR(0xffff, 3), &info), ERR_CAP_LOOKUP);
	EXPECT_ERROR(cap_identify(UINT64_MAX, &info), ERR_CAP_LOOKUP);
	EXPECT_ERROR(cap_identify(CPTR_IN(TASK_VSPACE, 1), &info), ERR_CAP_LOOKUP);
	EXPECT_ERROR(cap_copy(TASK_VSPACE, CPTR(0xffff, 3)), ERR_SLOT_LOOKUP);
	return true;
}

static bool copy_keeps_object(void)
{
	struct cap_info a, b;
	EXPECT(begin());
	EXPECT_OK(cap_copy(ram, slot));
	EXPECT_OK(cap_identify(ram, &a));
	EXPECT_OK(cap_identify(slot, &b));
	EXPECT(a.type == CAP_RAM && b.type == CAP_RAM && a.base == b.base && a.bits == b.bits);
	EXPECT_ERROR(cap_copy(ram, slot), ERR_SLOT_OCCUPIED);
	return end();
}

static bool rights_only_shrink(void)
{
	struct cap_info info;
	EXPECT(begin());
	EXPECT_OK(cap_retype(ram, 0, CAP_FRAME, 12, 1, slot));
	EXPECT_OK(cap_restrict(slot, slot + 1, RIGHT_READ | RIGHT_GRANT));
	EXPECT_OK(cap_restrict(slot + 1, slot + 2, RIGHT_ALL));
	EXPECT_OK(cap_identify(slot + 2, &info));
	EXPECT(info.rights == (RIGHT_READ | RIGHT_GRANT));
	return end();
}

static bool retype_checks(void)
{
	EXPECT(begin());
	EXPECT_ERROR(cap_retype(ram, 0, CAP_FRAME, 13, 16, slot), ERR_RETYPE_SIZE);
	EXPECT_ERROR(cap_retype(ram, 100, CAP_FRAME, 12, 1, slot), ERR_RETYPE_SIZE);
	EXPECT_ERROR(cap_retype(ram, 0, CAP_KERNEL, 12, 1, slot), ERR_RETYPE_TYPE);
	EXPECT_ERROR(cap_retype(ram, 0, CAP_TYPES, 12, 1, slot), ERR_RETYPE_TYPE);
	EXPECT_ERROR(cap_retype(TASK_DISP_FRAME, 0, CAP_CNODE, 12, 1, slot), ERR_RETYPE_TYPE);
	EXPECT_ERROR(cap_retype(ram, 0, CAP_FRAME, 12, 1, ram), ERR_SLOT_OCCUPIED);
	EXPECT_OK(cap_retype(ram, 4096, CAP_FRAME, 12, 2, slot));
	EXPECT_ERROR(cap_retype(ram, 8192, CAP_CNODE, 14, 1, slot + 2), ERR_RETYPE_SIZE);
	EXPECT_ERROR(cap_retype(ram, 8192, CAP_PTABLE1, 12, 1, slot + 2), ERR_RETYPE_OVERLAP);
	EXPECT_ERROR(cap_retype(ram, 0, CAP_CNODE, 14, 1, slot + 2), ERR_RETYPE_OVERLAP);
	EXPECT_OK(cap_retype(ram, 16384, CAP_CNODE, 14, 1, slot + 2));
	EXPECT_OK(cap_delete(slot));
	EXPECT_OK(cap_retype(ram, 4096, CAP_PTABLE1, 12, 1, slot));
	return end();
}

static bool revoke_leaves_nothing(void)
{
	struct cap_info info;
	EXPECT(begin());
	EXPECT_OK(cap_retype(ram, 0, CAP_RAM, 14, 2, slot));
	EXPECT_OK(cap_retype(slot, 0, CAP_FRAME, 12, 4, slot + 2));
	EXPECT_OK(cap_copy(slot + 2, slot + 6));
	EXPECT_OK(cap_revoke(ram));
	for (int i = 0; i < 8; i++)
		EXPECT_ERROR(cap_identify(slot + i, &info), ERR_CAP_LOOKUP);
	EXPECT_OK(cap_retype(ram, 0, CAP_FRAME, BLOCK_BITS, 1, slot));
	return end();
}

/* A cnode that goes takes along what is in it: even a capability to itself. */
static bool cnode_goes_with_contents(void)
{
	EXPECT(begin());
	EXPECT_OK(cap_retype(ram, 0, CAP_CNODE, 14, 1, slot));
	EXPECT_OK(cap_retype(ram, 32768, CAP_FRAME, 12, 1, slot + 1));
	cptr_t inside = CPTR_IN(slot, CPTR_L1(5));
	EXPECT_OK(cap_copy(slot, CPTR_IN(slot, CPTR_L1(4))));
	EXPECT_OK(cap_copy(slot + 1, inside));
	EXPECT_OK(cap_delete(slot + 1));
	EXPECT_ERROR(cap_retype(ram, 32768, CAP_PTABLE1, 12, 1, slot + 2), ERR_RETYPE_OVERLAP);
	EXPECT_OK(cap_revoke(ram));
	EXPECT_OK(cap_retype(ram, 0, CAP_FRAME, BLOCK_BITS, 1, slot));
	return end();
}

/* The memory of a dispatcher that went is a frame, in which we could write a dispatcher of our own making. */
static bool endpoint_without_dispatcher(void)
{
	vaddr_t va;
	EXPECT(begin());
	EXPECT_OK(cap_retype(ram, 0, CAP_DISPATCHER, CAP_DISPATCHER_BITS, 1, slot));
	EXPECT_OK(cap_retype(slot, CAP_ENDPOINT_OFFSET, CAP_ENDPOINT, CAP_ENDPOINT_BITS, 1, slot + 1));
	EXPECT_OK(cap_delete(slot));
	EXPECT_OK(cap_retype(ram, 0, CAP_FRAME, 12, 1, slot));
	EXPECT_OK(vspace_map_frame(slot, 12, MAP_READ | MAP_WRITE, &va));
	for (size_t i = 0; i < PAGE_SIZE / sizeof(uint64_t); i++)
		((uint64_t *)va)[i] = UINT64_C(0x7fffffff0000);
	EXPECT_ERROR(ep_bind(slot + 1, DISPATCHER_PAGE_BYTES, 1, 0), ERR_DISP_INCOMPLETE);
	EXPECT_OK(vspace_unmap(va));
	return end();
}

/* Memory comes back cleared, whatever stood in it; a large frame is cleared in steps. */
static bool fresh_memory_is_zero(void)
{
	enum { BITS = 20 };
	cptr_t big, frame;
	vaddr_t va;
	EXPECT_OK(ram_alloc(BITS, &big));
	EXPECT_OK(slot_alloc(&frame));
	for (int round = 0; round < 2; round++) {
		EXPECT_OK(cap_retype(big, 0, CAP_FRAME, BITS, 1, frame));
		EXPECT_OK(vspace_map_frame(frame, BITS, MAP_READ | MAP_WRITE, &va));
		uint64_t *word = (uint64_t *)va;
		for (size_t i = 0; i < (1 << BITS) / sizeof *word; i++) {
			EXPECT(word[i] == 0);
			word[i] = UINT64_MAX;
		}
		EXPECT_OK(vspace_unmap(va));
		EXPECT_OK(cap_delete(frame));
	}
	slot_free(frame);
	EXPECT_OK(ram_free(big));
	return true;
}

/* Through a vector register memory is cleared: what this thread has in it stays, wide or narrow. */
static bool kept(unsigned bits, bool wide)
{
	const uint64_t value[4] = { 1, UINT64_MAX, wide ? 3 : 0, wide ? UINT64_C(0x8000000000000000) : 0 };
	uint64_t found[4] = { 0 };
	err_t err;

	if (wide)
		__asm__ volatile("vmovups %0, %%ymm0" : : "m"(value));
	else
		__asm__ volatile("movups %0, %%xmm0" : : "m"(value));
	err = cap_retype(ram, 0, CAP_FRAME, bits, 1, slot);
	if (wide)
		__asm__ volatile("vmovups %%ymm0, %0\n\tvzeroupper" : "=m"(found));
	else
		__asm__ volatile("movups %%xmm0, %0" : "=m"(found));
	EXPECT_OK(err);
	EXPECT_OK(cap_delete(slot));
	return !memcmp(value, found, sizeof found);
}

static bool clearing_keeps_registers(void)
{
	bool wide = cpuid(1).ecx & CPUID_1_AVX;

	EXPECT(begin());
	for (unsigned bits = PAGE_BITS; bits < BLOCK_BITS; bits++) {
		EXPECT(kept(bits, false));
		EXPECT(!wide || kept(bits, true));
		EXPECT(kept(bits, false));
	}
	return end();
}

static bool wrong_operations(void)
{
	EXPECT(begin());
	EXPECT_ERROR(sys_invoke(ram, CAP_OPS, 0, 0, 0, 0).err, ERR_CAP_OP);
	EXPECT_ERROR(sys_invoke(ram, 0xff, 0, 0, 0, 0).err, ERR_CAP_OP);
	EXPECT(frame_unmap(ram) == ERR_CAP_TYPE || frame_unmap(ram) == ERR_CAP_OP);
	EXPECT(disp_run(ram) == ERR_CAP_TYPE || disp_run(ram) == ERR_CAP_OP);
	EXPECT(ntfn_signal(ram) == ERR_CAP_TYPE || ntfn_signal(ram) == ERR_CAP_OP);
	return end();
}

static bool unknown_syscalls(void)
{
	for (uint64_t number = SYS_COUNT; number < UINT64_MAX / 3; number = number * 3 + 1) {
		uint64_t rax = number;
		__asm__ volatile("syscall"
				 : "+a"(rax)
				 :
				 : "rcx", "r11", "rdx", "rdi", "rsi", "r8", "r9", "r10", "memory");
		EXPECT(rax == ERR_SYSCALL);
	}
	return true;
}

const struct test cap_tests[] = {
	{ "addresses that name nothing are refused", lookups_fail },
	{ "a copy is a capability to the same object", copy_keeps_object },
	{ "rights only shrink", rights_only_shrink },
	{ "retype checks type, size, place and overlap", retype_checks },
	{ "after revoke no descendant is left", revoke_leaves_nothing },
	{ "a cnode takes its contents along", cnode_goes_with_contents },
	{ "an endpoint does not trust what is left of its dispatcher", endpoint_without_dispatcher },
	{ "fresh memory is zero", fresh_memory_is_zero },
	{ "vector registers stay as they were when memory is cleared", clearing_keeps_registers },
	{ "operations on the wrong type are refused", wrong_operations },
	{ "unknown system calls are refused", unknown_syscalls },
	{ 0 },
};
