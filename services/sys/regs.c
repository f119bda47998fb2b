/*
 * /proc/N/regs: of each thread, a line "thread ID core N STATE" and one for each register that is known. What is
 * written, "[ID] NAME VALUE" in hexadecimal, sets one of a stopped process's.
 *
 * A thread that runs has its registers in the dispatcher page, where its core's monitor says; one that lost the
 * processor in its control block; one that waits, those that a call keeps, on its stack (libos/x86/context.asm). A
 * process without threads that it tells of has its dispatchers as threads 0. The FPU's are known of threads that run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/about.h"
#include "services/sys/proc.h"

#define THREADS_MOST 1024

/* --- registers ------------------------------------------------------------------------------------- */

/* Of a waiting thread only those with a place in what context_switch saves. */
static const struct {
	const char *name;
	uint16_t at; /* in struct regs */
	uint8_t saved;
} registers[] = {
#define REGISTER(name, member, saved)                           \
	{                                                       \
		name, offsetof(struct regs, member), (saved)*8u \
	}
	REGISTER("rax", rax, 0), REGISTER("rbx", rbx, 5),       REGISTER("rcx", rcx, 0), REGISTER("rdx", rdx, 0),
	REGISTER("rsi", rsi, 0), REGISTER("rdi", rdi, 0),       REGISTER("rbp", rbp, 6), REGISTER("rsp", rsp, 0),
	REGISTER("r8", r8, 0),   REGISTER("r9", r9, 0),         REGISTER("r10", r10, 0), REGISTER("r11", r11, 0),
	REGISTER("r12", r12, 4), REGISTER("r13", r13, 3),       REGISTER("r14", r14, 2), REGISTER("r15", r15, 1),
	REGISTER("rip", rip, 7), REGISTER("rflags", rflags, 0),
};
#define REGISTERS (sizeof(registers) / sizeof(*registers))
#define SAVED_BYTES 64 /* what a waiting thread's stack pointer is before what it has saved */

static const char *const state_texts[] = { "runs", "ready", "waits" };

bool read_word(const struct proc_info *p, coreid_t core, vaddr_t at, uint64_t *word)
{
	size_t done;

	return !mon_debug_read(core, p->pid, at, word, sizeof *word, &done) && done == sizeof *word;
}

bool running_find(const struct proc_info *p, coreid_t core, struct found *out)
{
	struct dispatcher_page *page = dispatcher_page();
	struct mon_debug_state s;

	*out = (struct found){ .core = core, .state = THREAD_RUNS };
	if (mon_debug_state(core, p->pid, &s) || s.area >= SAVE_AREAS ||
	    !read_word(p, core, (vaddr_t)&page->libos[0], &out->id))
		return false;
	out->regs = (vaddr_t)&page->save[s.area];
	out->fs = (vaddr_t)&page->save_fs[s.area];
	/* Those of SAVE_DISABLED the CPU driver has. */
	out->fpu = s.area == SAVE_ENABLED ? (vaddr_t)page->fpu : s.area == SAVE_FAULT ? (vaddr_t)page->fpu_fault : 0;
	return out->id || s.area != SAVE_ENABLED;
}

static bool waiting_find(const struct proc_info *p, struct thread *t, struct found *out)
{
	uint64_t rsp;

	*out = (struct found){ .core = (coreid_t)p->core, .id = (uint64_t)t };
	if (!read_word(p, out->core, (vaddr_t)&t->rsp, &rsp))
		return false;
	out->state = rsp ? THREAD_WAITS : THREAD_READY;
	out->regs = rsp ? rsp : (vaddr_t)&t->regs;
	out->fs = (vaddr_t)&t->fs;
	return true;
}

/* Calls `take` for all threads till it says true. */
typedef bool take_fn(const struct proc_info *p, const struct found *t, void *arg);

static bool runs_somewhere(const struct found *running, unsigned count, const struct thread *t)
{
	for (unsigned i = 0; i < count; i++)
		if (running[i].id == (uint64_t)t)
			return true;
	return false;
}

