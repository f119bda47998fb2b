/*
 * /proc/N: a process each. N is its number, as getpid says it and `ps` shows it; of one that has none, core.number.
 * /proc/self is a link to that of whoever reads it.
 *
 *     status   number, name, state, core where it started, cores that it spans, seconds that it has run, pid, parent,
 *              group, session, memory, whether it is stopped and debugged
 *     ctl      kill, stop, start, move CORE, signal NUMBER; attach, detach, step
 *     note     a signal: its number
 *     mem, regs, wait                         debug.c, regs.c, wait.c
 *     args, cmdline, environ, cwd, fd, ns     about.c
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/abi/dispatcher.h"
#include "libos/core/dispatcher.h"
#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/process.h"
#include "libos/proc/program.h"
#include "services/sys/proc.h"

#define PID_CORE 32
#define TENTHS 10
#define SELF_ROOM 32 /* for a name */

/* As getpid has it: 31 bits. */
static uint64_t key_of(const struct proc_info *p) { return (uint64_t)process_number(p->id, p->pid); }

/* --- which there are ------------------------------------------------------------------------------- */

/* Calls `look` for each till it says true. */
static bool processes(bool (*look)(const struct proc_info *p, void *arg), void *arg)
{
	struct proc_info list[PROC_LIST_MAX];
	struct proc_cursor at = { 0 };
	uint32_t count = PROC_LIST_MAX;

	for (; !program_list(&at, list, &count); count = PROC_LIST_MAX)
		for (uint32_t i = 0; i < count; i++)
			if (look(&list[i], arg))
				return true;
	return false;
}

struct wanted {
	uint64_t key;   /* of it, */
	uint64_t index; /* or how many come before it */
	struct proc_info found;
};

static bool has_key(const struct proc_info *p, void *arg)
{
	struct wanted *w = arg;

	w->found = *p;
	return key_of(p) == w->key;
}

static bool has_index(const struct proc_info *p, void *arg)
{
	struct wanted *w = arg;

	w->found = *p;
	return w->index-- == 0;
}

/* With all that is shown of it. */
static unsigned process_shown(const struct ninep_file *f, struct proc_info *out)
{
	struct wanted w = { .key = f->key };

	if (!processes(has_key, &w))
		return NINEP_ENOENT;
	*out = w.found;
	return 0;
}

unsigned process_of(const struct ninep_file *f, struct proc_info *out)
{
	struct program found = { .pid = process_pid((pid_t)f->key) };
	struct mon_debug_state s;

	/* The service remembers those that have ended for a while; monitors say who lives. */
	if (!found.pid && program_find((uint32_t)f->key, &found))
		return NINEP_ENOENT;
	*out = (struct proc_info){ .pid = found.pid, .id = found.id, .core = (uint32_t)(found.pid >> PID_CORE) };
	return mon_debug_state((coreid_t)out->core, out->pid, &s) ? NINEP_ENOENT : 0;
}

/* "17", or "3.5" of one without a number. */
static bool key_parse(const char *name, uint64_t *key)
{
	const char *dot = strchr(name, '.');
	char core_text[8];
	uint64_t core, number;

	if (!dot)
		return number_parse(name, INT32_MAX, key) && *key;
	if (dot - name >= (ptrdiff_t)sizeof core_text)
		return false;
	memcpy(core_text, name, (size_t)(dot - name));
	core_text[dot - name] = '\0';
	if (!number_parse(core_text, CORES_MAX - 1, &core) || !number_parse(dot + 1, UINT32_MAX, &number))
		return false;
	*key = (uint64_t)process_number(0, core << PID_CORE | number);
	return true;
}

/* --- the reader's own --------------------------------------------------------------------------------- */

static void name_show(uint32_t id, uint64_t pid, char *to, size_t room)
{
	if (id)
		snprintf(to, room, "%" PRIu32, id);
	else
		snprintf(to, room, "%" PRIu32 ".%" PRIu32, (uint32_t)(pid >> PID_CORE), (uint32_t)pid);
}

