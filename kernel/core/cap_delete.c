/*
 * Deleting capabilities and destroying objects, a bounded part at a time.
 *
 * The last capability to a cnode or dispatcher takes with it the capabilities
 * inside, and those may be the last ones to further cnodes, in any depth and in
 * cycles.  There is no recursion.  A cnode that goes is *doomed*: its last capability
 * moves into its own slot 0, where no user can reach it, and onto a list; what was in
 * slot 0 moves to `limbo`, the one slot of the CPU driver's own.  settle() empties
 * limbo (which may doom the cnode named there, and fill limbo again), then the doomed
 * cnodes slot by slot, and at last takes the capability in slot 0 out of the tree:
 * up to then the object is in the tree, so its memory is not used again, and each
 * capability inside is still found by a revoke.  What one call leaves undone, the
 * next delete or revoke goes on with, whoever makes it.
 *
 * A slot that is empty already while its delete goes on keeps CLEARING as a mark,
 * so that the repeated system call knows that it is one.
 *
 * The last capability to a REMOTE object is not deleted.  A monitor keeps one to
 * each object that it shares, so none is found in a doomed cnode; if one is, the cnode
 * stays, out of anyone's reach, and is REMOTE itself.  If one is found in limbo, no
 * container can be destroyed here from then on, and all else goes on.
 */
#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"
#include "mdb.h"

/* One empty slot looked at is 1. */
#define WORK_PER_CALL 2000
#define WORK_DELETE 20

#define REMOTE_LAST(c) ((c)->flags & CAP_FLAG_REMOTE && cap_is_last(c))

/* In a doomed cnode's own capability, which is in its slot 0. */
#define DOOMED_SLOT(c) ((c)->badge)  /* the next to be emptied */
#define DOOMED_NEXT(c) ((c)->copies) /* it has no copies */

static struct cap limbo;
static struct cap *doomed;
static int work;

static struct cap *cnode_slots(const struct cap *c) { return arch_window(c->base); }

/* Behind the first, whose emptying may be what dooms this one. */
static void doomed_push(struct cap *c)
{
	struct cap **link = doomed ? &DOOMED_NEXT(doomed) : &doomed;

	DOOMED_NEXT(c) = *link;
	*link = c;
}

/* Limbo holds what cannot be deleted: nothing can go there, and s does not come from there. */
static bool limbo_stuck(const struct cap *s) { return s != &limbo && !cap_empty(&limbo); }

/* s, not empty, holds the last capability to a cnode: s becomes empty, limbo may fill. */
static err_t cnode_doom(struct cap *s)
{
	struct cap *own = cnode_slots(s), held;

	if (limbo_stuck(s))
		return ERR_CAP_REMOTE;
	if (own != s && !cap_empty(own)) {
		if (REMOTE_LAST(own))
			return ERR_CAP_REMOTE;
		cap_move(&held, own);
		cap_move(own, s);
		cap_move(&limbo, &held);
	} else if (own != s) {
		cap_move(own, s);
	}
	own->flags |= CAP_FLAG_CLEARING;
	DOOMED_SLOT(own) = 1;
	doomed_push(own);
	return ERR_OK;
}

/* Interrupts that have another capability further down stay bound. */
static void irqs_destroy(const struct cap *c)
{
	uint64_t at = c->base;

	for (const struct cap *n = mdb_next(c); n && mdb_contains(c, n->base); n = mdb_next(n)) {
		if (n->base < at)
			continue;
		irq_destroy(at, n->base - at);
		at = n->base + cap_size(n);
	}
	irq_destroy(at, c->base + cap_size(c) - at);
}

/*
 * What is not a container is gone at once. A root page table that is loaded may go: its
 * dispatcher holds a capability to it, and has left it when that is reported as lost.
 */
static void object_destroy(struct cap *c)
{
	if (c->flags & CAP_FLAG_FOREIGN)
		return;
	if (c->type == CAP_ENDPOINT)
		endpoint_destroy(c->base);
	else if (c->type == CAP_NOTIFICATION)
		notification_destroy(c->base);
	else if (c->type == CAP_IRQ)
		irqs_destroy(c);
}

static void simple_delete(struct cap *c)
{
	if (cap_is_frame(c) || cap_is_last(c))
		work -= (int)cap_unmap_any(c);
	if (cap_is_last(c))
		object_destroy(c);
	cap_unlink(c);
	work -= WORK_DELETE;
}

