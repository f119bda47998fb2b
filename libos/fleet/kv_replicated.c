/*
 * Two-phase commit among the members of a fleet: the coordinator's part, and writing. See kv_replicated.h.
 */
#include "libos/fleet/kv_replica.h"

#include <stdlib.h>
#include <string.h>

static err_t tell(struct kv_replicated *kv, uint32_t number, uint32_t what, const void *data, size_t bytes)
{
	return fleet_ask(kv->fleet, number, FLEET_PORT_REPLICA, what, data, bytes, NULL, NULL);
}

static void kv_lock(struct kv_replicated *kv)
{
	if (mutex_try(&kv->lock))
		return;
	rpc_release(&kv->fleet->server);
	mutex_lock(&kv->lock);
}

/* --- outcomes ------------------------------------------------------------------------- */

#define OUTCOME_WAYS 4 /* places that one may have */

static struct kv_outcome *outcome_places(struct kv_replicated *kv, const struct kv_tag *tag)
{
	uint64_t hash = (tag->who + tag->which) * UINT64_C(0x9e3779b97f4a7c15);

	return &kv->outcome[(hash >> 32) % (KV_OUTCOMES / OUTCOME_WAYS) * OUTCOME_WAYS];
}

static const struct kv_outcome *outcome_find(struct kv_replicated *kv, const struct kv_tag *tag)
{
	const struct kv_outcome *o = outcome_places(kv, tag);

	for (unsigned i = 0; i < OUTCOME_WAYS; i++)
		if (o[i].tag.who == tag->who && o[i].tag.which == tag->which)
			return kv_tag_given(tag) ? &o[i] : NULL;
	return NULL;
}

static void outcome_add(struct kv_replicated *kv, const struct kv_tag *tag, err_t err)
{
	outcome_places(kv, tag)[kv->outcomes++ % OUTCOME_WAYS] = (struct kv_outcome){ *tag, err };
}

/* --- the coordinator -------------------------------------------------------------------- */

static void replica_drop(struct kv_replicated *kv, uint32_t i) { kv->replica[i] = kv->replica[--kv->replicas]; }

static bool replica_is(const struct kv_replicated *kv, uint32_t number)
{
	for (uint32_t i = 0; i < kv->replicas; i++)
		if (kv->replica[i] == number)
			return true;
	return false;
}

static bool gone(err_t err) { return err == ERR_CLOSED || err == ERR_NOT_FOUND; }

/* Has it not done what it was told, or not even understood? Only what is to be prepared may be refused. */
static bool lost_step(uint32_t what, err_t err) { return err && (what != KV_PREPARE || err == ERR_MESSAGE); }

/*
 * Tells all replicas. Those that are gone or out of step are left out from now on, and made sure to be dead before
 * anybody hears of this change: who asks them would hear what is no more. The first other error.
 */
static err_t tell_all(struct kv_replicated *kv, uint32_t what, const void *data, size_t bytes)
{
	err_t err = ERR_OK;

	for (uint32_t i = 0; i < kv->replicas;) {
		err_t one = tell(kv, kv->replica[i], what, data, bytes);

		if (gone(one) || lost_step(what, one)) {
			uint32_t number = kv->replica[i];

			replica_drop(kv, i);
			fleet_fence(kv->fleet, number);
			continue;
		}
		if (one && !err)
			err = one;
		i++;
	}
	return err;
}

static err_t tell_prepare(struct kv_replicated *kv, const struct kv_change *c)
{
	return tell_all(kv, KV_PREPARE, c, sizeof(struct kv_head) + c->bytes);
}

static void tell_commit(struct kv_replicated *kv, uint64_t sequence)
{
	tell_all(kv, KV_COMMIT, &sequence, sizeof sequence);
}

/*
 * Under the lock. A refusal is told the writer only when nobody has the change prepared any more: else our
 * successor might make it yet.
 */
static err_t write_here(struct kv_replicated *kv, const struct kv_tag *tag, const void *change, size_t bytes)
{
	struct kv_head head = { .sequence = kv->sequence + 1, .tag = *tag };
	const struct kv_outcome *known = outcome_find(kv, tag);
	err_t err;

	if (known || kv_seen(kv, tag))
		return known ? known->err : ERR_OK;
	err = kv_prepare(kv, &head, change, bytes);
	if (!err)
		err = tell_prepare(kv, &kv->prepared);
	if (err) {
		kv->prepared.sequence = 0;
		tell_all(kv, KV_ABORT, &head.sequence, sizeof head.sequence);
	} else {
		kv_commit(kv, head.sequence);
		tell_commit(kv, head.sequence);
		kv->writes++;
	}
	outcome_add(kv, tag, err);
	return err;
}

/* Has all others catch up with the farthest, after the death of the coordinator before. Under the lock. */
static void recover(struct kv_replicated *kv)
{
	struct kv_change *c = &kv->last;

	if (c->sequence && !tell_prepare(kv, c))
		tell_commit(kv, c->sequence);
	c = &kv->prepared;
	if (c->sequence == kv->sequence + 1 && !tell_prepare(kv, c)) {
		uint64_t sequence = c->sequence;

		kv_commit(kv, sequence);
		tell_commit(kv, sequence);
	}
	kv->prepared.sequence = 0;
}

/* --- handing over ------------------------------------------------------------------------- */

static err_t tell_clear(struct kv_replicated *kv, uint32_t to, unsigned char *message)
{
	struct kv_head head = { .sequence = kv->sequence };

	memcpy(message, &head, sizeof head);
	memcpy(message + sizeof head, kv->tags, sizeof kv->tags);
	return tell(kv, to, KV_CLEAR, message, sizeof head + sizeof kv->tags);
}

