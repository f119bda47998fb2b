/*
 * A member's life: it starts, joins, goes from view to view, leaves.
 *
 * The first member of a fleet makes its own first view. All others are started by the
 * coordinator with their number and its address, say that they are there (`join`), and wait to be told a
 * view. Whoever started a member and is gone before that has told nobody of it: then it ends.
 */
#include "libos/fleet/private.h"

#include "libos/core/error_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct fleet_policy fleet_policy_default = { .least = 2,
						   .most = 16,
						   .high = 750,
						   .low = 250,
						   .rise = 200,
						   .fall = 2000,
						   .beat = 10,
						   .patience = 4,
						   .mirrors = 1 };

#define CORES_ENOUGH 4 /* for fleets of two members at least */

/* --- waiting for each other ---------------------------------------------------------------- */

void self_wait(struct fleet_self *s, cycles_t deadline)
{
	/*
	 * No thread of ours runs between the caller's look and cond_wait: they are cooperative, and the lock is
	 * free.
	 */
	mutex_lock(&s->lock);
	rpc_release(&s->fleet->server);
	cond_wait(&s->changed, &s->lock, deadline);
	mutex_unlock(&s->lock);
}

void self_wake(struct fleet_self *s) { cond_broadcast(&s->changed); }

void fleet_wait_view(struct fleet *f, uint64_t version)
{
	while (f->view.head.version < version)
		self_wait(f->self, 0);
}

void fleet_wait_change(struct fleet *f, uint64_t version)
{
	while (f->view.head.version == version)
		self_wait(f->self, 0);
}

bool fleet_settled(const struct fleet *f) { return f->self->settled == f->view.head.version; }

bool fleet_still(const struct fleet *f)
{
	return f->self->coordinator && !f->self->changing && fleet_settled(f) && !view_count(&f->view, FLEET_JOINING);
}

void fleet_wait_still(struct fleet *f)
{
	while (f->self->coordinator && !fleet_still(f))
		self_wait(f->self, 0);
}

cycles_t fleet_ms(const struct fleet *f, uint64_t ms) { return ms * f->self->ms; }

void self_end(struct fleet_self *s, const char *why)
{
	if (s->ending)
		return;
	s->ending = true;
	s->failed = why;
	event_signal(&s->work);
	rpc_server_stop(&s->fleet->server);
}

/* --- views ------------------------------------------------------------------------------------ */

/* First view: take over state, then serve. */
static err_t serve(struct fleet_self *s)
{
	struct fleet *f = s->fleet;
	const struct fleet_interface *i = f->ops->interface;
	err_t err = f->ops->start ? f->ops->start(f) : ERR_OK;

	for (; !err && i && i->service; i++)
		err = rpc_server_add(&f->server, i->service, i->handlers);
	if (!err)
		err = announce_member(f);
	s->serving = !err;
	return err;
}

/* Those of the old view that are in the new one no more, and that we inherit from. */
static void inherit(struct fleet *f, const struct fleet_view *old)
{
	for (uint32_t i = 0; f->ops->lost && i < old->count; i++) {
		const struct fleet_member *m = &old->member[i];
		const struct fleet_member *heir = view_heir(&f->view, m->number);

		if (m->state != FLEET_LEAVING && !view_get(&f->view, m->number) && heir && heir->number == f->number)
			f->ops->lost(f, m);
	}
}

/* Does anybody serve who did not? */
static bool anyone_new(const struct fleet_view *old, const struct fleet_view *v)
{
	for (uint32_t i = 0; i < v->count; i++) {
		const struct fleet_member *before = view_get(old, v->member[i].number);

		if (v->member[i].state == FLEET_SERVING && !(before && before->state == FLEET_SERVING))
			return true;
	}
	return false;
}

/* Who is out of the view now and was to be: the coordinator ends it, or its successor does. */
static void see_off(struct fleet_self *s, const struct fleet_view *old, const struct fleet_view *v)
{
	for (uint32_t i = 0; i < old->count; i++)
		if (old->member[i].state == FLEET_LEAVING && !view_get(v, old->member[i].number))
			s->left = old->member[i].at.pid;
}

static err_t go_over(struct fleet_self *s, const struct fleet_view *v)
{
	struct fleet *f = s->fleet;
	struct fleet_view *old = malloc(sizeof(*old));
	err_t err = ERR_OK;

	if (!old)
		return ERR_NO_MEMORY;
	*old = f->view;
	f->view = *v;
	if (v->head.settled > s->settled)
		s->settled = v->head.settled;
	see_off(s, old, v);
	s->rank_waits = s->rank_doubts = 0;
	self_wake(s);
	if (!s->serving) {
		err = serve(s);
	} else {
		if (f->ops->changed)
			f->ops->changed(f, old);
		inherit(f, old);
		if (anyone_new(old, v))
			rpc_server_look(&f->server);
	}
	free(old);
	event_signal(&s->work);
	return err;
}

err_t self_install(struct fleet_self *s, const struct fleet_view *v)
{
	err_t err;

	while (s->installing)
		self_wait(s, 0);
	if (v->head.version <= s->fleet->view.head.version)
		return ERR_OK;
	s->installing = true;
	err = go_over(s, v);
	s->installing = false;
	self_wake(s);
	if (err)
		self_end(s, error_text(err));
	return err;
}

/* --- start ---------------------------------------------------------------------------------------- */

struct parent {
	uint32_t number; /* ours */
	struct mailbox at;
	bool given;
};

static bool own_argument(struct fleet_self *s, const char *arg)
{
	if (s->arguments == FLEET_ARGUMENTS)
		return false;
	s->argument[s->arguments++] = arg;
	return true;
}

