/*
 * The hosted fabric: names, accepting, blocking, over pthreads.
 *
 * The world's lock guards names, connections under way and the parties' sets; it
 * is taken only to open, accept, block, wake and close, never to send or to poll.
 */
#include "libos/fabric/hosted/hosted.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define FRAME_BYTES SIZE_OF_BITS(URPC_FRAME_BITS)

/* A channel's memory, shared by its two ends; the last to go frees it. */
struct hosted_link {
	void *frame;
	unsigned ends;
	struct fabric_hosted *end[2];
	struct hint_board *board; /* where the opener hints; it outlives the channel */
	uint32_t hint;
};

struct hosted_connect {
	struct hosted_connect *next;
	struct hosted_link *link;
	const struct channel_options *options;
	struct fabric_hosted *from;
	err_t result; /* ERR_AGAIN until decided */
};

static struct fabric_hosted *party(struct fabric *f) { return (struct fabric_hosted *)f; }

static cycles_t hosted_now(struct fabric *f)
{
	struct timespec t;

	(void)f;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (cycles_t)t.tv_sec * 1000000000u + (cycles_t)t.tv_nsec;
}

/* --- waking --------------------------------------------------------------------- */

static void party_wake(struct fabric_hosted *f)
{
	f->notified++;
	for (struct wait_set *w = f->sets; w; w = w->next) {
		w->woken = 1;
		pthread_cond_signal(w->waiter);
	}
}

static void hosted_notify(struct channel *c)
{
	struct hosted_link *link = c->link;
	struct hosted_world *world = party(c->fabric)->world;

	pthread_mutex_lock(&world->lock);
	if (link->end[1 - c->side])
		party_wake(link->end[1 - c->side]);
	pthread_mutex_unlock(&world->lock);
}

static err_t hosted_set_open(struct wait_set *w)
{
	struct fabric_hosted *f = party(w->fabric);
	pthread_condattr_t a;

	w->waiter = malloc(sizeof(pthread_cond_t));
	if (!w->waiter)
		return ERR_NO_MEMORY;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(w->waiter, &a);
	pthread_condattr_destroy(&a);
	pthread_mutex_lock(&f->world->lock);
	w->next = f->sets;
	f->sets = w;
	pthread_mutex_unlock(&f->world->lock);
	return ERR_OK;
}

static void hosted_set_close(struct wait_set *w)
{
	struct fabric_hosted *f = party(w->fabric);
	struct wait_set **at = &f->sets;

	pthread_mutex_lock(&f->world->lock);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	pthread_mutex_unlock(&f->world->lock);
	pthread_cond_destroy(w->waiter);
	free(w->waiter);
}

static void hosted_block(struct wait_set *w, cycles_t deadline)
{
	struct hosted_world *world = party(w->fabric)->world;
	struct timespec t = { .tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u) };
	int late = 0;

	pthread_mutex_lock(&world->lock);
	while (!w->woken && late != ETIMEDOUT) {
		if (deadline)
			late = pthread_cond_timedwait(w->waiter, &world->lock, &t);
		else
			pthread_cond_wait(w->waiter, &world->lock);
	}
	w->woken = 0;
	pthread_mutex_unlock(&world->lock);
}

static void hosted_relax(struct fabric *f)
{
	(void)f;
	cpu_pause();
}

/* --- channels --------------------------------------------------------------------- */

static void link_drop(struct hosted_link *link, unsigned side)
{
	link->end[side] = NULL;
	if (--link->ends)
		return;
	free(link->frame);
	free(link);
}

static void hosted_channel_close(struct channel *c)
{
	struct hosted_world *world = party(c->fabric)->world;

	channel_urpc_end(c);
	pthread_mutex_lock(&world->lock);
	link_drop(c->link, c->side);
	pthread_mutex_unlock(&world->lock);
}

static const struct channel_ops hosted_channel_ops = CHANNEL_URPC_OPS(hosted_channel_close);

static err_t channel_attach(struct channel *c, struct hosted_link *link, struct fabric_hosted *peer, unsigned bulk_bits)
{
	err_t err = urpc_init(&c->urpc, link->frame, FRAME_BYTES, c->side);

	if (err)
		return err;
	c->ops = &hosted_channel_ops;
	c->link = link;
	c->peer = (uint64_t)(uintptr_t)peer;
	if (c->side == 0 && link->board)
		urpc_use_hint(&c->urpc, &link->board->hint[link->hint]);
	if (bulk_bits) {
		c->bulk = (char *)link->frame + FRAME_BYTES;
		c->bulk_bytes = SIZE_OF_BITS(bulk_bits);
	}
	return ERR_OK;
}

