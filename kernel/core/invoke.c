/*
 * SYS_INVOKE: to the operation that the capability's type and the number ask for.
 *
 * The operations on any capability and those of mapping are in cap_invoke.c; those
 * of the other types are here sorted out by type.
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "dispatch.h"

#define CNODE_SLOTS (1u << (CAP_L2CNODE_BITS - CAP_SLOT_BITS))
#define NOINLINE __attribute__((noinline))

static struct sys_result object_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	switch (c->type) {
	case CAP_DISPATCHER:
		return dispatcher_invoke(c, op, a0, a1, a2, a3);
	case CAP_ENDPOINT:
		return endpoint_invoke(c, op, a0, a1, a2);
	case CAP_NOTIFICATION:
		return notification_invoke(c, op, a0, a1);
	case CAP_IRQ:
		return irq_invoke(c, op, a0, a1);
	case CAP_IOPORT:
		return ioport_invoke(c, op, a0, a1);
	case CAP_KERNEL:
		return kernel_invoke(c, op, a0, a1, a2, a3);
	default:
		return SYS_ERROR(ERR_CAP_OP);
	}
}

/* Back to the SYSCALL instruction, all registers as they came. */
static struct sys_result restart(void)
{
	struct regs *f = arch_frame();

	f->rip -= ARCH_SYSCALL_BYTES;
	return (struct sys_result){ (err_t)f->rax, f->rdx };
}

/*
 * Ends an invocation that may have taken away what the caller itself lives on, or
 * that is to go on later.
 */
static inline struct sys_result finish(struct sys_result r)
{
	if (!current)
		schedule();
	return r.err == ERR_RESTART ? restart() : r;
}

/* cap_lookup() in current's own space for the common case of two levels; NULL also for what it does not decide. */
static inline struct cap *lookup_near(cptr_t address)
{
	const uint32_t unusable = CAP_INFO(0, 0, 0, CAP_FLAG_CLEARING | CAP_FLAG_FOREIGN);
	const struct cap *cnode;
	struct cap *c;

	if (address / CNODE_SLOTS >= current->cspace_count)
		return NULL;
	cnode = &current->cspace_slots[address / CNODE_SLOTS];
	if ((cap_head(cnode) & (unusable | CAP_INFO(0xff, RIGHT_READ, 0xff, 0))) !=
	    CAP_INFO(CAP_CNODE, RIGHT_READ, CAP_L2CNODE_BITS, 0))
		return NULL;
	c = (struct cap *)arch_window(cnode->base) + address % CNODE_SLOTS;
	return c->type != CAP_NULL && !(c->flags & CAP_FLAG_CLEARING) ? c : NULL;
}

/* These are apart so that none keeps registers that only another needs. */

static NOINLINE struct sys_result invoke_identify(cptr_t address)
{
	struct cap *c = lookup_near(address);

	return c ? cap_identify(c) : cap_invoke(&current->cspace, address, CAP_OP_IDENTIFY, 0, 0);
}

static NOINLINE struct sys_result invoke_any(cptr_t address, uint64_t op, uint64_t a0, uint64_t a1)
{
	return finish(cap_invoke(&current->cspace, address, op, a0, a1));
}

/* A mapping takes nothing away, and is done at once. */
static NOINLINE struct sys_result invoke_map(cptr_t address, uint64_t op, cptr_t table_address, uint64_t where)
{
	struct cap *c = lookup_near(address);
	struct cap *table = c ? lookup_near(table_address) : NULL;

	if (!table)
		return cap_invoke(&current->cspace, address, op, table_address, where);
	return SYS_ERROR(cap_map(c, table, where, op >> 8 & 0xff));
}

static NOINLINE struct sys_result invoke_object(cptr_t address, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2,
						uint64_t a3)
{
	struct cap *c = cap_lookup(&current->cspace, address);

	return c ? finish(object_invoke(c, op, a0, a1, a2, a3)) : SYS_ERROR(ERR_CAP_LOOKUP);
}

struct sys_result sys_invoke(cptr_t address, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	if ((op & 0xff) == CAP_OP_IDENTIFY)
		return invoke_identify(address);
	if ((op & 0xff) == CAP_OP_MAP)
		return invoke_map(address, op, a0, a1);
	if ((op & 0xff) <= CAP_OP_PROTECT)
		return invoke_any(address, op, a0, a1);
	return invoke_object(address, op, a0, a1, a2, a3);
}
