/*
 * Devices for user space: interrupts as notifications, and I/O ports.
 *
 * An interrupt is masked when it comes and unmasked when the driver
 * acknowledges it, so a level-triggered line that nobody serves cannot storm.
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "dispatch.h"
#include "handover.h"

#define IRQS HANDOVER_IRQS

static struct notification *bound[IRQS];

void kernel_interrupt(unsigned irq)
{
	kernel_count[STAT_INTERRUPTS]++;
	schedule_interrupt();
	if (irq < IRQS)
		notification_raise(bound[irq]);
	schedule_interrupted();
}

static void irq_release(unsigned irq)
{
	if (!bound[irq])
		return;
	arch_irq_mask(irq);
	bound[irq]->irqs--;
	bound[irq] = NULL;
}

void irq_unbind(struct notification *n)
{
	for (unsigned i = 0; i < IRQS && n->irqs; i++)
		if (bound[i] == n)
			irq_release(i);
}

void irq_destroy(uint64_t base, uint64_t count)
{
	for (uint64_t i = base; i < IRQS && i - base < count; i++)
		irq_release((unsigned)i);
}

static struct sys_result irq_bind(unsigned irq, cptr_t to)
{
	struct cap *c = cap_lookup(&current->cspace, to);

	if (!c)
		return SYS_ERROR(ERR_CAP_LOOKUP);
	if (c->type != CAP_NOTIFICATION)
		return SYS_ERROR(ERR_CAP_TYPE);
	if (c->flags & CAP_FLAG_FOREIGN)
		return SYS_ERROR(ERR_CAP_REMOTE);
	if (!(c->rights & RIGHT_WRITE))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	irq_release(irq);
	bound[irq] = arch_window(c->base);
	bound[irq]->irqs++;
	arch_irq_unmask(irq);
	return SYS_OK(0);
}

struct sys_result irq_invoke(struct cap *c, uint64_t op, uint64_t a0, uint64_t irq)
{
	if (irq >= IRQS || irq < c->base || irq - c->base >= SIZE_OF_BITS(c->bits) || !arch_irq_valid((unsigned)irq))
		return SYS_ERROR(ERR_IRQ_RANGE);
	if (!(c->rights & RIGHT_WRITE))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	if ((op & 0xff) == CAP_OP_IRQ_BIND)
		return irq_bind((unsigned)irq, a0);
	if ((op & 0xff) != CAP_OP_IRQ_ACK)
		return SYS_ERROR(ERR_CAP_OP);
	if (bound[irq])
		arch_irq_unmask((unsigned)irq);
	return SYS_OK(0);
}

struct sys_result ioport_invoke(struct cap *c, uint64_t op, uint64_t port, uint64_t value)
{
	unsigned bytes = op >> 8 & 0xff;
	bool in = (op & 0xff) == CAP_OP_IO_IN;

	if (!in && (op & 0xff) != CAP_OP_IO_OUT)
		return SYS_ERROR(ERR_CAP_OP);
	if (bytes != 1 && bytes != 2 && bytes != 4)
		return SYS_ERROR(ERR_ARGUMENT);
	if (port < c->base || port - c->base > SIZE_OF_BITS(c->bits) - bytes || bytes > SIZE_OF_BITS(c->bits))
		return SYS_ERROR(ERR_IO_RANGE);
	if (!(c->rights & (in ? RIGHT_READ : RIGHT_WRITE)))
		return SYS_ERROR(ERR_CAP_RIGHTS);
	if (in)
		return SYS_OK(arch_port_in((unsigned)port, bytes));
	arch_port_out((unsigned)port, bytes, (uint32_t)value);
	return SYS_OK(0);
}

void irq_hand_over(struct handover *h, bool take) { HAND_OVER(take, h->irq, bound); }
