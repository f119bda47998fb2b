/*
 * /proc/N/mem, regs, wait, and debugging by ctl.
 *
 *     mem    the memory, from its offset on; what is not mapped is EIO. A write to text makes that the process's own
 *     regs   of each thread, a line "thread ID core N STATE" and one for each register that is known. What is written,
 *            "[ID] NAME VALUE" in hexadecimal, sets one of a stopped process's
 *     wait   read, says what became of the process once it stops or ends: "stopped", "trapped VECTOR ERROR ADDRESS",
 *            "exited STATUS", "killed", "faulted"; both are at once if it has
 *
 * A thread that runs has its registers in the dispatcher page, where its core's monitor says; one that lost the
 * processor in its control block; one that waits, those that a call keeps, on its stack (libos/x86/context.asm). A
 * process without threads that it tells of has its dispatchers as threads 0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/about.h"
#include "services/sys/proc.h"

#define FLAG_TF UINT64_C(0x100) /* an exception behind the next instruction */
#define THREADS_MOST 1024
#define CORES_SETS 4
#define WAIT_TEXT 80

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

enum thread_state { THREAD_RUNS, THREAD_READY, THREAD_WAITS };
static const char *const state_texts[] = { "runs", "ready", "waits" };

/* A thread, and where its registers are. */
struct found {
	coreid_t core;
	uint64_t id; /* address of its control block; 0: the dispatcher */
	enum thread_state state;
	vaddr_t regs, fs; /* where its struct regs and fs base are; of one that waits, what it has saved */
};

static bool read_word(const struct proc_info *p, coreid_t core, vaddr_t at, uint64_t *word)
{
	size_t done;

	return !mon_debug_read(core, p->pid, at, word, sizeof *word, &done) && done == sizeof *word;
}

/* What a core runs, or will go on with first; false: nothing. */
static bool running_find(const struct proc_info *p, coreid_t core, struct found *out)
{
	struct dispatcher_page *page = dispatcher_page();
	struct mon_debug_state s;

	*out = (struct found){ .core = core, .state = THREAD_RUNS };
	if (mon_debug_state(core, p->pid, &s) || s.area >= SAVE_AREAS ||
	    !read_word(p, core, (vaddr_t)&page->libos[0], &out->id))
		return false;
	out->regs = (vaddr_t)&page->save[s.area];
	out->fs = (vaddr_t)&page->save_fs[s.area];
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

struct setting {
	uint64_t id, value;
	bool first; /* the first one there is */
	const char *name;
	unsigned error;
};

static bool thread_set(const struct proc_info *p, const struct found *t, void *arg)
{
	struct setting *s = arg;
	size_t done;

	if (!s->first && t->id != s->id)
		return false;
	s->error = NINEP_EINVAL;
	for (unsigned r = 0; r < REGISTERS; r++) {
		vaddr_t at = register_place(t, r);

		if (!at || strcmp(registers[r].name, s->name))
			continue;
		s->error = ninep_error_of(mon_debug_write(t->core, p->pid, at, &s->value, sizeof s->value, &done));
	}
	return true;
}

static bool hex_parse(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 16);
	return *text && !*end;
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
	if (c.count < 2 || c.count > 3 || !hex_parse(c.word[c.count - 1], &s.value) ||
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

/* --- control ------------------------------------------------------------------------------------------- */

unsigned debug_attach(const struct proc_info *p) { return ninep_error_of(mon_debug_attach(p->pid)); }
unsigned debug_detach(const struct proc_info *p) { return ninep_error_of(mon_debug_detach(p->pid)); }

/* Whether what runs next does so for one instruction only. EAGAIN: nothing is there to run. */
static unsigned step_set(const struct proc_info *p, bool step)
{
	struct found t;
	uint64_t flags;
	size_t done;
	vaddr_t at;

	if (!running_find(p, (coreid_t)p->core, &t))
		return step ? NINEP_EAGAIN : 0;
	at = t.regs + offsetof(struct regs, rflags);
	if (!read_word(p, t.core, at, &flags))
		return NINEP_EIO;
	flags = step ? flags | FLAG_TF : flags & ~FLAG_TF;
	return ninep_error_of(mon_debug_write(t.core, p->pid, at, &flags, sizeof flags, &done));
}

unsigned debug_go(const struct proc_info *p, bool step)
{
	const struct mon_signal go = { .to = MON_TO_PID, .who = p->pid, .signal = MON_SIGNAL_CONTINUE };
	struct mon_debug_state s;
	unsigned error = 0, count = 0;

	if (mon_debug_state((coreid_t)p->core, p->pid, &s))
		return NINEP_ENOENT;
	if (step && !(s.attached && s.stopped))
		return NINEP_EBUSY;
	if (s.attached && s.stopped)
		error = step_set(p, step);
	return error ? error : ninep_error_of(mon_signal((coreid_t)p->core, &go, &count));
}

void debug_status(const struct proc_info *p, struct text *t)
{
	uint64_t cores[CORES_SETS] = { 0 }, memory = 0;
	struct mon_debug_state s;

	if (mon_debug_cores(p->pid, cores))
		return;
	for (unsigned c = 0; c < CORES_SETS * 64; c++)
		if (cores[c / 64] >> c % 64 & 1 && !mon_debug_state((coreid_t)c, p->pid, &s))
			memory += s.memory;
	text_add(t, "memory %" PRIu64 "\n", memory);
	if (!mon_debug_state((coreid_t)p->core, p->pid, &s))
		text_add(t, "stopped %s\ndebugged %s\n",
			 s.trapped   ? "trapped"
			 : s.stopped ? "yes"
				     : "no",
			 s.attached ? "yes" : "no");
}

/* --- mem ----------------------------------------------------------------------------------------------- */

/* Between open and close: of whom it is, whatever becomes of its number. */
static unsigned mem_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	struct proc_info *p = malloc(sizeof(*p));
	unsigned error = p ? process_of(f, p) : NINEP_ENOMEM;

	(void)c, (void)flags;
	if (error)
		free(p);
	else
		f->open = p;
	return error;
}

static void mem_close(struct ninep_file *f) { free(f->open); }

static unsigned mem_error(err_t err)
{
	return err == ERR_MAP_UNMAPPED || err == ERR_ARGUMENT ? NINEP_EIO
	       : err == ERR_NO_PROCESS                        ? NINEP_ENOENT
							      : ninep_error_of(err);
}

static unsigned mem_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	const struct proc_info *p = f->open;
	size_t done = 0;
	err_t err = mon_debug_read((coreid_t)p->core, p->pid, offset, into, *count, &done);

	(void)c;
	*count = (uint32_t)done;
	return mem_error(err);
}