static struct hosted_link *link_make(struct fabric_hosted *f, unsigned bulk_bits)
{
	struct hosted_link *link = calloc(1, sizeof(*link));
	size_t bytes = FRAME_BYTES + (bulk_bits ? SIZE_OF_BITS(bulk_bits) : 0);

	if (!link)
		return NULL;
	link->frame = aligned_alloc(PAGE_SIZE, bytes);
	if (!link->frame) {
		free(link);
		return NULL;
	}
	memset(link->frame, 0, bytes);
	link->ends = 1;
	link->end[0] = f;
	return link;
}

/* --- names, accepting; under the world's lock ---------------------------------------- */

/* Who announced that name; shared ones take turns. An empty name is nobody's. */
static struct hosted_service *service_find(struct hosted_world *w, const char *name)
{
	for (unsigned i = 0; i < HOSTED_SERVICES && *name; i++) {
		struct hosted_service *h = &w->service[w->turn++ % HOSTED_SERVICES];

		if (h->owner && !strcmp(h->name, name))
			return h;
	}
	return NULL;
}

static struct hosted_service *service_at(struct hosted_world *w, const struct mailbox *at, err_t *err)
{
	struct hosted_service *h = &w->service[at->service % HOSTED_SERVICES];

	*err = h->owner && h->mailbox.pid == at->pid && h->mailbox.service == at->service ? ERR_OK : ERR_CLOSED;
	if (!*err && h->mailbox.secret != at->secret)
		*err = ERR_DENIED;
	return *err ? NULL : h;
}

static struct hosted_service *service_free(struct hosted_world *w)
{
	for (unsigned i = 0; i < HOSTED_SERVICES; i++)
		if (!w->service[i].owner)
			return &w->service[i];
	return NULL;
}

static uint64_t secret_draw(void)
{
	uint64_t secret = 0;

	if (getentropy(&secret, sizeof secret))
		abort();
	return secret;
}

/* May it have the name too? */
static bool name_taken(struct fabric_hosted *f, const char *name, unsigned flags)
{
	for (unsigned i = 0; i < HOSTED_SERVICES && *name; i++) {
		const struct hosted_service *h = &f->world->service[i];

		if (h->owner && !strcmp(h->name, name) && (!h->shared || !(flags & SERVICE_SHARED) || h->owner == f))
			return true;
	}
	return false;
}

static err_t service_make(struct fabric_hosted *f, const char *name, unsigned flags, struct service *s)
{
	struct hosted_service *h = service_free(f->world);
	uint32_t number;

	if (name_taken(f, name, flags))
		return ERR_EXISTS;
	if (!h)
		return ERR_NO_MEMORY;
	/* Numbers are not used again, and say which entry it is. */
	number = ++f->world->numbers * HOSTED_SERVICES + (uint32_t)(h - f->world->service);
	*h = (struct hosted_service){ .owner = f, .shared = flags & SERVICE_SHARED };
	h->mailbox = (struct mailbox){ .pid = f->pid, .service = number, .secret = secret_draw() };
	memcpy(h->name, name, strlen(name));
	s->link = h;
	s->id = number;
	s->mailbox = h->mailbox;
	return ERR_OK;
}

static err_t hosted_export(struct fabric *fabric, const char *name, unsigned flags, struct service *s)
{
	struct fabric_hosted *f = party(fabric);
	err_t err;

	if (s->mailbox.pid)
		return ERR_UNSUPPORTED;
	if (name && (!*name || strlen(name) > HOSTED_NAME))
		return *name ? ERR_TOO_LONG : ERR_ARGUMENT;
	pthread_mutex_lock(&f->world->lock);
	err = service_make(f, name ? name : "", flags, s);
	pthread_mutex_unlock(&f->world->lock);
	return err;
}

static void connect_append(struct hosted_service *h, struct hosted_connect *c)
{
	struct hosted_connect **at = &h->waiting;

	while (*at)
		at = &(*at)->next;
	*at = c;
	mem_store32(&h->waiters, h->waiters + 1);
	party_wake(h->owner);
}