static bool listed_threads(const struct proc_info *p, const struct found *running, unsigned count, take_fn *take,
			   void *arg)
{
	struct posix_thread *at, entry;
	struct found t;
	struct about a;

	if (!about_read(p, &a) || !look_at(p, a.threads, &at, sizeof at))
		return false;
	for (unsigned i = 0; at && i < THREADS_MOST && look_at(p, at, &entry, sizeof entry); i++, at = entry.next)
		if (!runs_somewhere(running, count, entry.thread) && waiting_find(p, entry.thread, &t) &&
		    take(p, &t, arg))
			return true;
	return false;
}

static bool threads(const struct proc_info *p, take_fn *take, void *arg)
{
	struct found running[CORES_SETS * 64];
	uint64_t cores[CORES_SETS] = { 0 };
	unsigned count = 0;

	if (mon_debug_cores(p->pid, cores))
		return false;
	for (unsigned c = 0; c < CORES_SETS * 64; c++)
		if (cores[c / 64] >> c % 64 & 1 && running_find(p, (coreid_t)c, &running[count]))
			count++;
	for (unsigned i = 0; i < count; i++)
		if (take(p, &running[i], arg))
			return true;
	return listed_threads(p, running, count, take, arg);
}

/* Where a register is; 0: it is not known. A stack pointer that a wait has saved is where it was saved. */
static vaddr_t register_place(const struct found *t, unsigned r)
{
	if (t->state != THREAD_WAITS)
		return t->regs + registers[r].at;
	return registers[r].saved ? t->regs + registers[r].saved : 0;
}

/* --- the FPU's ----------------------------------------------------------------------------------------- */

/* Intel's manual, volume 1, 10.5.1: what FXSAVE writes; in XSAVE's area (13.4) a header follows. */
#define FXSAVE_BYTES 512
#define FXSAVE_TAGS 4 /* a bit for each of the x87's registers that is in use */
#define FXSAVE_STATUS 2
#define FXSAVE_ST 32
#define FXSAVE_XMM 160
#define XSAVE_HAS_X87 1
#define XSAVE_HAS_SSE 2
#define CONTROL_INITIAL 0x37f

struct fpu_register {
	char name[8];
	uint16_t at;
	uint8_t bytes;
};

/* The n-th, in GDB's order; false: there are no more. The tags are at a place that FXSAVE uses otherwise. */
static bool fpu_register(unsigned n, struct fpu_register *out)
{
	static const struct fpu_register words[] = {
		{ "fctrl", 0, 2 },          { "fstat", FXSAVE_STATUS, 2 },
		{ "ftag", FXSAVE_TAGS, 2 }, { "fiseg", 12, 2 },
		{ "fioff", 8, 4 },          { "foseg", 20, 2 },
		{ "fooff", 16, 4 },         { "fop", 6, 2 },
	};

	*out = (struct fpu_register){ "mxcsr", 24, 4 };
	if (n < 8) {
		*out = (struct fpu_register){ .at = (uint16_t)(FXSAVE_ST + 16 * n), .bytes = 10 };
		snprintf(out->name, sizeof out->name, "st%u", n);
	} else if (n < 16) {
		*out = words[n - 8];
	} else if (n < 32) {
		*out = (struct fpu_register){ .at = (uint16_t)(FXSAVE_XMM + 16 * (n - 16)), .bytes = 16 };
		snprintf(out->name, sizeof out->name, "xmm%u", n - 16);
	}
	return n <= 32;
}

