/*
 * The fabric of a process: struct fabric_ops over links, names and the monitors.
 */
#include "libos/fabric/metal.h"
#include "libos/rpc/stub.h"
#include "tools/sim/fleet/cost.h"
#include "tools/sim/fleet/fleetsim.h"

#include <err.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct service_end *names; /* all that have one */

static struct process *party(struct fabric *f) { return (struct process *)f; }

/* --- services ------------------------------------------------------------------------------------- */

static bool name_taken(const struct process *p, const char *name, unsigned flags)
{
	for (const struct service_end *s = names; s && name; s = s->next_named)
		if (!strcmp(s->name, name) && (!s->shared || !(flags & SERVICE_SHARED) || s->owner == p))
			return true;
	return false;
}

/* The nearest that bears the name, by turns among those as near: monitor/names.c. */
static struct service_end *name_find(const char *name, coreid_t from)
{
	static unsigned turn;
	struct service_end *best = NULL;
	unsigned nearest = UINT_MAX, count = 0;

	for (struct service_end *s = names; s; s = s->next_named) {
		unsigned apart = cores_apart(s->owner->core, from);

		if (strcmp(s->name, name) != 0 || apart > nearest)
			continue;
		count = apart < nearest ? 1 : count + 1;
		nearest = apart;
	}
	count = count ? turn++ % count : 0;
	for (struct service_end *s = names; s && !best; s = s->next_named)
		if (!strcmp(s->name, name) && cores_apart(s->owner->core, from) == nearest && !count--)
			best = s;
	return best;
}

static void export_act(struct request *r)
{
	struct service_end *s = r->object;
	const char *name = s->name[0] ? s->name : NULL;

	if (name_taken(r->from, name, s->shared ? SERVICE_SHARED : 0)) {
		request_answer(r, ERR_EXISTS);
		return;
	}
	if (r->from->life != PROCESS_DEAD) {
		s->next = r->from->services;
		r->from->services = s;
		if (name) {
			s->next_named = names;
			names = s;
		}
	}
	request_answer(r, ERR_OK);
}

/* One of its own, or a further name for the one that has that number. */
static struct service_end *service_make(struct process *p, const char *name, unsigned flags, uint32_t number)
{
	struct service_end *s = calloc(1, sizeof *s);

	if (!s)
		err(2, "a service");
	*s = (struct service_end){ .owner = p, .number = number, .shared = flags & SERVICE_SHARED };
	s->secret = random_next(&dice);
	if (name)
		strcpy(s->name, name);
	return s;
}

static err_t sim_export(struct fabric *f, const char *name, unsigned flags, struct service *out)
{
	struct process *p = party(f);
	bool further = out->mailbox.pid != 0;
	struct service_end *s;
	struct request *r;
	err_t err;

	if (name && (!*name || strlen(name) > MON_NAME))
		return *name ? ERR_TOO_LONG : ERR_ARGUMENT;
	r = request_new(name ? MON_SERVICE_CORE : p->core, export_act);
	s = service_make(p, name, flags, further ? out->id : ++p->service_numbers);
	if (further)
		s->target = out->link;
	r->object = s;
	err = request_call(r);
	request_release(r);
	if (err || further)
		return err;
	out->link = s;
	out->id = s->number;
	out->mailbox = (struct mailbox){ .pid = p->pid, .service = s->number, .secret = s->secret };
	return ERR_OK;
}

static bool sim_incoming(struct service *s) { return ((struct service_end *)s->link)->first != NULL; }

static err_t sim_accept(struct service *s, const struct channel_options *o, struct channel *c)
{
	struct process *p = party(s->fabric);
	struct service_end *e = s->link;
	struct request *r = e->first;

	(void)o;
	if (!r)
		return ERR_AGAIN;
	e->first = r->next;
	time_spend(COST_CONNECT);
	if (r->from->life == PROCESS_DEAD) {
		request_answer(r, ERR_CLOSED);
		return ERR_AGAIN;
	}
	r->link = link_make(r->from, (unsigned)r->word[3]);
	link_accept(r->link, p);
	link_attach(r->link, 1, c, r->from->pid);
	request_answer(r, ERR_OK);
	return ERR_OK;
}

/* --- opening ---------------------------------------------------------------------------------------- */

static struct service_end *service_at(const struct mailbox *at, err_t *err)
{
	const struct process *p = process_of(at->pid);

	*err = ERR_CLOSED;
	for (struct service_end *s = p && p->life != PROCESS_DEAD ? p->services : NULL; s; s = s->next)
		if (s->number == at->service && !s->target) {
			*err = s->secret == at->secret ? ERR_OK : ERR_DENIED;
			return *err ? NULL : s;
		}
	return NULL;
}

static void connect_act(struct request *r)
{
	struct mailbox at = { .pid = r->word[0], .service = (uint32_t)r->word[1], .secret = r->word[2] };
	err_t err;
	struct service_end *s = service_at(&at, &err);

	if (err) {
		request_answer(r, err);
		return;
	}
	r->next = NULL;
	if (s->first)
		s->last->next = r;
	else
		s->first = r;
	s->last = r;
	sets_wake(s->owner);
}

