/*
 * Locks of byte ranges, as POSIX has them: of a process, and of a file, not of a descriptor.
 *
 * A file's locks are a list. Those of one owner never overlap: what is locked anew is cut out of, or joined with, what
 * it had. Who waits is tried again, in turn, when locks go.
 */
#include "services/mem/memfs.h"

struct mem_lock {
	struct mem_lock *next;
	struct mem_owner owner;
	uint64_t first, last;
	uint8_t type;
};

struct mem_wait {
	struct mem_wait *next;
	struct mem_owner owner;
	struct ninep_lock lock;
	void (*done)(void *arg, unsigned error);
	void *arg;
};

static uint64_t last_of(const struct ninep_lock *l)
{
	uint64_t last = l->start + (l->length - 1);

	return !l->length || last < l->start ? UINT64_MAX : last;
}

static bool same_owner(struct mem_owner a, struct mem_owner b)
{
	return a.client == b.client && a.proc_id == b.proc_id;
}

static const struct mem_lock *conflict_find(const struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l)
{
	const struct mem_lock *k = i->locks;

	for (; k; k = k->next)
		if (!same_owner(k->owner, who) && k->first <= last_of(l) && k->last >= l->start &&
		    (k->type == NINEP_LOCK_WRITE || l->type == NINEP_LOCK_WRITE))
			break;
	return k;
}

static void lock_free(struct mem_inode *i, struct mem_lock **at)
{
	struct mem_lock *k = *at;

	*at = k->next;
	mem_give(i->fs, k, sizeof(*k));
}

static void lock_insert(struct mem_inode *i, struct mem_lock *k)
{
	k->next = i->locks;
	i->locks = k;
}

/* Of *at, which is the same owner's, nothing stays of first to last; *spare is used if it falls in two. */
static void lock_cut(struct mem_inode *i, struct mem_lock **at, const struct mem_lock *by, struct mem_lock **spare)
{
	struct mem_lock *k = *at;

	if (k->first >= by->first && k->last <= by->last) {
		lock_free(i, at);
		return;
	}
	if (*spare && k->first < by->first && k->last > by->last) {
		**spare =
			(struct mem_lock){ .owner = k->owner, .type = k->type, .first = by->last + 1, .last = k->last };
		lock_insert(i, *spare);
		*spare = NULL;
	}
	if (k->first < by->first)
		k->last = by->first - 1;
	else
		k->first = by->last + 1;
}

static void locks_cut(struct mem_inode *i, const struct mem_lock *by, struct mem_lock **spare)
{
	struct mem_lock **at = &i->locks, *k;

	while ((k = *at)) {
		if (same_owner(k->owner, by->owner) && k->first <= by->last && k->last >= by->first)
			lock_cut(i, at, by, spare);
		if (*at == k)
			at = &k->next;
	}
}

/* Takes in what `by`'s owner has of the same type that meets it or touches it. */
static void locks_join(struct mem_inode *i, struct mem_lock *by)
{
	struct mem_lock **at = &i->locks, *k;

	while ((k = *at)) {
		if (!same_owner(k->owner, by->owner) || k->type != by->type || (by->first && k->last < by->first - 1) ||
		    (k->first && k->first - 1 > by->last)) {
			at = &k->next;
			continue;
		}
		by->first = k->first < by->first ? k->first : by->first;
		by->last = k->last > by->last ? k->last : by->last;
		lock_free(i, at);
	}
}

/* Does one fall in two? */
static bool splits(const struct mem_inode *i, const struct mem_lock *by)
{
	const struct mem_lock *k = i->locks;

	while (k && (!same_owner(k->owner, by->owner) || k->type == by->type || k->first >= by->first ||
		     k->last <= by->last))
		k = k->next;
	return k;
}

static unsigned lock_try(struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l)
{
	struct mem_lock by = { .owner = who, .first = l->start, .last = last_of(l), .type = l->type };
	bool taken = l->type != NINEP_LOCK_NONE, split = splits(i, &by);
	struct mem_lock *k, *spare;

	if (l->type > NINEP_LOCK_NONE)
		return NINEP_EINVAL;
	if (taken && conflict_find(i, who, l))
		return NINEP_EAGAIN;
	k = taken ? mem_take(i->fs, sizeof(*k)) : NULL;
	spare = split ? mem_take(i->fs, sizeof(*spare)) : NULL;
	if ((taken && !k) || (split && !spare)) {
		mem_give(i->fs, k, sizeof(*k));
		mem_give(i->fs, spare, sizeof(*spare));
		return NINEP_ENOLCK;
	}
	if (taken)
		locks_join(i, &by);
	locks_cut(i, &by, &spare);
	if (taken) {
		*k = by;
		lock_insert(i, k);
	}
	return 0;
}

/* --- waiting ---------------------------------------------------------------------------------------- */

/* Those that can go on do, the oldest first. */
static void waits_try(struct mem_inode *i)
{
	struct mem_wait **at = &i->waits, *w;
	unsigned error;

	while ((w = *at)) {
		error = lock_try(i, w->owner, &w->lock);
		if (error == NINEP_EAGAIN) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->done(w->arg, error);
		mem_give(i->fs, w, sizeof(*w));
	}
}

unsigned mem_lock(struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l)
{
	unsigned error = lock_try(i, who, l);

	if (!error)
		waits_try(i); /* also a lock to read may let others go on that was one to write */
	return error;
}

struct mem_wait *mem_wait(struct mem_inode *i, struct mem_owner who, const struct ninep_lock *l,
			  void (*done)(void *arg, unsigned error), void *arg)
{
	struct mem_wait *w = mem_take(i->fs, sizeof(*w)), **at = &i->waits;

	if (!w)
		return NULL;
	*w = (struct mem_wait){ .owner = who, .lock = *l, .done = done, .arg = arg };
	while (*at)
		at = &(*at)->next;
	*at = w;
	return w;
}

void mem_wait_cancel(struct mem_inode *i, struct mem_wait *w)
{
	struct mem_wait **at = &i->waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	mem_give(i->fs, w, sizeof(*w));
}

void mem_getlock(const struct mem_inode *i, struct mem_owner who, struct ninep_lock *l)
{
	const struct mem_lock *k = l->type < NINEP_LOCK_NONE ? conflict_find(i, who, l) : NULL;

	if (!k) {
		l->type = NINEP_LOCK_NONE;
		return;
	}
	l->type = k->type;
	l->start = k->first;
	l->length = k->last == UINT64_MAX ? 0 : k->last - k->first + 1;
	l->proc_id = k->owner.proc_id;
}

/* The newest is first in the list. */
void mem_locks_tell(const struct mem_inode *i,
		    void (*tell)(void *arg, struct mem_owner who, const struct ninep_lock *l), void *arg)
{
	const struct mem_lock *k, *told = NULL;
	struct ninep_lock l = { 0 };

	while (i->locks != told) {
		for (k = i->locks; k->next != told; k = k->next)
			;
		l.type = k->type;
		l.start = k->first;
		l.length = k->last == UINT64_MAX ? 0 : k->last - k->first + 1;
		tell(arg, k->owner, &l);
		told = k;
	}
}

void mem_unlock_client(struct mem_inode *i, uint64_t client)
{
	struct mem_lock **at = &i->locks;
	bool some = false;

	while (*at)
		if (!client || (*at)->owner.client == client) {
			lock_free(i, at);
			some = true;
		} else {
			at = &(*at)->next;
		}
	if (some)
		waits_try(i);
}