static unsigned mem_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *count)
{
	const struct proc_info *p = f->open;
	size_t done = 0;
	err_t err = mon_debug_write((coreid_t)p->core, p->pid, offset, from, *count, &done);

	(void)c;
	*count = (uint32_t)done;
	return mem_error(err);
}

/* --- wait ------------------------------------------------------------------------------------------------ */

/* A read that is put off. The dispatcher's scheduler writes the rest, while it is in the list. */
struct waiting {
	struct waiting *next;
	struct ninep_pending *answer;
	struct proc_info process;
	bool ended;
	unsigned cause;
	uint64_t status;
};

static struct waiting *waiting;
static struct event changed = EVENT_INIT;
static struct wait_set *woken;

static void gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w;
	for (struct waiting *at = waiting; at; at = at->next)
		if (at->process.pid == pid || (!(uint32_t)pid && at->process.pid >> 32 == pid >> 32)) {
			at->ended = true;
			at->cause = cause;
			at->status = status;
		}
	event_raise(&changed);
}

static void state(struct mon_watcher *w, uint64_t pid, unsigned signal)
{
	(void)w, (void)pid, (void)signal;
	event_raise(&changed);
}

static void *changes(void *arg)
{
	for (;;) {
		event_wait(&changed, 0);
		wait_set_interrupt(woken);
	}
	return arg;
}

static void unlist(struct waiting *w)
{
	struct waiting **at = &waiting;

	dispatcher_disable();
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	dispatcher_enable();
	free(w);
}

static void cancelled(struct ninep_pending *p, void *arg)
{
	(void)p;
	unlist(arg);
}

/* What became of it; false: nothing yet. */
static bool outcome(const struct waiting *w, char text[WAIT_TEXT])
{
	static const char *const causes[] = {
		[MON_EXITED] = "exited", [MON_KILLED] = "killed", [MON_FAULTED] = "faulted"
	};
	struct mon_debug_state s;

	if (w->ended)
		snprintf(text, WAIT_TEXT, "%s %" PRIu64 "\n", causes[w->cause % 3], w->status);
	else if (mon_debug_state((coreid_t)w->process.core, w->process.pid, &s))
		return false; /* its end is on the way */
	else if (s.trapped)
		snprintf(text, WAIT_TEXT, "trapped %u %" PRIx64 " %" PRIx64 "\n", s.vector, s.error, s.address);
	else if (s.stopped)
		snprintf(text, WAIT_TEXT, "stopped\n");
	return w->ended || s.stopped;
}

cycles_t debug_turn(struct ninep_server *s)
{
	char text[WAIT_TEXT];

	(void)s;
	for (struct waiting *w = waiting, *next; w; w = next) {
		next = w->next;
		if (!outcome(w, text))
			continue;
		ninep_answer(w->answer, 0, text, (uint32_t)strlen(text));
		unlist(w);
	}
	return 0;
}

/* Of one that has ended by now, its monitor still knows how. */
static unsigned watch(struct waiting *w)
{
	err_t err = mon_watch(w->process.pid);

	if (err != ERR_NO_PROCESS)
		return ninep_error_of(err);
	w->ended = !mon_wait(w->process.pid, &w->cause, &w->status);
	return w->ended ? 0 : NINEP_ENOENT;
}

static unsigned wait_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	const struct proc_info *p = f->open;
	struct waiting *w;
	unsigned error;

	(void)offset, (void)into, (void)count;
	w = malloc(sizeof(*w));
	if (!w)
		return NINEP_ENOMEM;
	*w = (struct waiting){ .process = *p };
	dispatcher_disable();
	w->next = waiting;
	waiting = w;
	dispatcher_enable();
	error = watch(w);
	if (!error && !(w->answer = ninep_later(c, cancelled, w)))
		error = NINEP_EAGAIN;
	if (error)
		unlist(w);
	return error ? error : NINEP_LATER; /* debug_turn comes next */
}

void debug_init(struct ninep_server *s)
{
	static struct mon_watcher watcher = { .gone = gone, .state = state };
	struct thread *t;

	woken = &s->set;
	s->turn = debug_turn;
	mon_watcher_add(&watcher);
	if (!thread_create(&t, changes, NULL))
		thread_detach(t);
}

const struct ninep_handlers mem_handlers = {
	.open = mem_open,
	.close = mem_close,
	.read = mem_read,
	.write = mem_write,
	.parent = proc_parent,
};
const struct ninep_handlers regs_handlers = { .text = regs_text, .write = regs_write, .parent = proc_parent };
const struct ninep_handlers wait_handlers = {
	.open = mem_open,
	.close = mem_close,
	.read = wait_read,
	.parent = proc_parent,
};