static err_t sim_open_at(struct fabric *f, const struct mailbox *at, const struct channel_options *o, struct channel *c)
{
	struct request *r;
	err_t err;

	(void)f;
	if (mailbox_core(at) >= options.cores)
		return ERR_CLOSED;
	time_spend(COST_CONNECT);
	r = request_new(mailbox_core(at), connect_act);
	r->word[0] = at->pid;
	r->word[1] = at->service;
	r->word[2] = at->secret;
	r->word[3] = o->bulk_bits;
	err = request_call(r);
	if (err == ERR_CORE_TIMEOUT)
		err = ERR_CLOSED;
	if (!err)
		link_attach(r->link, 0, c, at->pid);
	request_release(r);
	return err;
}

static void lookup_act(struct request *r)
{
	struct service_end *s = name_find(r->text, r->from->core);

	if (s && s->target)
		s = s->target;
	if (s) {
		r->word[0] = s->owner->pid;
		r->word[1] = s->number;
		r->word[2] = s->secret;
	}
	request_answer(r, s ? ERR_OK : ERR_NOT_FOUND);
}

static err_t sim_lookup(struct fabric *f, const char *name, struct mailbox *out)
{
	struct request *r = request_new(MON_SERVICE_CORE, lookup_act);
	err_t err;

	(void)f;
	r->text = strdup(name);
	err = request_call(r);
	*out = (struct mailbox){ .pid = r->word[0], .service = (uint32_t)r->word[1], .secret = r->word[2] };
	request_release(r);
	return err;
}

static err_t sim_open(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c)
{
	struct mailbox at;
	err_t err = sim_lookup(f, name, &at);

	return err ? err : sim_open_at(f, &at, o, c);
}

/* --- waiting ------------------------------------------------------------------------------------------ */

static err_t sim_set_open(struct wait_set *w)
{
	struct process *p = party(w->fabric);

	w->waiter = heap_take(p, sizeof(struct thread_queue));
	if (!w->waiter)
		return ERR_NO_MEMORY;
	*(struct thread_queue *)w->waiter = (struct thread_queue){ NULL, NULL };
	w->next = p->sets;
	p->sets = w;
	return ERR_OK;
}

static void sim_set_close(struct wait_set *w)
{
	struct process *p = party(w->fabric);
	struct wait_set **at = &p->sets;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	heap_give(p, w->waiter);
}

static void sim_block(struct wait_set *w, cycles_t deadline)
{
	bool in_time = true;

	while (!w->woken && in_time)
		in_time = thread_wait(w->waiter, deadline, false);
	w->woken = 0;
}

static cycles_t sim_now(struct fabric *f)
{
	(void)f;
	time_spend(COST_POLL);
	return time_now();
}

static void sim_relax(struct fabric *f)
{
	(void)f;
	time_spend(COST_POLL);
	thread_yield();
}

static void sim_notify(struct channel *c) { (void)c; }

static const struct fabric_ops sim_ops = {
	.open = sim_open,
	.open_at = sim_open_at,
	.lookup = sim_lookup,
	.export = sim_export,
	.accept = sim_accept,
	.incoming = sim_incoming,
	.notify = sim_notify,
	.now = sim_now,
	.relax = sim_relax,
	.set_open = sim_set_open,
	.set_close = sim_set_close,
	.block = sim_block,
	.wake = set_wake,
};

err_t fabric_here(struct fabric **out)
{
	*out = &running->fabric;
	return ERR_OK;
}

err_t fabric_metal(struct fabric **out) { return fabric_here(out); }

/* Capability spaces are not modelled. */
err_t rpc_cap_send(struct channel *c, cptr_t cap, uint64_t *ticket)
{
	(void)c, (void)cap, (void)ticket;
	return ERR_UNSUPPORTED;
}

err_t rpc_cap_receive(struct channel *c, uint64_t ticket, cptr_t *slot)
{
	(void)c, (void)ticket, (void)slot;
	return ERR_UNSUPPORTED;
}

/* --- a process comes and goes ----------------------------------------------------------------------------- */

void fabric_join(struct process *p) { p->fabric = (struct fabric){ .ops = &sim_ops, .core = p->core }; }

static void service_gone(struct service_end *s)
{
	struct service_end **at = &names;

	while (*at && *at != s)
		at = &(*at)->next_named;
	if (*at)
		*at = s->next_named;
	while (s->first) {
		struct request *r = s->first;

		s->first = r->next;
		if (cores[r->core].life == CORE_ALIVE)
			request_answer(r, ERR_CLOSED);
	}
}

static void names_forget(struct moment *m)
{
	struct service_end *s = m->who;

	while (s) {
		struct service_end *next = s->next;

		service_gone(s);
		free(s);
		s = next;
	}
}

void fabric_gone(struct process *p, cycles_t delay)
{
	struct moment m = { .happen = names_forget, .who = p->services };

	time_post(time_now() + delay, &m);
	p->services = NULL;
	p->sets = NULL;
	links_end(p, delay);
}
