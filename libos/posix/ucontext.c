/*
 * Contexts: what handlers are told of, and what programs go on with (getcontext, makecontext, swapcontext); and the
 * stacks that are not a thread's own.
 *
 * Such a stack's memory is touched beforehand, since a thread that is diverted is laid onto it in disabled mode. A
 * context that a handler was told of has all registers (UC_WHOLE), others those that a call keeps.
 */
#include <ucontext.h>

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "libos/posix/errno.h"
#include "libos/posix/pthread_self.h"
#include "libos/core/vspace.h"
#include "libos/posix/signal_state.h"
#include "libos/thread/errand.h"

#define UC_WHOLE 1
#define PAGE UINT64_C(4096)

/* In libos/x86/ucontext.asm, and for it. */
void context_enter(const ucontext_t *to) __attribute__((noreturn));
void context_return(void);
int context_gotten(ucontext_t *uc);
int context_swap(ucontext_t *from, const ucontext_t *to);
void context_over(const ucontext_t *link) __attribute__((noreturn));

#define GREG(name) (offsetof(ucontext_t, uc_mcontext.gregs) + 8 * __REG_##name)
_Static_assert(GREG(R8) == 40 && GREG(R9) == 48 && GREG(R12) == 72 && GREG(R15) == 96 && GREG(RDI) == 104, "UC_");
_Static_assert(GREG(RSI) == 112 && GREG(RBP) == 120 && GREG(RBX) == 128 && GREG(RDX) == 136, "UC_");
_Static_assert(GREG(RCX) == 152 && GREG(RSP) == 160 && GREG(RIP) == 168, "UC_");
_Static_assert(offsetof(ucontext_t, uc_mcontext.__mxcsr) == 232 && offsetof(ucontext_t, uc_mcontext.__fcw) == 236,
	       "UC_MXCSR, UC_FCW");

/* Which register lies where: struct regs has no names for numbers. */
static const struct {
	uint8_t place, at;
} registers[] = {
#define AT(name, member)                                        \
	{                                                       \
		__REG_##name, offsetof(struct regs, member) / 8 \
	}
	AT(R8, r8),   AT(R9, r9),   AT(R10, r10), AT(R11, r11),    AT(R12, r12),   AT(R13, r13),       AT(R14, r14),
	AT(R15, r15), AT(RDI, rdi), AT(RSI, rsi), AT(RBP, rbp),    AT(RBX, rbx),   AT(RDX, rdx),       AT(RAX, rax),
	AT(RCX, rcx), AT(RSP, rsp), AT(RIP, rip), AT(EFL, rflags), AT(ERR, error), AT(TRAPNO, vector),
#undef AT
};
#define REGISTERS (sizeof registers / sizeof *registers)

void context_tell(ucontext_t *uc, const struct thread_saved *s, const struct thread_stack *other)
{
	const uint64_t *from = (const uint64_t *)&s->regs;

	uc->uc_link = NULL;
	sigaltstack(NULL, &uc->uc_stack);
	uc->__low = (void *)other->low;
	uc->__top = (void *)other->top;
	for (unsigned i = 0; s && i < REGISTERS; i++)
		uc->uc_mcontext.gregs[registers[i].place] = (greg_t)from[registers[i].at];
	if (!s)
		return;
	uc->uc_mcontext.gregs[__REG_CR2] = (greg_t)s->fault.address;
	uc->uc_mcontext.fpregs = (void *)(uintptr_t)s->fpu;
	uc->uc_flags = UC_WHOLE;
}

void context_heed(struct thread_saved *s, const ucontext_t *uc)
{
	uint64_t *to = (uint64_t *)&s->regs;

	for (unsigned i = 0; i < REGISTERS; i++)
		to[registers[i].at] = (uint64_t)uc->uc_mcontext.gregs[registers[i].place];
}

/* --- stacks ---------------------------------------------------------------------------------------------- */

void stack_touch(struct thread_stack s)
{
	for (vaddr_t at = s.low; at < s.top; at = (at | (PAGE - 1)) + 1)
		*(volatile char *)at = *(volatile char *)at;
}

static bool on_alternate(const struct posix_thread *p, vaddr_t rsp)
{
	return rsp > p->alternate.low && rsp <= p->alternate.top;
}

const struct thread_stack *signal_stack(const struct posix_thread *p, vaddr_t rsp)
{
	return on_alternate(p, rsp) || !p->alternate.top ? NULL : &p->alternate;
}

/* The first thread's stack ends where the errand thread's begins: that gets another place. */
int stack_part_first(void)
{
	static bool done;
	vaddr_t top;
	bool moved;

	if (done || thread_current() != thread_first)
		return 0;
	if (stack_map(STACK_BITS, &top))
		return ENOMEM;
	do {
		dispatcher_disable();
		moved = errand_move(top - ERRAND_BYTES);
		dispatcher_enable();
		if (!moved)
			thread_yield();
	} while (!moved);
	done = true;
	return 0;
}

