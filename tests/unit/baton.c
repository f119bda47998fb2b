/* Threads that hand round a baton: baton.h. */
#include "tests/unit/baton.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

struct thread {
	pthread_t pthread;
	struct party *party;
	thread_fn *fn;
	void *arg;
	bool detached;
};

static _Thread_local struct thread *self;

/* --- the baton -------------------------------------------------------------------- */

static void baton_take(void)
{
	__atomic_add_fetch(&self->party->wanting, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&self->party->baton);
	__atomic_sub_fetch(&self->party->wanting, 1, __ATOMIC_SEQ_CST);
}

static void baton_give(void) { pthread_mutex_unlock(&self->party->baton); }

/* Till somebody has changed something. */
static void baton_wait(void) { pthread_cond_wait(&self->party->changed, &self->party->baton); }
static void changed(void) { pthread_cond_broadcast(&self->party->changed); }

/* --- threads ------------------------------------------------------------------------ */

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	void *result;

	self = t;
	baton_take();
	result = t->fn(t->arg);
	baton_give();
	if (t->detached)
		free(t);
	return result;
}

err_t thread_create_with(struct thread **out, const struct thread_options *o, thread_fn *fn, void *arg)
{
	struct thread *t = malloc(sizeof(*t));
	pthread_attr_t a;

	if (!t)
		return ERR_NO_MEMORY;
	*t = (struct thread){ .party = self->party, .fn = fn, .arg = arg, .detached = o->detached };
	*out = t;
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, o->detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
	if (pthread_create(&t->pthread, &a, thread_main, t))
		abort();
	pthread_attr_destroy(&a);
	return ERR_OK;
}

err_t thread_create(struct thread **out, thread_fn *fn, void *arg)
{
	return thread_create_with(out, &(struct thread_options){ 0 }, fn, arg);
}

err_t thread_join(struct thread *t, void **result)
{
	baton_give();
	pthread_join(t->pthread, result);
	baton_take();
	free(t);
	return ERR_OK;
}

struct thread *thread_self(void) { return self; }
bool thread_others(void) { return __atomic_load_n(&self->party->wanting, __ATOMIC_SEQ_CST) != 0; }

void thread_yield(void)
{
	baton_give();
	sched_yield();
	baton_take();
}

void thread_sleep_until(cycles_t deadline)
{
	struct timespec t = { .tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u) };

	baton_give();
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
	baton_take();
}

/* --- what they wait on ------------------------------------------------------------------ */

void mutex_init(struct mutex *m, bool recursive) { *m = (struct mutex){ .recursive = recursive }; }

void mutex_lock(struct mutex *m)
{
	while (m->word)
		baton_wait();
	m->word = (uint64_t)(uintptr_t)self;
}

bool mutex_try(struct mutex *m)
{
	if (m->word)
		return false;
	m->word = (uint64_t)(uintptr_t)self;
	return true;
}

void mutex_unlock(struct mutex *m)
{
	if (m->word != (uint64_t)(uintptr_t)self)
		abort();
	m->word = 0;
	changed();
}

void event_init(struct event *e) { *e = (struct event)EVENT_INIT; }

void event_signal(struct event *e)
{
	e->set = 1;
	changed();
}

bool event_wait(struct event *e, cycles_t deadline)
{
	if (deadline)
		abort();
	while (!e->set)
		baton_wait();
	e->set = 0;
	return true;
}

/* --- the fabric -------------------------------------------------------------------------- */

static void party_block(struct wait_set *w, cycles_t deadline)
{
	baton_give();
	self->party->inner->block(w, deadline);
	baton_take();
}

static void party_relax(struct fabric *f)
{
	baton_give();
	self->party->inner->relax(f);
	sched_yield();
	baton_take();
}

static err_t party_open(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c)
{
	err_t err;

	baton_give();
	err = self->party->inner->open(f, name, o, c);
	baton_take();
	return err;
}

static err_t party_open_at(struct fabric *f, const struct mailbox *at, const struct channel_options *o,
			   struct channel *c)
{
	err_t err;

	baton_give();
	err = self->party->inner->open_at(f, at, o, c);
	baton_take();
	return err;
}

void party_enter(struct party *p, struct hosted_world *w)
{
	*p = (struct party){ .baton = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	hosted_join(&p->hosted, w);
	p->inner = p->hosted.fabric.ops;
	p->ops = *p->inner;
	p->ops.block = party_block;
	p->ops.relax = party_relax;
	p->ops.open = party_open;
	p->ops.open_at = party_open_at;
	p->hosted.fabric.ops = &p->ops;
	self = calloc(1, sizeof(*self));
	if (!self)
		abort();
	self->party = p;
	baton_take();
}

void party_leave(struct party *p)
{
	hosted_leave(&p->hosted);
	baton_give();
	free(self);
	self = NULL;
}