/* By name, or where that is NULL by mailbox. */
static err_t hosted_connect(struct fabric *fabric, const char *name, const struct mailbox *at,
			    const struct channel_options *o, struct channel *c)
{
	struct fabric_hosted *f = party(fabric);
	struct hosted_connect connect = { .from = f, .options = o, .result = ERR_AGAIN };
	struct hosted_service *h;
	struct fabric_hosted *peer;
	err_t err = ERR_OK;

	connect.link = link_make(f, o->bulk_bits);
	if (!connect.link)
		return ERR_NO_MEMORY;
	pthread_mutex_lock(&f->world->lock);
	h = name ? service_find(f->world, name) : service_at(f->world, at, &err);
	peer = h ? h->owner : NULL;
	if (h)
		connect_append(h, &connect);
	else
		connect.result = name ? ERR_NOT_FOUND : err;
	while (connect.result == ERR_AGAIN)
		pthread_cond_wait(&f->world->changed, &f->world->lock);
	if (connect.result)
		link_drop(connect.link, 0);
	pthread_mutex_unlock(&f->world->lock);
	return connect.result ? connect.result : channel_attach(c, connect.link, peer, o->bulk_bits);
}

static err_t hosted_open(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c)
{
	return hosted_connect(f, name, NULL, o, c);
}

static err_t hosted_open_at(struct fabric *f, const struct mailbox *at, const struct channel_options *o,
			    struct channel *c)
{
	return hosted_connect(f, NULL, at, o, c);
}

static struct hosted_connect *connect_take(struct hosted_service *h)
{
	struct hosted_connect *connect = h->waiting;

	if (connect) {
		h->waiting = connect->next;
		mem_store32(&h->waiters, h->waiters - 1);
	}
	return connect;
}

static err_t link_accept(struct hosted_connect *connect, const struct channel_options *o, struct channel *c)
{
	struct hosted_link *link = connect->link;
	err_t err = channel_attach(c, link, connect->from, connect->options->bulk_bits);

	if (err)
		return err;
	link->ends = 2;
	link->end[1] = party(c->fabric);
	if (o->board) {
		wait_board_number(o->board, c);
		link->board = o->board->shared;
		link->hint = c->hint;
	}
	return ERR_OK;
}

static err_t hosted_accept(struct service *s, const struct channel_options *o, struct channel *c)
{
	struct fabric_hosted *f = party(s->fabric);
	struct hosted_connect *connect;
	err_t err = ERR_AGAIN;

	pthread_mutex_lock(&f->world->lock);
	connect = connect_take(s->link);
	if (connect) {
		err = connect->result = link_accept(connect, o, c);
		pthread_cond_broadcast(&f->world->changed);
	}
	pthread_mutex_unlock(&f->world->lock);
	return err;
}

static bool hosted_incoming(struct service *s)
{
	struct hosted_service *h = s->link;

	return mem_load32(&h->waiters) != 0;
}

static const struct fabric_ops hosted_ops = {
	.open = hosted_open,
	.open_at = hosted_open_at,
	.export = hosted_export,
	.accept = hosted_accept,
	.incoming = hosted_incoming,
	.notify = hosted_notify,
	.now = hosted_now,
	.relax = hosted_relax,
	.set_open = hosted_set_open,
	.set_close = hosted_set_close,
	.block = hosted_block,
};

/* --- joining and leaving -------------------------------------------------------------- */

static uint32_t looks_measured;

static void looks_measure(void) { looks_measured = hosted_looks(); }

void hosted_join(struct fabric_hosted *f, struct hosted_world *w)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, looks_measure);
	*f = (struct fabric_hosted){ .fabric = { .ops = &hosted_ops, .looks = looks_measured }, .world = w };
	pthread_mutex_lock(&w->lock);
	f->pid = ++w->parties;
	pthread_mutex_unlock(&w->lock);
}

void hosted_leave(struct fabric_hosted *f)
{
	struct hosted_world *w = f->world;

	pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < HOSTED_SERVICES; i++) {
		struct hosted_connect *connect;

		if (w->service[i].owner != f)
			continue;
		while ((connect = connect_take(&w->service[i])) != NULL)
			connect->result = ERR_CLOSED;
		w->service[i].owner = NULL;
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void hosted_world_init(struct hosted_world *w)
{
	*w = (struct hosted_world){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
}

void hosted_world_destroy(struct hosted_world *w)
{
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
}
