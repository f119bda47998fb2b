/*
 * RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE for a processor without them.
 *
 * The libOS sets the thread pointer with one instruction.  Where that faults, it is
 * done here instead, at the price of an exception a thread switch, so that programs
 * are the same for all processors.  The instruction's bytes are read by walking the
 * user's page tables and through the window, like all user memory.
 */
#include "arch.h"
#include "cpu.h"
#include "fsgsbase.h"

#include "../abi/dispatcher.h"

#define REX 0x40
#define REX_W 8
#define REX_B 1

enum { READ_FS, READ_GS, WRITE_FS, WRITE_GS }; /* the instruction's second operand field */

/* The byte at a user address, or -1. */
static int user_byte(vaddr_t va)
{
	bool writable;
	const uint8_t *at = arch_user_memory(arch_root_current(), va, &writable);

	return at ? *at : -1;
}

static uint64_t *register_of(struct regs *r, unsigned number)
{
	uint64_t *const by_number[] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
					&r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15 };

	return by_number[number];
}

static bool carry_out(unsigned what, uint64_t *operand, bool wide)
{
	uint64_t v = wide ? *operand : (uint32_t)*operand;

	if (what == READ_FS || what == READ_GS) {
		v = rdmsr(what == READ_FS ? MSR_FS_BASE : MSR_GS_BASE);
		*operand = wide ? v : (uint32_t)v;
		return true;
	}
	if (v >= USER_END_VA)
		return false;
	wrmsr(what == WRITE_FS ? MSR_FS_BASE : MSR_GS_BASE, v);
	return true;
}

/* F3 [REX] 0F AE /0 to /3 with a register: Intel SDM volume 2, RDFSBASE. */
bool fsgsbase_emulate(struct regs *r)
{
	int byte[5], rex = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 5; i++)
		byte[i] = r->rip + i < USER_END_VA ? user_byte(r->rip + i) : -1;
	if (byte[n++] != 0xf3)
		return false;
	if ((byte[n] & ~0xf) == REX)
		rex = byte[n++];
	if (byte[n] != 0x0f || byte[n + 1] != 0xae || (byte[n + 2] & 0xe0) != 0xc0)
		return false;
	if (!carry_out((unsigned)byte[n + 2] >> 3 & 3,
		       register_of(r, (unsigned)(byte[n + 2] & 7) | (rex & REX_B ? 8 : 0)), rex & REX_W))
		return false;
	r->rip += n + 3;
	return true;
}
