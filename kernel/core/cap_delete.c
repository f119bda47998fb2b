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
 * each object that it shares, so none is found in a doomed cnode; if one is, or one that is
 * mapped in a shared table, the cnode is *stuck*: it stays, out of anyone's reach, and is
 * REMOTE itself, until a revoke by the monitor begins anew to empty it.  If one is found in
 * limbo, no container can be destroyed here from then on, and all else goes on.
 */
#include "../x86/arch.h"
#include "cap_ops.h"
#include "cap_state.h"
#include "handover.h"
#include "mdb.h"

/* One empty slot looked at is 1. */
#define WORK_PER_CALL 2000
#define WORK_DELETE 20
/* Not for the common case to save registers for. */
#define NOINLINE __attribute__((noinline))
#define CHAIN_LOOKS 100 /* containers, each of which leads to the next through limbo */

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

/* The last capability to something shared, which the monitor has to know of? */
static bool is_kept(const struct cap *c)
{
	if (!(c->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN)) || !cap_is_last(c))
		return false;
	return c->flags & CAP_FLAG_REMOTE || (cap_pass == PASS_USER && cap_is_table(c) && table_in_use(c));
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

/* Takes what would be mapped by c no more out of its table. ERR_CAP_REMOTE: it, and c, have to stay. */
static inline err_t mapping_end(struct cap *c)
{
	return c->flags & CAP_FLAG_MAPPED && (cap_is_frame(c) || cap_is_last(c)) ? cap_unmap_any(c) : ERR_OK;
}

/* The slot from which deleting s would fill limbo: s has the last capability to a container. NULL: none. */
static struct cap *limbo_source(const struct cap *s)
{
	struct cap *next;

	if (cap_empty(s) || !cap_is_last(s) || !is_container(s))
		return NULL;
	next = s->type == CAP_CNODE ? cnode_slots(s) : &((struct dispatcher *)arch_window(s->base))->cspace;
	return next == s || cap_empty(next) ? NULL : next;
}

/*
 * Would what s leads to, through limbo, get stuck there? Only the monitor, which comes back when all have flushed,
 * may begin what is too long to say.
 */
static err_t limbo_check(struct cap *s)
{
	unsigned looks = 0;

	if (s == &limbo)
		return ERR_OK;
	for (struct cap *n = limbo_source(s); n; n = limbo_source(n)) {
		if (is_kept(n) || mapping_end(n))
			return ERR_CAP_REMOTE;
		if (looks++ == CHAIN_LOOKS)
			return cap_pass == PASS_USER && tables_shared ? ERR_CAP_REMOTE : ERR_OK;
	}
	return ERR_OK;
}

static void doomed_begin(struct cap *own)
{
	DOOMED_SLOT(own) = 1;
	DOOMED_SCAN(own) = cap_pass == PASS_USER ? 0 : cap_scan;
	DOOMED_HELD(own) = 0;
	doomed_push(own);
}

/* s, not empty, holds the last capability to a cnode: s becomes empty, limbo may fill. */
static err_t cnode_doom(struct cap *s)
{
	struct cap *own = cnode_slots(s), held;

	if (limbo_stuck(s))
		return ERR_CAP_REMOTE;
	if (own != s && !cap_empty(own)) {
		if (is_kept(own) || mapping_end(own))
			return ERR_CAP_REMOTE;
		cap_move(&held, own);
		cap_move(own, s);
		cap_move(&limbo, &held);
	} else if (own != s) {
		cap_move(own, s);
	}
	own->flags |= CAP_FLAG_CLEARING;
	doomed_begin(own);
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
static err_t object_destroy(struct cap *c)
{
	if (c->flags & CAP_FLAG_FOREIGN)
		return cap_is_table(c) ? table_end(c) : ERR_OK;
	if (c->type == CAP_ENDPOINT)
		endpoint_destroy(c->base);
	else if (c->type == CAP_NOTIFICATION)
		notification_destroy(c->base);
	else if (c->type == CAP_IRQ)
		irqs_destroy(c);
	return ERR_OK;
}

/* c goes and one other is left: the monitor's, perhaps, which has no use for it then. */
static void watch_last(const struct cap *c)
{
	const struct cap *primary = c->flags & CAP_FLAG_COPY ? c->prev : c;

	if (primary->flags & CAP_FLAG_COPY || (c == primary ? c->copies->next : c->next))
		return;
	if (primary->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN))
		notification_watch_raise();
}

