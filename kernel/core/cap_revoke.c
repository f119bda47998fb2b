/*
 * Revoke: one capability stays, every other to its object and to what was made of it goes.
 *
 * Descendants are the nodes that follow in the tree, so it takes the next one again
 * and again until there is none; no position is kept between calls.  A descendant that
 * another core shares, or owns, ends it with ERR_CAP_REMOTE, and what was deleted by then is
 * deleted: the monitors revoke there first and then repeat it here.
 */
#include "cap_ops.h"
#include "cap_state.h"
#include "mdb.h"

/* Is the slot c still the capability it was? It may have been in a cnode that had to go. */
static bool still_there(const struct cap *c, const struct cap *was)
{
	return cap_same_object(c, was) && !(c->flags & (CAP_FLAG_COPY | CAP_FLAG_CLEARING));
}

/* The object of which the next capability has to go; NULL: none. */
static struct cap *victim_of(struct cap *c) { return c->copies ? c : mdb_descendant(c); }

/* Deletes one capability to a victim: its copies first, so that it stays shared or not till the end. */
static err_t revoke_one(struct cap *victim)
{
	/* What is doomed still waits for the monitor to empty limbo. */
	if (victim->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN) || cap_is_doomed(victim))
		return ERR_CAP_REMOTE;
	return cap_delete_slot(victim->copies ? victim->copies : victim);
}

static err_t revoke_all(struct cap *c)
{
	const struct cap was = *c;
	struct cap *victim;

	while ((victim = victim_of(c)) != NULL) {
		err_t err;

		if (cap_work_over())
			return ERR_RESTART;
		err = revoke_one(victim);
		if (err)
			return err;
		if (cap_unsettled() && cap_settle() == ERR_RESTART)
			return ERR_RESTART;
		if (!still_there(c, &was))
			return ERR_CAP_LOOKUP;
	}
	return ERR_OK;
}

err_t cap_revoke(struct cap *c)
{
	if (c->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	if (cap_primary(c)->flags & (CAP_FLAG_REMOTE | CAP_FLAG_FOREIGN))
		return ERR_CAP_REMOTE;
	if (cap_work_begin() == ERR_RESTART)
		return ERR_RESTART;
	cap_make_primary(c);
	return revoke_all(c);
}