/* As the x87 itself has them (volume 1, 8.1.7), two bits each: valid, zero, special, empty. */
static void tags_expand(uint8_t area[FXSAVE_BYTES])
{
	unsigned top = area[FXSAVE_STATUS + 1] >> 3 & 7, tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *st = area + FXSAVE_ST + 16 * ((i - top) & 7);
		uint64_t fraction;
		unsigned exponent = (st[8] | st[9] << 8) & 0x7fff;

		memcpy(&fraction, st, sizeof fraction);
		if (!(area[FXSAVE_TAGS] >> i & 1))
			tags |= 3u << 2 * i;
		else if (!exponent && !fraction)
			tags |= 1u << 2 * i;
		else if (exponent == 0x7fff || !(fraction >> 63))
			tags |= 2u << 2 * i;
	}
	area[FXSAVE_TAGS] = (uint8_t)tags;
	area[FXSAVE_TAGS + 1] = (uint8_t)(tags >> 8);
}

static void tags_contract(uint8_t area[FXSAVE_BYTES])
{
	unsigned tags = area[FXSAVE_TAGS] | area[FXSAVE_TAGS + 1] << 8, used = 0;

	for (unsigned i = 0; i < 8; i++)
		used |= (unsigned)((tags >> 2 * i & 3) != 3) << i;
	area[FXSAVE_TAGS] = (uint8_t)used;
	area[FXSAVE_TAGS + 1] = 0;
}

static bool fpu_read(const struct proc_info *p, const struct found *t, uint8_t area[FXSAVE_BYTES])
{
	uint64_t mask, has;
	size_t done;

	if (mon_debug_read(t->core, p->pid, t->fpu, area, FXSAVE_BYTES, &done) || done != FXSAVE_BYTES ||
	    !read_word(p, t->core, (vaddr_t)&dispatcher_page()->fpu_mask, &mask) ||
	    !read_word(p, t->core, t->fpu + FXSAVE_BYTES, &has))
		return false;
	/* What is as it was at first need not have been written. */
	if (mask && !(has & XSAVE_HAS_X87)) {
		memset(area, 0, 24);
		memset(area + FXSAVE_ST, 0, FXSAVE_XMM - FXSAVE_ST);
		area[0] = CONTROL_INITIAL & 0xff;
		area[1] = CONTROL_INITIAL >> 8;
	}
	if (mask && !(has & XSAVE_HAS_SSE))
		memset(area + FXSAVE_XMM, 0, FXSAVE_BYTES - FXSAVE_XMM);
	tags_expand(area);
	return true;
}

/* "name value" with all digits, the highest first. */
static void bytes_show(struct text *t, const char *name, const uint8_t *bytes, unsigned count)
{
	text_add(t, "%s ", name);
	while (count--)
		text_add(t, "%02x", bytes[count]);
	text_add(t, "\n");
}

static void fpu_show(const struct proc_info *p, const struct found *t, struct text *text)
{
	uint8_t area[FXSAVE_BYTES];
	struct fpu_register r;

	if (!t->fpu || !fpu_read(p, t, area))
		return;
	for (unsigned n = 0; fpu_register(n, &r); n++)
		bytes_show(text, r.name, area + r.at, r.bytes);
}

/* `value`: the lowest byte first. EINVAL: it is none of these, or not known. */
static unsigned fpu_set(const struct proc_info *p, const struct found *t, const char *name, const uint8_t *value)
{
	const uint64_t has = XSAVE_HAS_X87 | XSAVE_HAS_SSE;
	uint8_t area[FXSAVE_BYTES];
	struct fpu_register r;
	uint64_t before;
	unsigned n = 0;
	size_t done;
	err_t err;

	while (fpu_register(n, &r) && strcmp(r.name, name))
		n++;
	if (strcmp(r.name, name) || !t->fpu || !fpu_read(p, t, area))
		return NINEP_EINVAL;
	memcpy(area + r.at, value, r.bytes);
	tags_contract(area);
	err = mon_debug_write(t->core, p->pid, t->fpu, area, sizeof area, &done);
	/* With XSAVE, that these parts are there. FXSAVE's area has nothing behind it that means anything. */
	if (!err && read_word(p, t->core, t->fpu + FXSAVE_BYTES, &before)) {
		before |= has;
		err = mon_debug_write(t->core, p->pid, t->fpu + FXSAVE_BYTES, &before, sizeof before, &done);
	}
	return ninep_error_of(err);
}