static bool argument_parse(struct fleet_self *s, const char *arg, struct parent *p)
{
	char *end;

	if (strncmp(arg, "member=", 7) == 0) {
		p->number = (uint32_t)strtoul(arg + 7, &end, 10);
		return end != arg + 7 && !*end;
	}
	if (strncmp(arg, "parent=", 7) != 0)
		return own_argument(s, arg);
	p->at.pid = strtoull(arg + 7, &end, 16);
	p->at.service = *end == ':' ? (uint32_t)strtoul(end + 1, &end, 16) : 0;
	p->at.secret = *end == ':' ? strtoull(end + 1, &end, 16) : 0;
	p->given = p->at.pid != 0;
	return p->given && !*end;
}

static err_t self_make(struct fleet *f, struct fleet_self *s)
{
	struct mon_core core;
	err_t err = fabric_here(&f->fabric);

	if (!err)
		err = mon_core_brief(process_self_core(), &core);
	s->fleet = f;
	f->self = s;
	if (!err && f->ops->init)
		err = f->ops->init(f);
	if (!err)
		err = rpc_server_init(&f->server, f->fabric);
	if (!err)
		err = rpc_server_add(&f->server, &fleet_service, &fleet_control);
	if (!err)
		err = rpc_server_export(&f->server, NULL);
	if (err)
		return err;
	s->ms = core.tsc_hz / 1000;
	mutex_init(&s->lock, false);
	cond_init(&s->changed);
	event_init(&s->work);
	s->watcher.gone = steward_gone;
	mon_watcher_add(&s->watcher);
	f->server.tag = f;
	f->server.inner = 1u << fleet_service.number;
	f->server.hooks = f->ops->hooks;
	f->at = service_mailbox(&f->server.service);
	f->caller = process_self_core();
	return ERR_OK;
}

/* Is there a fleet of this name already? */
static bool is_another(struct fleet_self *s)
{
	struct rpc_client c;
	err_t err;

	rpc_client_init(&c, s->fleet->fabric, &s->fleet->server);
	err = rpc_client_open(&c, s->fleet->ops->name);
	rpc_client_close(&c);
	return !err;
}

/* Nobody is there yet: a view of our own. */
static err_t first_view(struct fleet_self *s)
{
	struct fleet *f = s->fleet;
	struct fleet_view *v = calloc(1, sizeof(*v));
	struct fleet_member self = { .at = f->at, .state = FLEET_SERVING };
	err_t err;

	if (!v)
		return ERR_NO_MEMORY;
	v->head = (struct fleet_head){ .version = 1, .next = 1 };
	if (f->ops->policy)
		v->head.policy = *f->ops->policy;
	scale_policy(&v->head.policy, &fleet_policy_default);
	if (!(f->ops->policy && f->ops->policy->least) && place_cores() < CORES_ENOUGH)
		v->head.policy.least = 1;
	v->head.wanted = v->head.policy.least;
	view_add(v, &self);
	s->coordinator = true;
	s->next = 1;
	s->settled = 1;
	err = self_install(s, v);
	free(v);
	return err;
}

/* Says to who started us that we are there. */
static err_t join(struct fleet_self *s, const struct parent *p)
{
	struct rpc_client c;
	err_t err;

	rpc_client_init(&c, s->fleet->fabric, &s->fleet->server);
	err = rpc_client_open_at(&c, &p->at);
	if (!err)
		err = mon_watch(p->at.pid);
	if (!err)
		err = fleet_join(&c, p->number, &s->fleet->at);
	rpc_client_close(&c);
	return err;
}

struct beginning {
	struct fleet_self *self;
	struct parent parent;
};

static void tell_end(const char *name, uint32_t number, const char *why)
{
	char line[128];

	snprintf(line, sizeof line, "%s, member %" PRIu32 ": %s", name, number, why);
	mon_log(line);
}

/*
 * Once the server's loop runs. Then this thread is the steward, and when that has ended, the process does: the loop may
 * be asleep, and handlers may wait for what does not come any more.
 */
static void *begin(void *arg)
{
	struct beginning *b = arg;
	struct fleet_self *s = b->self;
	err_t err;

	s->parent = b->parent.at.pid;
	if (b->parent.given) {
		s->fleet->number = b->parent.number;
		err = join(s, &b->parent);
	} else {
		err = is_another(s) ? ERR_EXISTS : first_view(s);
	}
	if (err)
		self_end(s, error_text(err));
	steward_main(s);
	if (s->failed)
		tell_end(s->fleet->ops->name, s->fleet->number, s->failed);
	mon_exit(s->failed != NULL);
}

static err_t run(struct fleet *f, struct beginning *b)
{
	struct thread *steward, *pulse;
	err_t err = thread_create(&steward, begin, b);

	if (err)
		return err;
	err = thread_create(&pulse, pulse_main, b->self);
	if (err)
		return err;
	err = rpc_serve(&f->server);
	if (!err)
		thread_join(steward, NULL); /* which ends the process */
	return err;
}

int fleet_main(int argc, char **argv, const struct fleet_ops *ops)
{
	struct fleet_self *s = calloc(1, sizeof(*s));
	struct fleet *f = calloc(1, sizeof(*f));
	struct beginning b = { .self = s };
	err_t err = s && f ? ERR_OK : ERR_NO_MEMORY;

	for (int i = 1; i < argc && !err; i++)
		err = argument_parse(s, argv[i], &b.parent) ? ERR_OK : ERR_ARGUMENT;
	if (!err) {
		f->ops = ops;
		err = self_make(f, s);
	}
	if (!err)
		err = run(f, &b); /* returns only when it could not begin */
	tell_end(ops->name, b.parent.number, error_text(err));
	return 1;
}
