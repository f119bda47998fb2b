/*
 * Connections to servers, shared by threads: see file_server.h.
 *
 * The mutex is held by the thread that uses the client, and given up only in client_wait, where the thread sleeps:
 * at the link, if nobody does yet, else at the condition `answered`. Whoever comes back from the link takes all
 * that has come and tells everybody, so each finds its own answer, and one of the others goes to the link next.
 */
#include "libos/posix/file_server.h"

#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/posix/errno.h"
#include "libos/posix/interrupt.h"

#define HEIR_MS 10000        /* a service's heir is there long before, if it has one */
#define FLEET_FILES ".files" /* what a fleet's name has behind it when it is that of its files */

static struct file_server *servers;
static uint32_t numbers;
static struct mutex lock = MUTEX_INIT; /* of the list, and of connecting */

static struct file_server *server_of(struct ninep_client *c)
{
	return (struct file_server *)((char *)c - offsetof(struct file_server, client));
}

/* --- waiting, with the server's lock ------------------------------------------------------------------ */

/* With the lock: while somebody waits at the link it is not made anew. */
static void receiving_set(struct file_server *s, bool receiving) { s->receiving = s->client.held = receiving; }

/* With the lock: everybody looks whether it is his answer that has come, or his turn to receive. */
static void server_tell(struct file_server *s)
{
	cond_broadcast(&s->answered);
	for (struct file_server_wait *w = s->watches; w; w = w->next)
		wait_set_interrupt(w->set);
}

static void server_wait(struct ninep_client *c)
{
	struct file_server *s = server_of(c);
	uint64_t tags = c->tags;

	if (s->receiving) {
		cond_wait(&s->answered, &s->lock, 0);
		return;
	}
	ninep_poll(c);
	if (c->tags == tags && !c->broken) {
		receiving_set(s, true);
		mutex_unlock(&s->lock);
		(void)c->link.ops->wait(&c->link, 0); /* what ends the link is seen by receiving */
		mutex_lock(&s->lock);
		receiving_set(s, false);
		ninep_poll(c);
	}
	server_tell(s);
}

static void server_wake(struct interruptible *i)
{
	struct file_server *s = i->arg;

	mutex_lock(&s->lock);
	if (s->open)
		wait_set_interrupt(&s->client.channel.alone);
	cond_broadcast(&s->answered);
	mutex_unlock(&s->lock);
}

void file_server_watch(struct file_server_wait *w, struct wait_set *set)
{
	struct file_server *s = w->server;
	uint32_t back;

	(void)file_server_enter(s, &back);
	w->set = set;
	w->generation = s->generation;
	w->receives = s->open && !s->receiving;
	if (w->receives) {
		receiving_set(s, true);
		wait_set_add(set, &s->client.channel);
		ninep_poll(&s->client);
		server_tell(s);
	}
	w->next = s->watches;
	s->watches = w;
	file_server_leave(s, back);
}

void file_server_unwatch(struct file_server_wait *w)
{
	struct file_server *s = w->server;
	struct file_server_wait **at = &s->watches;
	uint32_t back;

	(void)file_server_enter(s, &back);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (w->receives) {
		/* The connection is still that one: while somebody receives it is not made anew. */
		wait_set_remove(&s->client.channel);
		receiving_set(s, false);
		ninep_poll(&s->client);
		server_tell(s);
	}
	file_server_leave(s, back);
}

unsigned file_server_request(struct file_server *s, struct ninep_request *r)
{
	struct interruptible call;
	unsigned error;

	/* Whoever interrupts has that list locked when it takes our lock. */
	mutex_unlock(&s->lock);
	interrupt_begin(&call, server_wake, s);
	mutex_lock(&s->lock);
	error = ninep_start(&s->client, r);
	while (!error && !r->done && !call.interrupted)
		server_wait(&s->client);
	/* It may have been done in the meantime: then that counts. */
	error = r->done ? ninep_finish(r) : ninep_flush(r);
	mutex_unlock(&s->lock);
	interrupt_end(&call);
	mutex_lock(&s->lock);
	return error;
}

/* --- connections ---------------------------------------------------------------------------------------- */

static void trees_free(struct file_server *s)
{
	struct file_tree *t;

	while ((t = s->trees)) {
		s->trees = t->next;
		free(t->name);
		free(t);
	}
}

static cycles_t milliseconds(uint64_t ms) { return ms * (dispatcher_tsc_hz() / 1000); }

void (*file_server_lost_mappings)(struct file_server *s);
void (*file_server_lost_windows)(struct file_server *s);
void (*file_server_lost_tree)(struct file_server *s);

static void memory_lost(struct file_server *s)
{
	if (file_server_lost_mappings)
		file_server_lost_mappings(s);
	if (file_server_lost_windows)
		file_server_lost_windows(s);
	if (file_server_lost_tree)
		file_server_lost_tree(s);
}

