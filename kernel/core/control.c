/*
 * The invocations of CAP_KERNEL: what a monitor may ask of its CPU driver.
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "dispatch.h"

#define LOG_BYTES 32

static err_t start_check(const struct cap *ram, const struct cap *urpc)
{
	if (!ram || !urpc)
		return ERR_CAP_LOOKUP;
	if (ram->type != CAP_RAM || urpc->type != CAP_FRAME)
		return ERR_CAP_TYPE;
	if ((ram->flags | urpc->flags) & CAP_FLAG_FOREIGN)
		return ERR_CAP_REMOTE;
	return ram->rights == RIGHT_ALL && urpc->rights == RIGHT_ALL ? ERR_OK : ERR_CAP_RIGHTS;
}

/* The RAM stays here as a tombstone, which keeps its block from being used; the frame is shared from now on. */
static err_t core_start(uint64_t core, struct cap *ram, struct cap *urpc)
{
	err_t err = start_check(ram, urpc);

	if (err)
		return err;
	if (core >= arch_start.info.cores || core == arch_start.info.core)
		return ERR_CORE_ID;
	err = cap_give(ram);
	if (err)
		return err;
	err = arch_core_start((coreid_t)core, ram->base, ram->bits, urpc->base, urpc->bits);
	/* A core that comes up too late may still use what it was given: only a refusal takes that back. */
	if (err && err != ERR_CORE_TIMEOUT)
		cap_give_undo(ram);
	else
		cap_share(urpc, true);
	return err;
}

static struct sys_result log_text(uint64_t length, const uint64_t word[4])
{
	char text[LOG_BYTES];

	if (length > LOG_BYTES)
		return SYS_ERROR(ERR_TOO_LONG);
	for (unsigned i = 0; i < length; i++)
		text[i] = (char)(word[i / 8] >> i % 8 * 8);
	arch_log(text, length);
	return SYS_OK(0);
}

static struct sys_result stat_get(uint64_t which)
{
	uint64_t writable, foreign;

	switch (which) {
	case STAT_APIC_ID:
		return SYS_OK(arch_apic_id());
	case STAT_START_TSC:
		return SYS_OK(arch_start.info.start_tsc);
	case STAT_CAPS:
		return SYS_OK(cap_count);
	case STAT_WALK_PAGES:
	case STAT_WALK_FOREIGN:
		arch_walk_tables(&writable, &foreign);
		return SYS_OK(which == STAT_WALK_PAGES ? writable : foreign);
	default:
		return which < STAT_COUNT ? SYS_OK(kernel_count[which]) : SYS_ERROR(ERR_ARGUMENT);
	}
}

static struct sys_result power(uint64_t how, uint64_t code)
{
	if (how <= POWER_DEBUG_EXIT)
		arch_power((unsigned)how, (unsigned)code);
	return SYS_ERROR(how <= POWER_DEBUG_EXIT ? ERR_UNSUPPORTED : ERR_ARGUMENT);
}

struct sys_result kernel_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct cap *root = &current->cspace;
	struct cap *other;

	if (c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(ERR_CAP_REMOTE);
	switch (op & 0xff) {
	case CAP_OP_KERNEL_START:
		return SYS_ERROR(core_start(a0, cap_lookup(root, a1), cap_lookup(root, a2)));
	case CAP_OP_KERNEL_FORGE:
		return SYS_ERROR(cap_forge(root, a0, a1, a2, a3));
	case CAP_OP_KERNEL_SHARE:
		other = cap_lookup(root, a0);
		return SYS_ERROR(other ? cap_share(other, op >> 8 & 1) : ERR_CAP_LOOKUP);
	case CAP_OP_KERNEL_LOG:
		return log_text(op >> 8 & 0xff, (uint64_t[4]){ a0, a1, a2, a3 });
	case CAP_OP_KERNEL_STAT:
		return stat_get(a0);
	case CAP_OP_KERNEL_POWER:
		return power(a0, a1);
	case CAP_OP_KERNEL_CHECK:
		return SYS_OK(cap_check() + schedule_check());
	default:
		return SYS_ERROR(ERR_CAP_OP);
	}
}