static unsigned self_read(struct ninep_call *c, const struct ninep_file *f, char *into, uint32_t *length)
{
	struct mon_relation r = { 0 };
	uint64_t pid = c->from->pid;

	(void)f;
	if (mon_relate((coreid_t)(pid >> PID_CORE), MON_TO_PID, pid, 0, &r))
		return NINEP_ENOENT;
	name_show(r.number, pid, into, SELF_ROOM);
	*length = (uint32_t)strlen(into);
	return 0;
}

static unsigned self_parent(const struct ninep_file *f, struct ninep_file *out)
{
	(void)f;
	*out = (struct ninep_file){ .node = &sys_files[SYS_PROC] };
	return 0;
}

static const struct ninep_handlers self_handlers = { .readlink = self_read, .parent = self_parent };
static const struct ninep_node self[] = { { "self", NINEP_SYMLINK | 0777, &self_handlers, NULL, NULL }, { 0 } };

static unsigned proc_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	char text[NINEP_NAME_MAX + 1];
	struct proc_info p;

	(void)dir;
	name_copy(text, name);
	*out = (struct ninep_file){ .node = self };
	if (!strcmp(text, self->name))
		return 0;
	*out = (struct ninep_file){ .node = proc_dirs };
	return key_parse(text, &out->key) ? process_of(out, &p) : NINEP_ENOENT;
}

static unsigned proc_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	struct wanted w = { .index = *index - 1 };
	const struct proc_info *p = &w.found;

	(void)dir;
	if (!*index) {
		*out = (struct ninep_file){ .node = self };
		strcpy(name, self->name);
		return 0;
	}
	if (!processes(has_index, &w))
		return NINEP_ENOENT;
	*out = (struct ninep_file){ .node = proc_dirs, .key = key_of(p) };
	name_show(p->id, p->pid, name, NINEP_NAME_MAX + 1);
	return 0;
}

unsigned proc_parent(const struct ninep_file *f, struct ninep_file *out)
{
	if (f->node == proc_dirs)
		*out = (struct ninep_file){ .node = &sys_files[SYS_PROC] };
	else
		*out = (struct ninep_file){ .node = proc_dirs, .key = f->key };
	return 0;
}

/* --- texts ------------------------------------------------------------------------------------------ */

static const char *state_text(unsigned state)
{
	static const char *const text[] = {
		[DISP_NEW] = "new",         [DISP_RUNNABLE] = "runnable", [DISP_WAITING] = "waiting",
		[DISP_STOPPED] = "stopped", [DISP_FAULTED] = "faulted",
	};

	return state < sizeof(text) / sizeof(*text) && text[state] ? text[state] : "unknown";
}

static unsigned status_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	struct text t = { into, room, 0 };
	struct mon_relation r = { 0 };
	struct proc_info p;
	unsigned error = process_shown(f, &p);
	uint64_t tenths = p.cycles / (dispatcher_tsc_hz() / TENTHS);

	if (error)
		return error;
	(void)mon_relate((coreid_t)(p.pid >> PID_CORE), MON_TO_PID, p.pid, 0, &r);
	text_add(&t, "number %" PRIu32 "\nname %.*s\nstate %s\ncore %" PRIu32 "\ncores %" PRIu32 "\n", p.id,
		 MON_PROCESS_NAME, p.name, state_text(p.state), p.core, p.cores);
	text_add(&t, "seconds %" PRIu64 ".%" PRIu64 "\npid %" PRIu32 ".%" PRIu32 "\n", tenths / TENTHS, tenths % TENTHS,
		 (uint32_t)(p.pid >> PID_CORE), (uint32_t)p.pid);
	text_add(&t, "parent %" PRIu32 "\ngroup %" PRIu32 "\nsession %" PRIu32 "\n", r.parent, r.group, r.session);
	debug_status(&p, &t);
	*length = t.length;
	return 0;
}

/* --- control ------------------------------------------------------------------------------------------ */

