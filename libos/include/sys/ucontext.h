/*
 * Contexts: registers, stack and mask, as signal handlers are told of them and ucontext.h goes on with them.
 */
#ifndef _SKERRY_SYS_UCONTEXT_H
#define _SKERRY_SYS_UCONTEXT_H

#include <signal.h>

typedef long long greg_t;

/* Places in gregs, in Linux's order; the names are GNU's. */
enum {
	__REG_R8,
	__REG_R9,
	__REG_R10,
	__REG_R11,
	__REG_R12,
	__REG_R13,
	__REG_R14,
	__REG_R15,
	__REG_RDI,
	__REG_RSI,
	__REG_RBP,
	__REG_RBX,
	__REG_RDX,
	__REG_RAX,
	__REG_RCX,
	__REG_RSP,
	__REG_RIP,
	__REG_EFL,
	__REG_CSGSFS,
	__REG_ERR,
	__REG_TRAPNO,
	__REG_OLDMASK,
	__REG_CR2,
	__NGREG
};

#if __GNU_VISIBLE
#define NGREG __NGREG
#define REG_R8 __REG_R8
#define REG_R9 __REG_R9
#define REG_R10 __REG_R10
#define REG_R11 __REG_R11
#define REG_R12 __REG_R12
#define REG_R13 __REG_R13
#define REG_R14 __REG_R14
#define REG_R15 __REG_R15
#define REG_RDI __REG_RDI
#define REG_RSI __REG_RSI
#define REG_RBP __REG_RBP
#define REG_RBX __REG_RBX
#define REG_RDX __REG_RDX
#define REG_RAX __REG_RAX
#define REG_RCX __REG_RCX
#define REG_RSP __REG_RSP
#define REG_RIP __REG_RIP
#define REG_EFL __REG_EFL
#define REG_CSGSFS __REG_CSGSFS
#define REG_ERR __REG_ERR
#define REG_TRAPNO __REG_TRAPNO
#define REG_OLDMASK __REG_OLDMASK
#define REG_CR2 __REG_CR2
#endif

typedef greg_t gregset_t[__NGREG];

typedef struct {
	gregset_t gregs;
	void *fpregs; /* what FXSAVE or XSAVE wrote, in a handler's context; NULL: the two words below are all */
	unsigned __mxcsr;
	unsigned short __fcw;
} mcontext_t;

typedef struct __ucontext {
	unsigned long uc_flags;
	struct __ucontext *uc_link; /* what goes on when that of makecontext returns */
	stack_t uc_stack;
	mcontext_t uc_mcontext;
	sigset_t uc_sigmask;
	void *__low, *__top; /* of the stack that it is on, if that is known */
} ucontext_t;

#endif