int sigaltstack(const stack_t *new, stack_t *old)
{
	struct posix_thread *p = posix_self();
	bool used = on_alternate(p, (vaddr_t)__builtin_frame_address(0));
	const stack_t was = { .ss_sp = (void *)p->alternate.low,
			      .ss_flags = used               ? SS_ONSTACK
					  : p->alternate.top ? 0
							     : SS_DISABLE,
			      .ss_size = p->alternate.top - p->alternate.low };
	struct thread_stack s = { 0, 0 };

	if (new) {
		if (used)
			return errno_fail(EPERM);
		/* SS_ONSTACK says nothing; Linux takes it too. */
		if (new->ss_flags & ~(SS_DISABLE | SS_ONSTACK) || new->ss_flags == (SS_DISABLE | SS_ONSTACK))
			return errno_fail(EINVAL);
		if (!(new->ss_flags &SS_DISABLE)) {
			if (new->ss_size < MINSIGSTKSZ || stack_part_first())
				return errno_fail(ENOMEM);
			s.low = (vaddr_t) new->ss_sp;
			s.top = (s.low + new->ss_size) & ~UINT64_C(15);
			stack_touch(s);
		}
		p->alternate = s;
	}
	if (old)
		*old = was;
	return 0;
}

/* --- contexts -------------------------------------------------------------------------------------------- */

int context_gotten(ucontext_t *uc)
{
	const struct thread *t = thread_current();

	uc->uc_flags = 0;
	uc->__low = (void *)t->other.low;
	uc->__top = (void *)t->other.top;
	uc->uc_mcontext.fpregs = NULL;
	uc->uc_sigmask = posix_self()->blocked;
	return 0;
}

/* All registers, from a copy on our own stack: the context may lie in what it goes on with. */
static void __attribute__((noreturn)) whole_enter(const ucontext_t *to)
{
	_Alignas(64) uint8_t room[sizeof(struct thread_saved) + DISPATCHER_FPU_BYTES] = { 0 };
	struct thread_saved *copy = (struct thread_saved *)room;

	copy->fs = (uint64_t)thread_current();
	context_heed(copy, to);
	memcpy(copy->fpu, to->uc_mcontext.fpregs, dispatcher_page()->fpu_bytes);
	thread_continue(copy);
}

int setcontext(const ucontext_t *to)
{
	const struct thread_stack other = { (vaddr_t)to->__low, (vaddr_t)to->__top };

	/* What becomes unblocked is done before, as by siglongjmp. */
	pthread_sigmask(SIG_SETMASK, &to->uc_sigmask, NULL);
	thread_stack_change(thread_current(), (vaddr_t)__builtin_frame_address(0),
			    (vaddr_t)to->uc_mcontext.gregs[__REG_RSP], other);
	if (to->uc_flags & UC_WHOLE)
		whole_enter(to);
	context_enter(to);
}

int context_swap(ucontext_t *from, const ucontext_t *to)
{
	context_gotten(from);
	return setcontext(to);
}

void context_over(const ucontext_t *link)
{
	if (link)
		setcontext(link);
	pthread_exit(NULL);
}

void makecontext(ucontext_t *uc, void (*fn)(void), int count, ...)
{
	static const uint8_t in_registers[] = { __REG_RDI, __REG_RSI, __REG_RDX, __REG_RCX, __REG_R8, __REG_R9 };
	const struct thread_stack s = { (vaddr_t)uc->uc_stack.ss_sp,
					(vaddr_t)uc->uc_stack.ss_sp + uc->uc_stack.ss_size };
	unsigned n = (unsigned)count, more = n > 6 ? n - 6 : 0;
	uint64_t *sp;
	va_list args;

	stack_touch(s);
	sp = (uint64_t *)((s.top - more * sizeof *sp) & ~UINT64_C(15));
	va_start(args, count);
	for (unsigned i = 0; i < n; i++) {
		uint64_t value = va_arg(args, uint64_t);

		if (i < 6)
			uc->uc_mcontext.gregs[in_registers[i]] = (greg_t)value;
		else
			sp[i - 6] = value;
	}
	va_end(args);
	*--sp = (uint64_t)context_return;
	uc->uc_flags = 0;
	uc->__low = (void *)s.low;
	uc->__top = (void *)s.top;
	uc->uc_mcontext.gregs[__REG_RBX] = (greg_t)(vaddr_t)uc->uc_link;
	uc->uc_mcontext.gregs[__REG_RBP] = 0;
	uc->uc_mcontext.gregs[__REG_RSP] = (greg_t)(vaddr_t)sp;
	uc->uc_mcontext.gregs[__REG_RIP] = (greg_t)(vaddr_t)fn;
}
