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

#include "libos/posix/errno.h"
#include "libos/posix/interrupt.h"

static struct file_server *servers;
static uint32_t numbers;
static struct mutex lock = MUTEX_INIT; /* of the list, and of connecting */

static struct file_server *server_of(struct ninep_client *c)
{
	return (struct file_server *)((char *)c - offsetof(struct file_server, client));
}

/* --- waiting, with the server's lock ------------------------------------------------------------------ */

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
		s->receiving = true;
		mutex_unlock(&s->lock);
		(void)c->link.ops->wait(&c->link, 0); /* what ends the link is seen by receiving */
		mutex_lock(&s->lock);
		s->receiving = false;
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
		s->receiving = true;
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
		s->receiving = false;
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

/* With `lock`. What an earlier connection had in flight has ended by then. */
static unsigned server_connect(struct file_server *s)
{
	struct fabric *f;
	unsigned error = ninep_error_of(fabric_here(&f));

	if (error)
		return error;
	if (s->open)
		ninep_end(&s->client);
	s->open = false;
	s->generation++;
	s->fabric = f;
	trees_free(s);
	while ((error = ninep_connect(&s->client, f, s->name)) == NINEP_EAGAIN)
		thread_yield(); /* so many others are connecting just now that its queue is full */
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
