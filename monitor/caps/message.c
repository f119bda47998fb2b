/*
 * Capabilities across cores: lines from other monitors to the operation that they are about, and the
 * monitor's start and tick.
 *
 * A line is checked here before any operation sees it, and by the operation against its record:
 * what makes no sense is dropped, counted and reported.  Portable.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/x86/context.h"
#include "monitor/caps/share.h"
#include "monitor/members.h"

typedef void handler(coreid_t from, const struct mon_message *m);

enum { NO_OBJECT, OBJECT };

static const struct {
	handler *run;
	uint8_t object;
} handlers[CAPS_MESSAGES] = {
	[CAPS_SHARE] = { share_message, OBJECT },     [CAPS_GRANT] = { grant_message, OBJECT },
	[CAPS_FETCH] = { fetch_message, NO_OBJECT },  [CAPS_CARVE] = { carve_message, OBJECT },
	[CAPS_RETURN] = { return_message, OBJECT },   [CAPS_RELEASE] = { release_message, OBJECT },
	[CAPS_REVOKE] = { revoke_message, OBJECT },   [CAPS_DROP] = { drop_message, OBJECT },
	[CAPS_DROPPED] = { dropped_message, OBJECT }, [CAPS_TAKE] = { take_message, OBJECT },
	[CAPS_FREEZE] = { freeze_message, OBJECT },   [CAPS_FROZEN] = { frozen_message, OBJECT },
	[CAPS_HEIR] = { heir_message, OBJECT },       [CAPS_ADOPT] = { adopt_message, OBJECT },
	[CAPS_MOVED] = { moved_message, OBJECT },     [CAPS_TOLD] = { told_message, OBJECT },
	[CAPS_GONE] = { gone_message, NO_OBJECT },    [CAPS_WALK] = { walk_message, NO_OBJECT },
	[CAPS_IS] = { is_message, NO_OBJECT },
};

static unsigned malformed;

unsigned caps_malformed(void) { return malformed; }

/* Reported at the first, and each time that the count has doubled. */
void line_drop(coreid_t from, const struct mon_message *m)
{
	malformed++;
	if ((malformed & (malformed - 1)) == 0)
		report("monitor %u: dropped a senseless line of MON_CAPS from core %u: kind %u, object %x (%u so far)",
		       monitor.core, from, caps_what(m->header), m->word[0], malformed);
}

struct share *share_answered(coreid_t from, const struct mon_message *m)
{
	const struct object object = caps_object_of(m);
	struct share *s = share_find(&object);
	struct sharer *h = s ? sharer_find(s, from) : NULL;

	if (!h || !h->awaited || s->holder != op_find(mon_sequence(m->header))) {
		line_drop(from, m);
		return NULL;
	}
	h->awaited = false;
	return s;
}

bool object_valid(const struct object *o)
{
	return object_shareable(o->type) && o->bits >= CAP_RAM_BITS_MIN && o->bits < 52 &&
	       !(o->base & (SIZE_OF_BITS(o->bits) - 1)) && o->base >> 52 == 0;
}

/* The answer to an operation of ours, if it awaits one from that core. */
static void answer_take(coreid_t from, const struct mon_message *m)
{
	struct op *o = op_find(mon_sequence(m->header));

	/* Who has been told that a core is dead does not wait for its answer any more. */
	if (!o || (o->peer != from && o->other != from))
		return;
	if (caps_what(m->header) == CAPS_RETRY) {
		o->peer = o->other = CORE_NONE;
		op_ready(o);
	} else if (o->reply) {
		o->reply(o, from, caps_err(m->header), m->word[0]);
	}
}

void message_handle(coreid_t from, const struct mon_message *m)
{
	unsigned what = caps_what(m->header);
	struct object o = caps_object_of(m);

	if (what == CAPS_DONE || what == CAPS_RETRY)
		answer_take(from, m);
	else if (what >= CAPS_MESSAGES || !handlers[what].run || (handlers[what].object && !object_valid(&o)))
		line_drop(from, m);
	else
		handlers[what].run(from, m);
}

void caps_message(struct request *r)
{
	if (core_gone(r->from.core))
		return; /* what it was told to forget it may not know yet */
	message_handle(r->from.core, &r->m);
	ops_run();
}

/* --- start and tick -------------------------------------------------------------------------- */

#define SWEEPS_PER_SECOND 4
#define WATCHES_PER_SECOND 8

static bool sweeping;
static cycles_t sweep_at; /* 0: when something happens */
static cycles_t watch_at; /* 0: nobody waits for another core */

/* An operation that waits is looked at after a while: most are over by then. */
static void watch_step(void)
{
	cycles_t now = context_now();

	if (!caps_busy())
		watch_at = 0;
	else if (!watch_at || (now >= watch_at && ops_watch()))
		watch_at = now + monitor.info->tsc_hz / WATCHES_PER_SECOND;
	else if (now >= watch_at)
		watch_at = 0;
}
static void (*wake)(void *arg);
static void *wake_arg;

static void watch_event(void *arg)
{
	(void)arg;
	sweeping = monitor.pressing = true;
	wake(wake_arg);
}

err_t caps_init(event_handler *waker, void *arg)
{
	cptr_t watch;
	err_t err = notification_create(watch_event, NULL, &watch, NULL);

	wake = waker;
	wake_arg = arg;
	if (!err)
		err = kernel_watch(TASK_KERNEL, watch);
	return err == ERR_CAP_OP ? ERR_OK : err;
}

void sweep_soon(void) { sweeping = true; }
void caps_sweep(void) { sweeping = true; }

static cycles_t sooner(cycles_t a, cycles_t b) { return a == 0 || (b && b < a) ? b : a; }

bool caps_step(cycles_t *next)
{
	bool swept = sweeping || (sweep_at && context_now() >= sweep_at);

	*next = 0;
	if (swept) {
		sweeping = false;
		sweep_at = sweep_step() ? context_now() + monitor.info->tsc_hz / SWEEPS_PER_SECOND : 0;
	}
	ops_tick(next);
	watch_step();
	*next = sooner(*next, sooner(sweep_at, watch_at));
	return swept;
}

struct process *caps_process(uint64_t pid)
{
	struct process *p = member_find(pid);

	return process_alive(p) ? p : NULL;
}
