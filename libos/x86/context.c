/*
 * The part of context switching that C can say: the first context of a thread,
 * and threads whose registers lie in their control block because the processor
 * was taken from them.  Disabled mode.
 */
#include "libos/x86/context.h"

#include "libos/core/lmp.h"
#include "libos/core/syscall.h"
#include "libos/thread/control.h"

#define MXCSR_DEFAULT 0x1f80
#define FCW_DEFAULT 0x37f
#define CONTEXT_WORDS 7 /* control words, six registers */

/* What context.asm takes for granted. */
_Static_assert(DISPATCHER_VA == 0x200000 && offsetof(struct dispatcher_page, disabled) == 0, "PAGE_DISABLED");
_Static_assert(offsetof(struct dispatcher_page, libos) == 0x70, "PAGE_CURRENT");
_Static_assert(offsetof(struct thread, rsp) == 8, "THREAD_RSP");
_Static_assert(offsetof(struct lmp_endpoint, waiter) == 0, "EP_WAITER");
_Static_assert(offsetof(struct lmp_endpoint, buffer) == 8, "EP_BUFFER");
_Static_assert(offsetof(struct lmp_endpoint, hold) == 88, "EP_HOLD");
_Static_assert(offsetof(struct lmp_message, badge) == 0 && offsetof(struct lmp_message, header) == 8 &&
		       offsetof(struct lmp_message, words) == 16,
	       "MSG_");
_Static_assert(offsetof(struct lmp_endpoint, ring) == 16 && offsetof(struct lmp_ring, consumed) == 0 &&
		       offsetof(struct lmp_ring, produced) == 8,
	       "EP_RING, RING_");
_Static_assert(sizeof(struct lmp_message) == 128 && LMP_WORDS * 8 == 64 && LMP_WAIT == 0x40, "MSG_BYTES, LMP_");
_Static_assert(offsetof(struct dispatcher_page, events) == 0x38, "PAGE_EVENTS");
_Static_assert(offsetof(struct thread_queue, head) == 0, "thread_ready");
_Static_assert(SYS_LMP_SEND == 2 && SYS_YIELD == 3 && SYS_WAIT == 4, "SYS_");

uint64_t context_make(vaddr_t stack, void (*entry)(void))
{
	uint64_t *sp = (uint64_t *)(stack & ~UINT64_C(15));

	*--sp = 0; /* the frame that `entry` returns to: none */
	*--sp = (uint64_t)entry;
	sp -= CONTEXT_WORDS;
	sp[0] = MXCSR_DEFAULT | (uint64_t)FCW_DEFAULT << 32;
	__builtin_memset(sp + 1, 0, (CONTEXT_WORDS - 1) * sizeof(*sp));
	return (uint64_t)sp;
}

void context_keep(struct thread *t)
{
	struct dispatcher_page *page = dispatcher_page();

	t->rsp = 0;
	t->regs = page->save[SAVE_ENABLED];
	t->fs = page->save_fs[SAVE_ENABLED];
	context_copy(t->fpu, page->fpu, page->fpu_bytes);
}

void thread_resume(struct thread *t)
{
	struct dispatcher_page *page = dispatcher_page();

	page->save[SAVE_ENABLED] = t->regs;
	page->save_fs[SAVE_ENABLED] = t->fs;
	context_copy(page->fpu, t->fpu, page->fpu_bytes);
	sys_resume(SAVE_ENABLED);
}