static unsigned signal_send(const struct proc_info *p, unsigned number)
{
	const struct mon_signal s = { .to = MON_TO_PID, .who = p->pid, .signal = number };
	unsigned count = 0;
	err_t err = mon_signal((coreid_t)(p->pid >> PID_CORE), &s, &count);

	return err ? ninep_error_of(err) : count ? 0 : NINEP_ENOENT;
}

static unsigned signal_command(const struct proc_info *p, const char *word)
{
	uint64_t number;

	return number_parse(word, MON_SIGNALS - 1, &number) ? signal_send(p, (unsigned)number) : NINEP_EINVAL;
}

static unsigned ctl_command(const struct proc_info *p, const struct command *c)
{
	const struct program program = { p->id, p->pid };
	const char *verb = c->word[0];
	uint64_t core;

	if (c->count == 1 && !strcmp(verb, "kill"))
		return ninep_error_of(program_kill(&program));
	if (c->count == 1 && !strcmp(verb, "stop"))
		return signal_send(p, MON_SIGNAL_STOP);
	if (c->count == 1 && (!strcmp(verb, "start") || !strcmp(verb, "step")))
		return debug_go(p, !strcmp(verb, "step"));
	if (c->count == 1 && !strcmp(verb, "attach"))
		return debug_attach(p);
	if (c->count == 1 && !strcmp(verb, "detach"))
		return debug_detach(p);
	if (c->count == 2 && !strcmp(verb, "signal"))
		return signal_command(p, c->word[1]);
	if (c->count == 2 && !strcmp(verb, "move") && number_parse(c->word[1], CORES_MAX - 1, &core))
		return ninep_error_of(program_migrate(&program, (coreid_t)core));
	return NINEP_EINVAL;
}

static unsigned ctl_write(struct ninep_call *call, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *count)
{
	struct proc_info p;
	struct command c;
	unsigned error = command_parse(&c, from, *count);

	(void)call, (void)offset;
	if (!error)
		error = process_of(f, &p);
	return error ? error : ctl_command(&p, &c);
}

static unsigned note_write(struct ninep_call *call, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	struct proc_info p;
	struct command c;
	unsigned error = command_parse(&c, from, *count);

	(void)call, (void)offset;
	if (!error)
		error = process_of(f, &p);
	if (error)
		return error;
	return c.count == 1 ? signal_command(&p, c.word[0]) : NINEP_EINVAL;
}

static const struct ninep_handlers dir_handlers = { .parent = proc_parent };
static const struct ninep_handlers status_handlers = { .text = status_text, .parent = proc_parent };
static const struct ninep_handlers ctl_handlers = { .write = ctl_write, .parent = proc_parent };
static const struct ninep_handlers note_handlers = { .write = note_write, .parent = proc_parent };

static const struct ninep_node files[] = {
	{ "status", NINEP_FILE | 0444, &status_handlers, NULL, NULL },
	{ "ctl", NINEP_FILE | 0222, &ctl_handlers, NULL, NULL },
	{ "note", NINEP_FILE | 0222, &note_handlers, NULL, NULL },
	{ "mem", NINEP_FILE | 0600, &mem_handlers, NULL, NULL },
	{ "regs", NINEP_FILE | 0600, &regs_handlers, NULL, NULL },
	{ "wait", NINEP_FILE | 0400, &wait_handlers, NULL, NULL },
	{ "args", NINEP_FILE | 0444, &args_handlers, NULL, NULL },
	{ "cmdline", NINEP_FILE | 0444, &args_handlers, NULL, (void *)"" },
	{ "environ", NINEP_FILE | 0444, &environ_handlers, NULL, NULL },
	{ "cwd", NINEP_FILE | 0444, &cwd_handlers, NULL, NULL },
	{ "fd", NINEP_FILE | 0444, &fd_handlers, NULL, NULL },
	{ "ns", NINEP_FILE | 0444, &ns_handlers, NULL, NULL },
	{ 0 },
};

const struct ninep_node proc_dirs[] = { { "N", NINEP_DIR | 0555, &dir_handlers, files, NULL }, { 0 } };
const struct ninep_handlers proc_handlers = { .lookup = proc_lookup, .entry = proc_entry };
