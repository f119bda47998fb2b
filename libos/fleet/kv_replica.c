/*
 * One replica of what all members have: what it does at the coordinator's word. See kv_replicated.h.
 */
#include "libos/fleet/kv_replica.h"

#include <string.h>

/* --- tags ----------------------------------------------------------------------------- */

bool kv_seen(const struct kv_replicated *kv, const struct kv_tag *tag)
{
	if (!kv_tag_given(tag))
		return false;
	for (uint32_t i = 0; i < KV_TAGS; i++)
		if (kv->tags[i].who == tag->who && kv->tags[i].which == tag->which)
			return true;
	return false;
}

/* The oldest goes: of the same writer, if he has his share. What is free is older than all. */
static void tag_add(struct kv_replicated *kv, const struct kv_tag *tag, uint64_t sequence)
{
	struct kv_tag *oldest = kv->tags, *own = NULL;
	unsigned same = 0;

	for (struct kv_tag *t = kv->tags; t < kv->tags + KV_TAGS; t++) {
		if (t->when < oldest->when)
			oldest = t;
		if (!t->when || t->who != tag->who)
			continue;
		same++;
		if (!own || t->when < own->when)
			own = t;
	}
	if (same >= KV_TAGS_OF_ONE)
		oldest = own;
	*oldest = (struct kv_tag){ .who = tag->who, .which = tag->which, .when = sequence };
}

/* --- one replica ------------------------------------------------------------------------ */

static void change_set(struct kv_change *c, uint64_t sequence, const struct kv_tag *tag, const void *data, size_t bytes)
{
	c->sequence = sequence;
	c->tag = *tag;
	c->bytes = (uint32_t)bytes;
	memcpy(c->data, data, bytes);
}

/* What was done already is agreed to once more: the coordinator has changed meanwhile. */
err_t kv_prepare(struct kv_replicated *kv, const struct kv_head *h, const void *data, size_t bytes)
{
	err_t err;

	if (!kv->loaded)
		return ERR_MESSAGE;
	if (h->sequence <= kv->sequence)
		return ERR_OK;
	if (h->sequence != kv->sequence + 1 || bytes > KV_CHANGE_MAX)
		return ERR_MESSAGE;
	kv->prepared.sequence = 0;
	err = kv->ops->check(kv->store, data, bytes);
	if (!err)
		change_set(&kv->prepared, h->sequence, &h->tag, data, bytes);
	return err;
}

err_t kv_commit(struct kv_replicated *kv, uint64_t sequence)
{
	if (!kv->loaded)
		return ERR_MESSAGE;
	if (sequence <= kv->sequence)
		return ERR_OK;
	if (kv->prepared.sequence != sequence || sequence != kv->sequence + 1)
		return ERR_MESSAGE;
	kv->ops->apply(kv->store, sequence, kv->prepared.data, kv->prepared.bytes);
	kv->sequence = sequence;
	kv->last = kv->prepared;
	kv->prepared.sequence = 0;
	if (kv_tag_given(&kv->last.tag))
		tag_add(kv, &kv->last.tag, sequence);
	return ERR_OK;
}

/* --- messages ------------------------------------------------------------------------------- */

static err_t told_submit(struct kv_replicated *kv, const unsigned char *data, size_t bytes)
{
	struct kv_head head;

	if (bytes < sizeof head)
		return ERR_MESSAGE;
	memcpy(&head, data, sizeof head);
	/* Who made a view is the last but one to go over to it. */
	fleet_wait_view(kv->fleet, head.sequence);
	if (!kv_coordinates(kv))
		return ERR_AGAIN;
	return kv_write(kv, &head.tag, data + sizeof head, bytes - sizeof head);
}

static err_t told_prepare(struct kv_replicated *kv, const unsigned char *data, size_t bytes)
{
	struct kv_head head;

	if (bytes < sizeof head)
		return ERR_MESSAGE;
	memcpy(&head, data, sizeof head);
	return kv_prepare(kv, &head, data + sizeof head, bytes - sizeof head);
}

static err_t told_clear(struct kv_replicated *kv, const unsigned char *data, size_t bytes)
{
	struct kv_head head;
	err_t err;

	if (bytes != sizeof head + sizeof kv->tags || kv->loaded)
		return ERR_MESSAGE;
	memcpy(&head, data, sizeof head);
	err = kv->ops->clear(kv->store, head.sequence);
	if (err)
		return err;
	memcpy(kv->tags, data + sizeof head, sizeof kv->tags);
	kv->sequence = head.sequence;
	kv->prepared.sequence = kv->last.sequence = 0;
	return ERR_OK;
}

static err_t told_sequence(const void *data, size_t bytes, uint64_t *sequence)
{
	if (bytes != sizeof *sequence)
		return ERR_MESSAGE;
	memcpy(sequence, data, bytes);
	return ERR_OK;
}

/*
 * Numbers of coordinators grow. What an earlier one has sent may be read after words of its successor's; a newcomer
 * does not know yet who speaks.
 */
static bool speaks_late(struct kv_replicated *kv, uint32_t from, uint32_t what)
{
	if (what == KV_SUBMIT || from == UINT32_MAX)
		return false;
	if (from < kv->leader)
		return true;
	kv->leader = from;
	return false;
}

err_t kv_told(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer, size_t *answered)
{
	struct kv_replicated *kv = arg;
	uint64_t sequence = 0;
	size_t room = *answered;
	err_t err;

	*answered = 0;
	if (speaks_late(kv, from, what))
		return ERR_DENIED;
	switch (what) {
	case KV_SUBMIT:
		err = told_submit(kv, data, bytes);
		if (err == ERR_AGAIN || room < sizeof err)
			return err;
		/* What became of the change is no error of the message's. */
		memcpy(answer, &err, sizeof err);
		*answered = sizeof err;
		return ERR_OK;
	case KV_PREPARE:
		return told_prepare(kv, data, bytes);
	case KV_COMMIT:
		err = told_sequence(data, bytes, &sequence);
		return err ? err : kv_commit(kv, sequence);
	case KV_ABORT:
		err = told_sequence(data, bytes, &sequence);
		if (!err && kv->prepared.sequence == sequence)
			kv->prepared.sequence = 0;
		return err;
	case KV_CLEAR:
		return told_clear(kv, data, bytes);
	case KV_LOAD:
		return kv->loaded ? ERR_MESSAGE : kv->ops->load(kv->store, data, bytes);
	case KV_LOADED:
		err = told_sequence(data, bytes, &sequence);
		kv->loaded = !err && sequence == kv->sequence;
		return kv->loaded ? ERR_OK : ERR_MESSAGE;
	case KV_HAS:
		return kv->loaded ? ERR_OK : ERR_MESSAGE;
	default:
		return ERR_UNSUPPORTED;
	}
}
