/*
 * Taking capabilities away whose frames are mapped in page tables that several cores
 * use, or several CPU drivers write: two passes with a flush of all cores between them.
 *
 * The CPU driver marks what it has only unmapped, one set of marks for all: so one
 * operation at a time is between its passes, and the others wait for it.  It waits for a
 * round, which waits for nobody but cores.  Portable.
 */
#include "libos/core/invoke.h"
#include "monitor/agree/agreement.h"
#include "monitor/caps/share.h"

static struct op *passing;      /* who may be between two passes */
static struct op *first, *last; /* who waits for it */

static bool pass_take(struct op *o)
{
	if (!passing || passing == o) {
		passing = o;
		return true;
	}
	if (o->queued)
		return false;
	o->after = NULL;
	o->queued = true;
	if (first)
		last->after = o;
	else
		first = o;
	last = o;
	return false;
}

/* The next has it at once: if that one ends without a pass, the one behind it has its turn. */
static void pass_give(void)
{
	struct op *o = first;

	passing = o;
	if (!o)
		return;
	first = o->after;
	o->queued = false;
	op_ready(o);
}

void pass_forget(struct op *o)
{
	if (passing == o)
		pass_give();
}

static void flush_done(uint64_t context, err_t err, const struct proposal *p)
{
	struct op *o = op_find((uint32_t)context);

	(void)err, (void)p;
	if (!o)
		return;
	o->flushed = true;
	op_ready(o);
	ops_run();
}

/* Before there is a group of all cores only this one runs anything. */
void flush_begin(struct op *o)
{
	struct proposal p = { .group = GROUP_ALL, .subject = SUBJECT_FLUSH, .coordinator = monitor.core };
	err_t err = one_phase(&p, flush_done, o->number);

	o->flush_wanted = err && err != ERR_NOT_FOUND;
	if (o->flush_wanted)
		op_later(o);
	if (err != ERR_NOT_FOUND)
		return;
	kernel_flush(TASK_KERNEL);
	o->flushed = true;
	op_ready(o);
}

err_t pass_do(struct op *o, enum pass what, cptr_t cap, const struct cap_info *expected)
{
	static const struct cap_info any;
	uint64_t unmapped;
	unsigned flags;
	err_t err;

	if (!pass_take(o))
		return ERR_AGAIN;
	if (o->flush_wanted) {
		flush_begin(o);
		return ERR_AGAIN;
	}
	flags = o->stopped ? KERNEL_STOPPED : o->flushed ? KERNEL_FLUSHED : 0u;
	o->flushed = false;
	if (what == PASS_REVOKE)
		err = kernel_revoke_of(TASK_KERNEL, cap, expected ? expected : &any, flags, &unmapped);
	else
		err = kernel_delete(TASK_KERNEL, cap, flags, &unmapped);
	if (unmapped && (!err || err == ERR_CAP_REMOTE)) {
		flush_begin(o);
		return ERR_AGAIN;
	}
	pass_give();
	return err;
}
