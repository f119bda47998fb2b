/*
 * /proc/N/mem, and debugging by ctl.
 *
 *     mem    the memory, from its offset on; what is not mapped is EIO. A write to text makes that the process's own
 *
 * What a process is stopped at, and its registers: wait.c, regs.c.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "libos/core/monitor_client.h"
#include "services/sys/proc.h"

#define FLAG_TF UINT64_C(0x100) /* an exception behind the next instruction */

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

unsigned mem_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
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

void mem_close(struct ninep_file *f) { free(f->open); }

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

const struct ninep_handlers mem_handlers = {
	.open = mem_open,
	.close = mem_close,
	.read = mem_read,
	.write = mem_write,
	.parent = proc_parent,
};
