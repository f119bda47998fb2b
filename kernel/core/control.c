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
	case STAT_TEXT:
		return SYS_OK(arch_text());
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

/* Is c still to what the monitor means? A process may have changed its slot since. Of an empty one, DELETE tells. */
static bool is_object(const struct cap *c, uint64_t info, uint64_t base)
{
	return info == 0 || cap_empty(c) ||
	       (c->type == CAP_INFO_TYPE(info) && c->bits == CAP_INFO_BITS(info) && c->base == base);
}

/* The operations on a further capability, which is at `address` in the caller's space. */
static struct sys_result in_table(const struct cap *c, err_t err)
{
	return (struct sys_result){ err, cap_shared_table(c) };
}

static struct sys_result other_invoke(uint64_t op, cptr_t address, uint64_t a1, uint64_t a2)
{
	struct cap *c = cap_lookup(&current->cspace, address);
	unsigned number = op & 0xff, flags = op >> 8 & 0xff;

	/* Also what is being deleted in parts: cap_lookup() hides it. */
	if (number == CAP_OP_KERNEL_DELETE && !c)
		c = cap_lookup_slot(&current->cspace, address);
	if (!c)
		return SYS_ERROR(ERR_CAP_LOOKUP);
	if ((number == CAP_OP_KERNEL_DELETE || number == CAP_OP_KERNEL_REVOKE) && !is_object(c, a1, a2))
		return SYS_ERROR(ERR_CAP_LOOKUP);
	switch (number) {
	case CAP_OP_KERNEL_SHARE:
		return SYS_ERROR(cap_share(c, flags & 1));
	case CAP_OP_KERNEL_GIVE:
		return SYS_ERROR(flags & 1 ? cap_give(c) : cap_give_undo(c));
	case CAP_OP_KERNEL_REVOKE:
		return cap_revoke_shared(c, flags);
	case CAP_OP_KERNEL_DELETE:
		return cap_delete_shared(c, flags);
	case CAP_OP_KERNEL_UNMAP:
		return in_table(c, cap_unmap_shared(c, flags & 1));
	case CAP_OP_KERNEL_PROTECT:
		return in_table(c, cap_protect_shared(c, a1, flags));
	case CAP_OP_KERNEL_SOLE:
		return SYS_OK(cap_sole(c));
	case CAP_OP_KERNEL_PLACE:
		return cap_place(c);
	default:
		return SYS_ERROR(notification_watch(c));
	}
}

static struct sys_result flush_all(void)
{
	arch_flush_all();
	return SYS_OK(0);
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

	if (c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(ERR_CAP_REMOTE);
	switch (op & 0xff) {
	case CAP_OP_KERNEL_START:
		return SYS_ERROR(core_start(a0, cap_lookup(root, a1), cap_lookup(root, a2)));
	case CAP_OP_KERNEL_FORGE:
		return SYS_ERROR(cap_forge(root, a0, a1, a2, a3));
	case CAP_OP_KERNEL_ADOPT:
		return SYS_ERROR(cap_adopt(root, a0, a1, a2, a3));
	case CAP_OP_KERNEL_SHARE:
	case CAP_OP_KERNEL_GIVE:
	case CAP_OP_KERNEL_REVOKE:
	case CAP_OP_KERNEL_DELETE:
	case CAP_OP_KERNEL_UNMAP:
	case CAP_OP_KERNEL_PROTECT:
	case CAP_OP_KERNEL_SOLE:
	case CAP_OP_KERNEL_PLACE:
	case CAP_OP_KERNEL_WATCH:
		return other_invoke(op, a0, a1, a2);
	case CAP_OP_KERNEL_NEXT:
		return cap_next(a0, a1, a2, op >> 8 & 1);
	case CAP_OP_KERNEL_FLUSH:
		return flush_all();
	case CAP_OP_KERNEL_LOG:
		return log_text(op >> 8 & 0xff, (uint64_t[4]){ a0, a1, a2, a3 });
	case CAP_OP_KERNEL_STAT:
		return stat_get(a0);
	case CAP_OP_KERNEL_POWER:
		return power(a0, a1);
	case CAP_OP_KERNEL_CHECK:
		return SYS_OK(cap_check() + schedule_check());
	case CAP_OP_KERNEL_UPDATE:
		return SYS_ERROR(kernel_update(cap_lookup(root, a0)));
	case CAP_OP_KERNEL_PEEK:
		return dispatcher_peek(cap_lookup(root, a0), a1);
	case CAP_OP_KERNEL_POKE:
		return SYS_ERROR(dispatcher_poke(cap_lookup(root, a0), a1, a2));
	case CAP_OP_KERNEL_ISLAND:
		return island_invoke(op, a0, a1);
	default:
		return SYS_ERROR(ERR_CAP_OP);
	}
}
