/* Sessions: a client begins one, and goes on with it at the heir of a server that has died. See log.h. */
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/log.h"
#include "libos/ninep/serve.h"
#include "libos/ninep/share.h"

static struct ninep_connection *shadow_of(struct ninep_server *s, uint64_t high, uint64_t low)
{
	struct ninep_connection *n = s->shadows;

	while (n && (n->secret[0] != high || n->secret[1] != low))
		n = n->next;
	return n;
}

/* All that the shadow has is the connection's, and the shadow is no more. */
static void shadow_take(struct ninep_connection *n, struct ninep_connection *shadow)
{
	struct ninep_connection **at = &n->server->shadows;

	if (n->server->log)
		ninep_log_end(n); /* what the mirror knows by the number that it had */
	n->number = shadow->number;
	memcpy(n->secret, shadow->secret, sizeof(n->secret));
	memcpy(n->bucket, shadow->bucket, sizeof(n->bucket));
	n->fids = shadow->fids;
	n->recent = NULL;
	n->answered = shadow->answered;
	n->resumed = true;
	for (struct ninep_token *t = n->server->tokens; t; t = t->next)
		if (t->of == shadow)
			t->of = n;
	while (*at != shadow)
		at = &(*at)->next;
	*at = shadow->next;
	free(shadow->spare);
	free(shadow);
}

static bool has_bit(const struct ninep_bytes *bits, uint32_t i)
{
	return i / 8 < bits->length && ((const uint8_t *)bits->at)[i / 8] >> i % 8 & 1;
}

/* Those fids go that the client does not have: it had clunked them, and the mirror did not hear of it. */
static void fids_trim(struct ninep_call *c, const struct ninep_bytes *known)
{
	struct ninep_connection *n = c->from;
	struct ninep_fid *f, *next;

	for (unsigned i = 0; i < NINEP_FID_BUCKETS; i++)
		for (f = n->bucket[i]; f; f = next) {
			next = f->next;
			if (has_bit(known, f->fid))
				continue;
			if (n->server->log)
				ninep_log_drop(n, f->fid);
			ninep_fid_remove(n, f);
		}
}

static unsigned session_begin(struct ninep_call *c)
{
	struct ninep_connection *n = c->from;

	n->secret[0] = ninep_token_word() | 1; /* none is 0 */
	n->secret[1] = ninep_token_word();
	c->out.rsession.high = n->secret[0];
	c->out.rsession.low = n->secret[1];
	return 0;
}

/* ENOENT: no client that had such a session is known. */
unsigned ninep_serve_session(struct ninep_call *c)
{
	struct ninep_connection *n = c->from, *shadow;

	if (!n->ours || !n->server || !n->server->keeps)
		return NINEP_EOPNOTSUPP;
	if (n->secret[0] || n->fids)
		return NINEP_EBUSY;
	if (!c->in.tsession.high)
		return session_begin(c);
	shadow = shadow_of(n->server, c->in.tsession.high, c->in.tsession.low);
	if (!shadow)
		return NINEP_ENOENT;
	shadow_take(n, shadow);
	fids_trim(c, &c->in.tsession.fids);
	c->out.rsession.high = n->secret[0];
	c->out.rsession.low = n->secret[1];
	return 0;
}

/* The fid that a request makes, if it does not name it otherwise. */
static uint32_t fid_made(const struct ninep_message *in)
{
	switch (in->type) {
	case NINEP_TATTACH:
		return in->tattach.fid;
	case NINEP_TWALK:
		return in->twalk.newfid == in->twalk.fid ? NINEP_NO_FID : in->twalk.newfid;
	case NINEP_TWALKOPEN:
		return in->twalkopen.newfid == in->twalkopen.fid ? NINEP_NO_FID : in->twalkopen.newfid;
	case NINEP_TTAKE:
		return in->ttake.newfid;
	default:
		return NINEP_NO_FID;
	}
}

/*
 * A fid of that number is one whose Tdrop went with the server that died: the client had the number free, and uses it
 * again in a request that was in flight then.
 */
static void fid_made_free(struct ninep_call *c)
{
	uint32_t fid = fid_made(&c->in);
	struct ninep_fid *f = fid == NINEP_NO_FID ? NULL : ninep_fid_find(c->from, fid);

	if (!f)
		return;
	if (c->from->server->log)
		ninep_log_drop(c->from, fid);
	ninep_fid_remove(c->from, f);
}

/* The slot's next request, if it is not the same as before, says that that one was answered. */
static bool was_done(struct ninep_call *c)
{
	struct ninep_connection *n = c->from;
	struct ninep_answered *a = n->answered ? &n->answered[c->in.tag % NINEP_SLOTS] : NULL;
	struct ninep_message m;
	bool same;

	if (c->in.tag == NINEP_NO_TAG || !a || !a->length)
		return false;
	same = a->tag == c->in.tag && !ninep_decode(&m, n->link.dialect, a->bytes, a->length, NULL);
	a->length = 0;
	if (!same)
		return false;
	if (m.type == NINEP_TREAD && c->in.type == NINEP_TREAD) {
		c->in.tread.offset = m.tread.offset;
		c->in.tread.count = m.tread.count;
		return false;
	}
	if (m.type != c->in.type + 1)
		return false;
	ninep_reply(n, &m, c->packet->lent ? &c->packet->buffer : NULL);
	return true;
}

bool ninep_resumed(struct ninep_call *c)
{
	if (was_done(c))
		return true;
	fid_made_free(c);
	return false;
}