/* The service's heir, when it is there. */
static unsigned server_again(struct ninep_client *c)
{
	struct channel_options options = { .bulk_bits = NINEP_BULK_BITS };
	struct file_server *s = server_of(c);
	cycles_t deadline = fabric_now(s->fabric) + milliseconds(HEIR_MS);
	err_t err;

	memory_lost(s);
	while ((err = channel_open(s->fabric, s->name, &options, &c->channel)) && err != ERR_NO_MEMORY &&
	       fabric_now(s->fabric) < deadline)
		thread_sleep_until(fabric_now(s->fabric) + milliseconds(1));
	if (!err)
		err = ninep_link_channel(&c->link, &c->channel);
	return ninep_error_of(err);
}

/* Is it the files of a fleet, which is there though they are not just now? It has their name without the end. */
static bool heir_comes(const struct file_server *s)
{
	size_t length = strlen(s->name), end = strlen(FLEET_FILES);
	struct mailbox at;
	char fleet[32];

	if (length <= end || length - end >= sizeof(fleet) || strcmp(s->name + length - end, FLEET_FILES) != 0)
		return false;
	memcpy(fleet, s->name, length - end);
	fleet[length - end] = 0;
	return !channel_lookup(s->fabric, fleet, &at);
}

/* A session, too, where the service keeps them. */
static unsigned session_open(struct file_server *s)
{
	unsigned error = ninep_connect(&s->client, s->fabric, s->name);

	if (error)
		return error;
	error = ninep_keep(&s->client, server_again);
	if (!error || error == NINEP_EOPNOTSUPP)
		return 0;
	ninep_end(&s->client);
	return error;
}

/* Others may be connecting just now, so many that its queue is full; or it has died, and its heir is not there yet. */
static bool may_try_again(const struct file_server *s, unsigned error, cycles_t since)
{
	if (error == NINEP_EAGAIN) {
		thread_yield();
		return true;
	}
	if (error == NINEP_ENOMEM || fabric_now(s->fabric) - since > milliseconds(HEIR_MS) || !heir_comes(s))
		return false;
	thread_sleep_until(fabric_now(s->fabric) + milliseconds(1));
	return true;
}

/* With `lock`. What an earlier connection had in flight has ended by then. */
static unsigned server_connect(struct file_server *s)
{
	struct fabric *f;
	unsigned error = ninep_error_of(fabric_here(&f));
	cycles_t since;

	if (error)
		return error;
	if (s->open)
		ninep_end(&s->client);
	s->open = s->lends = false;
	s->generation++;
	s->fabric = f;
	trees_free(s);
	if (file_server_lost_tree)
		file_server_lost_tree(s);
	since = fabric_now(f);
	do
		error = session_open(s);
	while (error && may_try_again(s, error, since));
	if (error)
		return error;
	s->client.wait = server_wait;
	s->open = true;
	return 0;
}

static struct file_server *server_named(const char *name)
{
	struct file_server *s = servers;
	size_t length = strlen(name) + 1;

	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	if (s)
		return s;
	s = calloc(1, sizeof(*s) + length);
	if (!s)
		return NULL;
	memcpy(s->name, name, length);
	mutex_init(&s->lock, false);
	cond_init(&s->answered);
	s->number = ++numbers;
	s->next = servers;
	servers = s;
	return s;
}

int file_server_find(const char *service, struct file_server **out)
{
	unsigned error = 0;

	mutex_lock(&lock);
	*out = server_named(service);
	if (!*out)
		error = NINEP_ENOMEM;
	else if (!(*out)->open || ((*out)->client.broken && !(*out)->users && !(*out)->receiving))
		error = server_connect(*out);
	mutex_unlock(&lock);
	return errno_from_ninep(error);
}

bool file_server_is_there(const char *service)
{
	struct mailbox at;
	struct fabric *f;

	return !fabric_here(&f) && !channel_lookup(f, service, &at);
}

struct ninep_client *file_server_enter(struct file_server *s, uint32_t *back)
{
	__atomic_fetch_add(&s->users, 1, __ATOMIC_ACQ_REL);
	*back = fabric_enter(s->fabric);
	mutex_lock(&s->lock);
	return &s->client;
}

void file_server_leave(struct file_server *s, uint32_t back)
{
	mutex_unlock(&s->lock);
	fabric_leave(s->fabric, back);
	__atomic_fetch_sub(&s->users, 1, __ATOMIC_ACQ_REL);
}

unsigned file_server_root(struct file_server *s, const char *tree, uint32_t *fid, struct ninep_qid *qid)
{
	struct file_tree *t = s->trees;
	unsigned error;

	while (t && strcmp(t->name, tree) != 0)
		t = t->next;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (t)
			t->name = strdup(tree);
		if (!t || !t->name) {
			free(t);
			return NINEP_ENOMEM;
		}
		error = ninep_attach_qid(&s->client, "user", tree, &t->root, &t->qid);
		if (error) {
			free(t->name);
			free(t);
			return error;
		}
		t->next = s->trees;
		s->trees = t;
	}
	*fid = t->root;
	*qid = t->qid;
	return 0;
}
