/*
 * A monitor that is hostile: system calls with any registers out of any mode, the
 * dispatcher page and its FPU areas spoilt before each.
 *
 * It is the first and only program; all its upcalls lead back to the loop, so
 * that whatever the CPU driver makes of a call, the next one follows.  It leaves out what would
 * end it by right: SYS_INVOKE (capfuzz does those), waiting with no event to come, and going on anywhere in disabled
 * mode.  The oracle is the CPU driver's own check of its invariants, and that it is alive to be asked.
 * The kernel command line is the seed.
 */
#include "kernel/abi/boot.h"
#include "kernel/abi/cap.h"
#include "kernel/abi/dispatcher.h"
#include "libos/core/syscall.h"

#define STEPS 1000000
#define REPORT_EVERY 100000
#define RING_OFFSET DISPATCHER_PAGE_BYTES
#define RING_MESSAGES 4
#define FPU_BYTES 640 /* legacy area, header, and the first of the rest */
#define REGS (sizeof(struct regs) / sizeof(uint64_t))

/* Loaded by `fire`: rax, rdi, rsi, rdx, r10, r8, r9, r12-r15, rbx, rbp, rsp. */
#define FIRED 14
uint64_t fired[FIRED], kept_rsp;

void loop(void) __attribute__((noreturn));
void _start(void) __attribute__((noreturn));
void fire(void);

/* Entries of all upcalls; a stack that does not depend on what the page says. */
__asm__(".text\n"
	"again:\n"
	"	cld\n"
	"	lea stack_top(%rip), %rsp\n"
	"	call loop\n"
	"fire:\n"
	"	push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"	mov %rsp, kept_rsp(%rip)\n"
	"	lea fired(%rip), %rcx\n"
	"	mov 0(%rcx), %rax\n mov 8(%rcx), %rdi\n mov 16(%rcx), %rsi\n mov 24(%rcx), %rdx\n"
	"	mov 32(%rcx), %r10\n mov 40(%rcx), %r8\n mov 48(%rcx), %r9\n mov 56(%rcx), %r12\n"
	"	mov 64(%rcx), %r13\n mov 72(%rcx), %r14\n mov 80(%rcx), %r15\n mov 88(%rcx), %rbx\n"
	"	mov 96(%rcx), %rbp\n mov 104(%rcx), %rsp\n"
	"	syscall\n"
	"	mov kept_rsp(%rip), %rsp\n"
	"	pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
	"	ret\n"
	".bss\n"
	".balign 16\n"
	".skip 16384\n"
	"stack_top:\n"
	".text\n");
extern char again[], stack_top[];

static uint64_t seed, steps, upcalls;

static struct dispatcher_page *page(void) { return (struct dispatcher_page *)DISPATCHER_VA; }

static struct lmp_ring *ring(void) { return (struct lmp_ring *)(DISPATCHER_VA + RING_OFFSET); }

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(2685821657736338717);
}

/* Noise, or something at the edge of a meaning. */
static uint64_t draw_value(void)
{
	static const uint64_t edges[] = {
		0,
		UINT64_C(0x7fffffffffff),
		UINT64_C(0x800000000000),
		UINT64_C(0xffff800000000000),
		UINT64_C(1) << 63,
		UINT64_C(0xffffffff80100000),
		UINT64_C(0xffffffffc0000000),
		UINT64_MAX,
		UINT32_MAX,
		DISPATCHER_VA,
		ARGS_VA,
		TASK_SELF_EP,
		LMP_WAIT | 8,
		LMP_YIELD | 8,
		LMP_WAIT | LMP_CAP,
		LMP_GIVE | LMP_CAP,
	};

	if (draw() % 4 == 0)
		return draw();
	if (draw() % 3 == 0)
		return draw() % 64;
	return edges[draw() % (sizeof edges / sizeof *edges)] + draw() % 3 - 1;
}

static void put(const char *text, uint64_t length)
{
	uint64_t w[4] = { 0 };

	for (uint64_t i = 0; i < length; i++)
		w[i / 8] |= (uint64_t)(uint8_t)text[i] << i % 8 * 8;
	sys_invoke(TASK_KERNEL, INVOKE(CAP_OP_KERNEL_LOG, length), w[0], w[1], w[2], w[3]);
}

static void put_number(const char *name, uint64_t length, uint64_t v)
{
	char digits[20];
	uint64_t at = sizeof digits;

	put(name, length);
	do
		digits[--at] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(digits + at, sizeof digits - at);
}
#define PUT(name, v) put_number(name, sizeof(name) - 1, v)

static void report(void)
{
	uint64_t violations = sys_invoke(TASK_KERNEL, CAP_OP_KERNEL_CHECK, 0, 0, 0, 0).v0;

	PUT("hostile: ", steps);
	PUT(" steps, upcalls ", upcalls);
	PUT(", violations ", violations);
	put("\n", 1);
	if (steps >= STEPS || violations)
		sys_invoke(TASK_KERNEL, CAP_OP_KERNEL_POWER, POWER_DEBUG_EXIT, violations != 0, 0, 0);
}

static void spoil(uint8_t *area)
{
	for (unsigned i = 0; i < FPU_BYTES && draw() % 4 == 0; i++)
		area[i] = 0;
	for (unsigned i = 0; i < 8; i++)
		area[draw() % FPU_BYTES] = (uint8_t)draw();
}

/* The upcalls find back, some event is pending; all else of the page is anyone's guess. */
static void page_spoil(void)
{
	struct dispatcher_page *p = page();

	p->upcall_run = p->upcall_message = p->upcall_fault = p->upcall_trap = (uint64_t)again;
	p->upcall_within = draw() % 2 ? (uint64_t)again : 0;
	p->upcall_stack = draw_value();
	p->within_stack = draw_value();
	p->events = draw() | EVENT_NOTIFY;
	p->notify = draw();
	p->self = draw_value();
	for (unsigned i = 0; i < 4; i++)
		((uint64_t *)&p->save[draw() % SAVE_AREAS])[draw() % REGS] = draw_value();
	p->save_fs[draw() % SAVE_AREAS] = draw_value();
	spoil(p->fpu);
	spoil(p->fpu_fault);
	ring()->consumed = draw() % 2 ? ring()->produced : (uint32_t)draw_value();
}

static void registers_draw(void)
{
	for (unsigned i = 0; i < FIRED; i++)
		fired[i] = draw_value();
	if (draw() % 8)
		fired[0] = SYS_LMP_SEND + draw() % (SYS_COUNT - SYS_LMP_SEND);
	if (fired[0] == SYS_INVOKE)
		fired[0] = SYS_NULL;
	if (fired[0] == SYS_RESUME && draw() % 4)
		fired[1] = (const uint64_t[]){ SAVE_ENABLED, SAVE_FAULT, RESUME_DISABLED }[draw() % 3];
	else if (draw() % 2)
		fired[1] = TASK_SELF_EP;
}

void loop(void)
{
	upcalls++;
	for (;;) {
		if (++steps % REPORT_EVERY == 0)
			report();
		page_spoil();
		registers_draw();
		page()->disabled = draw() % 3 && fired[1] != RESUME_DISABLED ? draw_value() : 0;
		fire();
		page()->disabled = 1;
	}
}

void _start(void)
{
	const struct process_args *args = (const struct process_args *)ARGS_VA;

	for (const char *s = (const char *)args + args->arg[1]; *s; s++)
		seed = seed * 31 + (uint8_t)*s;
	seed |= UINT64_C(1) << 32;
	sys_invoke(TASK_SELF_EP, CAP_OP_EP_BIND, RING_OFFSET, RING_MESSAGES, 0, 0);
	loop();
}
