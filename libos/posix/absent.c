/*
 * See absent.h. A path has a place by its length. The page of a server is mapped once, when the first path there is to
 * be remembered, and goes with the server.
 */
#include "libos/posix/absent.h"

#include <string.h>

#include "libos/core/vspace.h"
#include "libos/ninep/head.h"
#include "libos/posix/file_memory.h"
#include "libos/posix/file_server.h"
#include "libos/posix/namespace.h"
#include "libos/posix/window.h"

#define PLACES 8
#define LENGTH 120 /* of a path, at most */
#define OFTEN 3    /* so often it was looked for before it is remembered */
#define NEVER 0xff /* as a count: it cannot be */

static struct place_absent {
	size_t length; /* 0: none */
	char path[LENGTH];
	uint32_t turn; /* of the namespace, as far as all else is known */
	unsigned times;
	struct file_server *server; /* NULL: which one is not known yet */
	struct absent_look then;    /* when nothing was there */
} places[PLACES];
static struct mutex lock = MUTEX_INIT;
static bool used; /* there is something in them */

/* --- the page ------------------------------------------------------------------------------------------ */

static bool came_look(const void *at, void *out)
{
	const struct ninep_tree_head *head = at;

	*(uint64_t *)out = __atomic_load_n(&head->came, __ATOMIC_ACQUIRE);
	return true;
}

/* It may go meanwhile, and its address be something else's: then the turn is another. */
static bool came_get(const struct file_server *s, struct absent_look *l)
{
	const void *at;

	l->page = __atomic_load_n(&s->tree_turn, __ATOMIC_ACQUIRE);
	at = __atomic_load_n(&s->tree, __ATOMIC_ACQUIRE);
	return at && window_look(came_look, at, &l->came) &&
	       __atomic_load_n(&s->tree_turn, __ATOMIC_ACQUIRE) == l->page;
}

static void tree_lost(struct file_server *s)
{
	const void *at = s->tree;

	__atomic_fetch_add(&s->tree_turn, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->tree, NULL, __ATOMIC_SEQ_CST);
	if (at)
		lent_unmap(at, s->tree_frame);
}

/* Within; another thread may have brought it, or the server died, while we asked. */
static void tree_bring(struct file_server *s, struct ninep_client *c, const char *tree)
{
	uint32_t turn, root;
	struct absent_look now;
	struct ninep_qid qid;
	const void *at = NULL;
	uint64_t size;
	cptr_t frame;

	file_server_lost_tree = tree_lost;
	window_guard();
	if (s->tree && !came_get(s, &now))
		tree_lost(s);
	turn = s->tree_turn;
	if (!s->tree && !file_server_root(s, tree, &root, &qid) &&
	    !fid_memory(c, root, 0, NINEP_MAP_TREE, &frame, &size))
		at = lent_map(frame, NINEP_HEAD_BITS, MAP_READ);
	if (at && (s->tree || s->tree_turn != turn)) {
		lent_unmap(at, frame);
	} else if (at) {
		s->tree_frame = frame;
		__atomic_store_n(&s->tree, at, __ATOMIC_RELEASE);
	}
}

/* Whose answer "nothing is there" is, if it is that of one server, with its page; NULL: it is not. */
static struct file_server *server_of(const char *path)
{
	struct namespace *ns = ns_get();
	struct file_server *s = NULL;
	const struct ns_point *point;
	struct ninep_client *c;
	const char *rest;
	uint32_t back;

	if (!ns)
		return NULL;
	point = ns_match(ns, path, &rest);
	if (point && point->count == 1 && *point->sources[0].service != '#' &&
	    !file_server_find(point->sources[0].service, &s)) {
		c = file_server_enter(s, &back);
		if (s->open)
			tree_bring(s, c, point->sources[0].tree);
		file_server_leave(s, back);
	}
	ns_put(ns);
	return s && s->tree ? s : NULL;
}

/* --- paths ----------------------------------------------------------------------------------------------- */

static bool is_at(const struct place_absent *p, const char *path, size_t length)
{
	return p->length == length && !memcmp(p->path, path, length);
}

bool absent_known(const char *path, struct absent_look *l)
{
	size_t length = used && *path == '/' ? strlen(path) : 0;
	struct place_absent *p = &places[length % PLACES];
	bool known = false;

	l->good = false;
	if (!length || __atomic_load_n(&p->length, __ATOMIC_RELAXED) != length)
		return false;
	mutex_lock(&lock);
	if (is_at(p, path, length) && p->server && p->turn == ns_turn()) {
		l->good = came_get(p->server, l);
		known = l->good && p->then.good && p->then.came == l->came && p->then.page == l->page;
	}
	mutex_unlock(&lock);
	return known;
}

static void place_begin(struct place_absent *p, const char *path, size_t length)
{
	used = true;
	p->length = length;
	memcpy(p->path, path, length);
	p->turn = ns_turn();
	p->times = 1;
	p->server = NULL;
	p->then.good = false;
}

/* Counts; is it time to find out who the server is? With the lock. */
static bool place_count(struct place_absent *p, const char *path, size_t length, const struct absent_look *l)
{
	if (!is_at(p, path, length) || p->turn != ns_turn() || (p->server && !l->good)) {
		place_begin(p, path, length);
	} else if (p->server) {
		p->then = *l;
	} else if (p->times != NEVER) {
		return ++p->times == OFTEN;
	}
	return false;
}

void absent_seen(const char *path, const char *found, const struct absent_look *l)
{
	size_t length = *path == '/' ? strlen(path) : 0;
	struct place_absent *p = &places[length % PLACES];
	uint32_t turn = ns_turn();
	struct file_server *s;
	bool asks;

	if (!length || length > LENGTH || strcmp(path, found) != 0)
		return;
	mutex_lock(&lock);
	asks = place_count(p, path, length, l);
	mutex_unlock(&lock);
	if (!asks)
		return;
	s = server_of(path);
	mutex_lock(&lock);
	if (is_at(p, path, length) && p->turn == turn) {
		p->server = s;
		p->times = s ? p->times : NEVER;
	}
	mutex_unlock(&lock);
}