static err_t simple_delete(struct cap *c)
{
	err_t err = mapping_end(c);

	if (err)
		return err;
	if (!cap_is_last(c))
		watch_last(c);
	else if (object_destroy(c) != ERR_OK)
		return ERR_CAP_REMOTE;
	cap_unlink(c);
	work -= WORK_DELETE;
	return ERR_OK;
}

/* s holds the last capability to a dispatcher: s becomes empty; limbo may fill with its root cnode. */
static err_t dispatcher_doom(struct cap *s)
{
	struct dispatcher *d = arch_window(s->base);
	struct cap *own[] = { &d->frame_cap, &d->vspace_cap, &d->watch_cap, &d->cspace };

	for (unsigned i = 0; i < 4; i++)
		if (limbo_stuck(s) || (!cap_empty(own[i]) && is_kept(own[i])))
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

static NOINLINE err_t container_doom(struct cap *s)
{
	if (limbo_check(s))
		return ERR_CAP_REMOTE;
	return s->type == CAP_CNODE ? cnode_doom(s) : dispatcher_doom(s);
}

/* Empties slot s; limbo must be empty or s, and may be full afterwards. */
static err_t slot_delete(struct cap *s)
{
	if (!cap_is_last(s))
		return simple_delete(s);
	if (is_kept(s))
		return ERR_CAP_REMOTE;
	return is_container(s) ? container_doom(s) : simple_delete(s);
}

static err_t settle_limbo(void)
{
	while (!cap_empty(&limbo)) {
		int before = work;
		err_t err;

		if (work <= 0)
			return ERR_RESTART;
		err = slot_delete(&limbo);
		if (err) {
			work = before; /* nothing is changed by it, see cap_work_begin() */
			return err;
		}
		work -= WORK_DELETE;
	}
	return ERR_OK;
}

/* Slot s could not be emptied, and `held` more capabilities stay because of mappings than before. */
static void doomed_stick(struct cap *c, uint64_t held)
{
	c->flags |= CAP_FLAG_REMOTE;
	DOOMED_HELD(c) += held;
	if (cap_pass == PASS_USER)
		DOOMED_SCAN(c) = 0;
}

bool cap_is_stuck(const struct cap *c)
{
	return c->type == CAP_CNODE && c->flags & CAP_FLAG_REMOTE && c->flags & CAP_FLAG_CLEARING;
}

bool cap_is_doomed(const struct cap *c)
{
	return c->type == CAP_CNODE && c->flags & CAP_FLAG_CLEARING && cnode_slots(c) == c;
}

void cap_unstick(struct cap *c)
{
	c->flags &= (uint8_t)~CAP_FLAG_REMOTE;
	doomed_begin(c);
}

/* Past slots that are empty already, as far as work is left; NULL: those were the last. */
static struct cap *doomed_next(struct cap *c)
{
	struct cap *end = c + (cap_size(c) >> CAP_SLOT_BITS), *first = c + DOOMED_SLOT(c), *s = first;
	struct cap *last = work < end - first ? first + (work > 0 ? work : 0) : end;

	while (s < last && cap_empty(s))
		s++;
	work -= (int)(s - first);
	DOOMED_SLOT(c) = (uint64_t)(s - c);
	return s < end ? s : NULL;
}

/* Empties the slots of the first doomed cnode. */
static err_t doomed_empty(struct cap *c)
{
	struct cap *s;

	while ((s = doomed_next(c))) {
		uint64_t held = cap_held;
		err_t err;

		if (work-- <= 0)
			return ERR_RESTART;
		if (!cap_empty(s) && slot_delete(s) != ERR_OK)
			doomed_stick(c, cap_held - held);
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
void cap_work_done(unsigned done) { work -= (int)done; }
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

void cap_delete_hand_over(struct handover *h, bool take)
{
	struct cap *from = take ? &h->limbo : &limbo, *to = take ? &limbo : &h->limbo;

	*to = (struct cap){ 0 };
	if (!cap_empty(from))
		cap_move(to, from);
	HAND_OVER(take, h->doomed, doomed);
}