static err_t hand_over(struct kv_replicated *kv, uint32_t to)
{
	unsigned char *message = malloc(FLEET_WORDS);
	uint64_t cursor = 0;
	err_t err = message ? tell_clear(kv, to, message) : ERR_NO_MEMORY;

	while (!err) {
		size_t bytes = kv->ops->save(kv->store, &cursor, message, FLEET_WORDS);

		if (!bytes)
			break;
		err = tell(kv, to, KV_LOAD, message, bytes);
	}
	free(message);
	if (!err)
		err = tell(kv, to, KV_LOADED, &kv->sequence, sizeof kv->sequence);
	if (!err && kv->replicas < FLEET_MEMBERS) {
		kv->replica[kv->replicas++] = to;
		kv->handed_over++;
	}
	return err;
}

/* The dead go. One that is in the view no more answers its clients until it has ended. */
static void replicas_prune(struct kv_replicated *kv)
{
	for (uint32_t i = 0; i < kv->replicas;)
		if (!fleet_lives(kv->fleet, kv->replica[i]))
			replica_drop(kv, i);
		else
			i++;
}

/*
 * Those that served under another coordinator have all but what recover sends. So have newcomers that it had told
 * its view: they serve, and must not be without state for a moment.
 */
static void lead(struct kv_replicated *kv)
{
	const struct fleet_view *v = &kv->fleet->view;
	uint32_t number[FLEET_MEMBERS], count = v->count;
	bool joining[FLEET_MEMBERS];

	for (uint32_t i = 0; i < count; i++) {
		number[i] = v->member[i].number;
		joining[i] = v->member[i].state == FLEET_JOINING;
	}
	kv->replicas = 0;
	for (uint32_t i = 0; i < count; i++)
		if (number[i] != kv->fleet->number && !(joining[i] && tell(kv, number[i], KV_HAS, NULL, 0)))
			kv->replica[kv->replicas++] = number[i];
	recover(kv);
	kv->leading = true;
}

/* The first in the view that has no state yet; false: all have. */
static bool newcomer(const struct kv_replicated *kv, uint32_t after, uint32_t *out)
{
	const struct fleet_view *v = &kv->fleet->view;

	for (uint32_t i = 0; i < v->count; i++) {
		*out = v->member[i].number;
		if (*out >= after && *out != kv->fleet->number && v->member[i].state != FLEET_LEAVING &&
		    !replica_is(kv, *out))
			return true;
	}
	return false;
}

bool kv_coordinates(const struct kv_replicated *kv)
{
	const struct fleet_member *c = view_coordinator(&kv->fleet->view);

	return c && c->number == kv->fleet->number;
}

/* One that cannot take it is gone or ends; the view says so later. */
static void hand_over_all(struct kv_replicated *kv)
{
	uint32_t number = 0;

	for (uint32_t next = 0; newcomer(kv, next, &number); next = number + 1)
		hand_over(kv, number);
}

void kv_changed(struct kv_replicated *kv)
{
	if (!kv_coordinates(kv)) {
		kv->leading = false;
		return;
	}
	kv_lock(kv);
	if (!kv->leading)
		lead(kv);
	replicas_prune(kv);
	hand_over_all(kv);
	mutex_unlock(&kv->lock);
}

/* --- writing, start -------------------------------------------------------------------------- */

/* *result: what came of it, if it reached the coordinator. */
static err_t submit(struct kv_replicated *kv, uint32_t to, const struct kv_tag *tag, const void *change, size_t bytes,
		    err_t *result)
{
	size_t answered = sizeof *result;
	struct kv_head head = { .sequence = kv->fleet->view.head.version, .tag = *tag };
	unsigned char *message = malloc(sizeof head + bytes);
	err_t err;

	if (!message)
		return ERR_NO_MEMORY;
	memcpy(message, &head, sizeof head);
	memcpy(message + sizeof head, change, bytes);
	err = fleet_ask(kv->fleet, to, FLEET_PORT_REPLICA, KV_SUBMIT, message, sizeof head + bytes, result, &answered);
	free(message);
	return err || answered == sizeof *result ? err : ERR_MESSAGE;
}

/* The coordinator of our view does not coordinate, or not any more: there is, or will be, another view. */
static bool ask_again(err_t err) { return gone(err) || err == ERR_AGAIN; }

err_t kv_write(struct kv_replicated *kv, const struct kv_tag *tag, const void *change, size_t bytes)
{
	static const struct kv_tag none;
	err_t err, result;

	if (bytes > KV_CHANGE_MAX)
		return ERR_TOO_LONG;
	tag = tag ? tag : &none;
	for (;;) {
		uint64_t version = kv->fleet->view.head.version;
		const struct fleet_member *c = view_coordinator(&kv->fleet->view);

		if (!c)
			return ERR_CLOSED;
		if (c->number == kv->fleet->number)
			break;
		err = submit(kv, c->number, tag, change, bytes, &result);
		if (!ask_again(err))
			return err ? err : result;
		fleet_wait_change(kv->fleet, version);
	}
	kv_lock(kv);
	if (!kv->leading)
		lead(kv);
	err = write_here(kv, tag, change, bytes);
	mutex_unlock(&kv->lock);
	return err;
}

void kv_init(struct kv_replicated *kv, struct fleet *f, const struct kv_store *ops, void *store)
{
	memset(kv, 0, sizeof *kv);
	kv->fleet = f;
	kv->ops = ops;
	kv->store = store;
	mutex_init(&kv->lock, false);
	fleet_listen(f, FLEET_PORT_REPLICA, kv_told, kv);
}

err_t kv_start(struct kv_replicated *kv)
{
	if (kv_coordinates(kv))
		kv->loaded = kv->leading = true;
	return kv->loaded ? ERR_OK : ERR_CLOSED;
}