/* s holds the last capability to a dispatcher: s becomes empty; limbo may fill with its root cnode. */
static err_t dispatcher_doom(struct cap *s)
{
	struct dispatcher *d = arch_window(s->base);
	struct cap *own[] = { &d->frame_cap, &d->vspace_cap, &d->watch_cap, &d->cspace };

	for (unsigned i = 0; i < 4; i++)
		if (limbo_stuck(s) || (!cap_empty(own[i]) && REMOTE_LAST(own[i])))
			return ERR_CAP_REMOTE;
	dispatcher_destroy(s->base);
	for (unsigned i = 0; i < 3; i++)
		if (!cap_empty(own[i]))
			simple_delete(own[i]);
	simple_delete(s);
	if (!cap_empty(&d->cspace))
		cap_move(&limbo, &d->cspace);
	return ERR_OK;
}

/*
 * Does the object hold capabilities? Not if it is another core's, and not while retype
 * clears it: what is in it then is no one's. A doomed cnode is not being cleared.
 */
static bool is_container(const struct cap *s)
{
	if (s->flags & CAP_FLAG_FOREIGN || (s->type != CAP_CNODE && s->type != CAP_DISPATCHER))
		return false;
	return !(s->flags & CAP_FLAG_CLEARING) || cnode_slots(s) == s;
}

/* Empties slot s; limbo must be empty or s, and may be full afterwards. */
static err_t slot_delete(struct cap *s)
{
	if (!cap_is_last(s)) {
		simple_delete(s);
		return ERR_OK;
	}
	if (s->flags & CAP_FLAG_REMOTE)
		return ERR_CAP_REMOTE;
	if (is_container(s))
		return s->type == CAP_CNODE ? cnode_doom(s) : dispatcher_doom(s);
	simple_delete(s);
	return ERR_OK;
}

static err_t settle_limbo(void)
{
	while (!cap_empty(&limbo)) {
		err_t err;

		if (work <= 0)
			return ERR_RESTART;
		err = slot_delete(&limbo);
		if (err)
			return err;
		work -= WORK_DELETE;
	}
	return ERR_OK;
}

/* Empties the slots of the first doomed cnode. */
static err_t doomed_empty(struct cap *c)
{
	uint64_t count = cap_size(c) >> CAP_SLOT_BITS;

	for (struct cap *s = c + DOOMED_SLOT(c); DOOMED_SLOT(c) < count; s++) {
		err_t err;

		if (work-- <= 0)
			return ERR_RESTART;
		if (!cap_empty(s) && slot_delete(s) != ERR_OK)
			c->flags |= CAP_FLAG_REMOTE;
		DOOMED_SLOT(c)++;
		err = settle_limbo();
		if (err)
			return err;
	}
	return ERR_OK;
}

err_t cap_settle(void)
{
	err_t err = settle_limbo();

	while (!err && doomed) {
		struct cap *c = doomed;

		err = doomed_empty(c);
		if (err)
			break;
		doomed = DOOMED_NEXT(c);
		DOOMED_NEXT(c) = NULL;
		if (!(c->flags & CAP_FLAG_REMOTE))
			cap_unlink(c);
	}
	return err;
}

bool cap_work_over(void) { return work <= 0; }
bool cap_unsettled(void) { return doomed || !cap_empty(&limbo); }

/*
 * What earlier calls left may hold the caller's own dispatcher, and so the slot that it names: once
 * anything was settled, all is looked up again. Where nothing could be, that is no reason to wait.
 */
err_t cap_work_begin(void)
{
	work = WORK_PER_CALL;
	if (!cap_unsettled())
		return ERR_OK;
	cap_settle();
	return work == WORK_PER_CALL ? ERR_OK : ERR_RESTART;
}

err_t cap_delete_slot(struct cap *s)
{
	struct cap *owner = s->flags & CAP_FLAG_EMBEDDED ? s : NULL;
	err_t err = slot_delete(s);

	if (!err && owner)
		dispatcher_cap_lost(owner);
	return err;
}

err_t cap_delete(struct cap *slot)
{
	err_t err;

	if (cap_work_begin() == ERR_RESTART)
		return ERR_RESTART;
	if (cap_empty(slot)) {
		err = slot->flags & CAP_FLAG_CLEARING ? ERR_OK : ERR_CAP_LOOKUP;
		slot->flags = 0;
		return err;
	}
	err = cap_delete_slot(slot);
	if (err || !cap_unsettled())
		return err;
	if (cap_settle() != ERR_RESTART)
		return ERR_OK;
	if (cap_empty(slot))
		slot->flags = CAP_FLAG_CLEARING;
	return ERR_RESTART;
}