/* --- regs ---------------------------------------------------------------------------------------------- */

static bool thread_show(const struct proc_info *p, const struct found *t, void *arg)
{
	struct text *text = arg;
	uint64_t value;

	text_add(text, "thread %" PRIx64 " core %u %s\n", t->id, (unsigned)t->core, state_texts[t->state]);
	for (unsigned r = 0; r < REGISTERS; r++) {
		vaddr_t at = register_place(t, r);

		if (at && read_word(p, t->core, at, &value))
			text_add(text, "%s %" PRIx64 "\n", registers[r].name, value);
		else if (t->state == THREAD_WAITS && registers[r].at == offsetof(struct regs, rsp))
			text_add(text, "rsp %" PRIx64 "\n", t->regs + SAVED_BYTES);
	}
	/* The thread pointer of one that waits is its control block. */
	if (t->state == THREAD_WAITS)
		text_add(text, "fs_base %" PRIx64 "\n", t->id);
	else if (read_word(p, t->core, t->fs, &value))
		text_add(text, "fs_base %" PRIx64 "\n", value);
	fpu_show(p, t, text);
	return false;
}

static unsigned regs_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct proc_info p;
	unsigned error = process_of(f, &p);

	if (!error)
		threads(&p, thread_show, &t);
	*length = t.length;
	return error;
}

#define VALUE_BYTES 16

struct setting {
	uint64_t id;
	uint8_t value[VALUE_BYTES]; /* the lowest byte first */
	bool first;                 /* the first one there is */
	const char *name;
	unsigned error;
};

static bool thread_set(const struct proc_info *p, const struct found *t, void *arg)
{
	struct setting *s = arg;
	size_t done;

	if (!s->first && t->id != s->id)
		return false;
	s->error = fpu_set(p, t, s->name, s->value);
	for (unsigned r = 0; r < REGISTERS; r++) {
		vaddr_t at = register_place(t, r);

		if (!at || strcmp(registers[r].name, s->name))
			continue;
		s->error = ninep_error_of(mon_debug_write(t->core, p->pid, at, s->value, sizeof(uint64_t), &done));
	}
	return true;
}

static bool hex_parse(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 16);
	return *text && !*end;
}

/* All of it; the lowest byte first. */
static bool value_parse(const char *text, uint8_t value[VALUE_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	size_t length = strlen(text);

	memset(value, 0, VALUE_BYTES);
	for (size_t i = 0; i < length; i++) {
		const char *digit = strchr(digits, text[length - 1 - i] | 0x20);

		if (!digit || !*digit || i == 2 * VALUE_BYTES)
			return false;
		value[i / 2] |= (uint8_t)((digit - digits) << i % 2 * 4);
	}
	return length;
}

static unsigned stopped_check(const struct proc_info *p)
{
	struct mon_debug_state s;
	err_t err = mon_debug_state((coreid_t)p->core, p->pid, &s);

	return err ? NINEP_ENOENT : s.stopped ? 0 : NINEP_EBUSY;
}

static unsigned regs_write(struct ninep_call *call, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	struct setting s = { .error = NINEP_ENOENT };
	struct proc_info p;
	struct command c;
	unsigned error = command_parse(&c, from, *count);

	(void)call, (void)offset;
	if (error)
		return error;
	s.first = c.count == 2;
	if (c.count < 2 || c.count > 3 || !value_parse(c.word[c.count - 1], s.value) ||
	    (!s.first && !hex_parse(c.word[0], &s.id)))
		return NINEP_EINVAL;
	s.name = c.word[c.count - 2];
	error = process_of(f, &p);
	if (!error)
		error = stopped_check(&p);
	if (error)
		return error;
	threads(&p, thread_set, &s);
	return s.error;
}

const struct ninep_handlers regs_handlers = { .text = regs_text, .write = regs_write, .parent = proc_parent };
