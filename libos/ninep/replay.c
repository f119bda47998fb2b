/* The mirror's side of log.h: a record becomes what the request in it was. */
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/log.h"
#include "libos/ninep/serve.h"
#include "libos/ninep/share.h"

#define SHARED_MOST (UINT32_C(1) << 22)

/* --- shadows ---------------------------------------------------------------------------------------- */

struct ninep_connection *ninep_shadow_find(struct ninep_server *s, uint64_t number)
{
	struct ninep_connection **at = &s->shadows, *n;

	while (*at && (*at)->number != number)
		at = &(*at)->next;
	n = *at;
	if (n) { /* the next record is mostly of the same one */
		*at = n->next;
		n->next = s->shadows;
		s->shadows = n;
	}
	return n;
}

struct ninep_connection *ninep_shadow_make(struct ninep_server *s, uint64_t number)
{
	struct ninep_connection *n = aligned_alloc(CACHE_LINE, (sizeof(*n) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);

	if (!n)
		return NULL;
	memset(n, 0, sizeof(*n));
	n->server = s;
	n->root = s->root;
	n->number = number;
	n->versioned = n->ours = true;
	n->link.dialect = NINEP_LINUX;
	n->next = s->shadows;
	s->shadows = n;
	return n;
}

void ninep_shadow_free(struct ninep_connection *n)
{
	struct ninep_connection **at = &n->server->shadows;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	ninep_fids_clear(n);
	ninep_tokens_clear(n);
	ninep_answered_free(n);
	if (n->server->log)
		ninep_log_end(n);
	free(n);
}

void ninep_shadows_end(struct ninep_server *s, uint64_t pid)
{
	struct ninep_connection *n = s->shadows, *next;

	for (; n; n = next) {
		next = n->next;
		if (pid ? n->pid == pid : !n->secret[0])
			ninep_shadow_free(n);
	}
}

/* --- answers ------------------------------------------------------------------------------------------ */

void ninep_answered_free(struct ninep_connection *n)
{
	for (unsigned i = 0; n->answered && i < NINEP_SLOTS; i++)
		free(n->answered[i].bytes);
	free(n->answered);
	n->answered = NULL;
}

static bool bytes_keep(struct ninep_connection *n, uint16_t tag, const void *bytes, uint32_t length)
{
	struct ninep_answered *a;
	uint8_t *more;

	if (!n->answered)
		n->answered = calloc(NINEP_SLOTS, sizeof(*n->answered));
	if (!n->answered || length > UINT16_MAX)
		return false;
	a = &n->answered[tag % NINEP_SLOTS];
	more = a->room < length ? realloc(a->bytes, length) : a->bytes;
	if (!more)
		return false;
	a->bytes = more;
	a->room = a->room < length ? (uint16_t)length : a->room;
	memcpy(a->bytes, bytes, length);
	a->tag = tag;
	a->length = (uint16_t)length;
	return true;
}

bool ninep_answer_keep(struct ninep_connection *n, const struct ninep_message *m, enum ninep_dialect dialect)
{
	uint8_t bytes[NINEP_HEADER + 2 + NINEP_NAMES * NINEP_QID_BYTES]; /* Rwalk is the longest */
	uint32_t length;

	if (m->tag == NINEP_NO_TAG || !n->secret[0])
		return true;
	length = ninep_encode(m, dialect, false, bytes, sizeof(bytes));
	return length && bytes_keep(n, m->tag, bytes, length);
}

/* --- requests -------------------------------------------------------------------------------------------- */

/* The mirror gives no payloads, and makes no tokens of its own: those requests are done by their results. */
static unsigned replay_read(struct ninep_call *c, const struct ninep_record *r)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tread.fid);

	if (!f || !f->shared || f->shared->offset != c->in.tread.offset)
		return NINEP_EPROTO;
	ninep_advance(c->from, f, false, (uint32_t)r->result[0]);
	c->in.tread.count = (uint32_t)r->result[0];
	c->out = c->in;
	return 0;
}

static unsigned replay_pass(struct ninep_call *c, const struct ninep_record *r)
{
	struct ninep_fid *f = ninep_fid_find(c->from, c->in.tpass.fid);

	if (!f || !f->open)
		return NINEP_EPROTO;
	if (!f->shared)
		f->shared = ninep_shared_make(&f->file, f->flags, c->in.tpass.offset);
	if (!f->shared)
		return NINEP_ENOMEM;
	c->out.rpass.high = r->result[0];
	c->out.rpass.low = r->result[1];
	return ninep_token_add(c->from, f->shared, r->result);
}

static unsigned replay_serve(struct ninep_call *c, const struct ninep_record *r)
{
	unsigned error;

	switch (c->in.type) {
	case NINEP_TREAD:
		return replay_read(c, r);
	case NINEP_TPASS:
		return replay_pass(c, r);
	case NINEP_TVERSION:
		ninep_fids_clear(c->from);
		return 0;
	case NINEP_TDROP:
		ninep_fid_drop(c, c->in.tdrop.fid);
		return 0;
	case NINEP_TWRITE:
		error = ninep_serve_write(c);
		return error || c->out.rwrite.count != r->result[0] ? NINEP_EPROTO : 0;
	case NINEP_TLOCK:
		error = ninep_serve_of(NINEP_TLOCK)(c);
		return error || c->out.rlock.status ? NINEP_EPROTO : 0;
	case NINEP_TCLUNK:
		(void)ninep_serve_clunk(c); /* a FIFO's may not be there */
		return 0;
	default:
		return ninep_serve_of(c->in.type) ? ninep_serve_of(c->in.type)(c) : NINEP_EPROTO;
	}
}

static unsigned replay_request(struct ninep_connection *n, const struct ninep_record *r, const void *message,
			       const void *payload)
{
	struct ninep_bytes apart = { payload, r->payload };
	struct ninep_packet packet = { .head = message, .length = r->length };
	struct ninep_call c;

	c.from = n;
	c.packet = &packet;
	c.here = false;
	n->link.dialect = (enum ninep_dialect)r->dialect;
	if (ninep_decode(&c.in, n->link.dialect, message, r->length, payload ? &apart : NULL))
		return NINEP_EPROTO;
	c.out.type = c.in.type + 1;
	c.out.tag = c.in.tag;
	if (replay_serve(&c, r))
		return NINEP_EPROTO;
	return ninep_answer_keep(n, &c.out, n->link.dialect) ? 0 : NINEP_EPROTO;
}

/* --- the whole state --------------------------------------------------------------------------------------- */

static struct ninep_shared *shared_of(const struct ninep_replay *p, uint64_t number)
{
	return number && number <= p->shared_count ? p->shared[number - 1] : NULL;
}

static unsigned load_shared(struct ninep_replay *p, const struct ninep_saved *s)
{
	struct ninep_shared **more;
	struct ninep_file file;

	if (s->shared != p->shared_count + 1 || s->shared > SHARED_MOST || !p->find(p->arg, s->path, s->flags, &file))
		return NINEP_EPROTO;
	more = realloc(p->shared, s->shared * sizeof(*more));
	if (!more)
		return NINEP_ENOMEM;
	p->shared = more;
	p->shared[p->shared_count] = ninep_shared_make(&file, s->flags, s->offset);
	if (!p->shared[p->shared_count])
		return NINEP_ENOMEM;
	p->shared_count++;
	return 0;
}

static unsigned load_fid(struct ninep_replay *p, struct ninep_connection *n, const struct ninep_saved *s)
{
	struct ninep_shared *shared = shared_of(p, s->shared);
	struct ninep_file file;
	struct ninep_fid *f;

	if (!p->find(p->arg, s->path, s->flags, &file) || (s->shared && !shared) || ninep_fid_add(n, s->fid, &file))
		return NINEP_EPROTO;
	f = ninep_fid_find(n, s->fid);
	if (shared) {
		ninep_fid_share(f, shared);
	} else if (s->open) {
		f->open = true;
		f->flags = s->flags;
	}
	return 0;
}

static unsigned load_saved(struct ninep_replay *p, struct ninep_connection *n, const struct ninep_record *r,
			   const void *payload)
{
	struct ninep_saved s;

	if (r->payload != sizeof(s))
		return NINEP_EPROTO;
	memcpy(&s, payload, sizeof(s));
	return r->kind == NINEP_RECORD_SHARED ? load_shared(p, &s) : load_fid(p, n, &s);
}

static unsigned load_token(struct ninep_replay *p, struct ninep_connection *n, const struct ninep_record *r)
{
	struct ninep_shared *s = shared_of(p, r->time[0]);

	return s ? ninep_token_add(n, s, r->result) : NINEP_EPROTO;
}

static unsigned load_answer(struct ninep_connection *n, const struct ninep_record *r, const void *message)
{
	uint16_t tag;

	if (r->length < NINEP_HEADER)
		return NINEP_EPROTO;
	memcpy(&tag, (const char *)message + 5, sizeof(tag));
	return bytes_keep(n, tag, message, r->length) ? 0 : NINEP_ENOMEM;
}

/* From now on the shared files are those' that have them. */
void ninep_replay_end(struct ninep_replay *p)
{
	for (uint32_t i = 0; i < p->shared_count; i++)
		ninep_shared_drop(p->shared[i]);
	free(p->shared);
	p->shared = NULL;
	p->shared_count = 0;
}

/* --- records --------------------------------------------------------------------------------------------------- */

static unsigned forget(struct ninep_connection *n, uint64_t tag)
{
	if (n->answered)
		n->answered[tag % NINEP_SLOTS].length = 0;
	return 0;
}

static unsigned session(struct ninep_connection *n, const struct ninep_record *r)
{
	n->secret[0] = r->result[0];
	n->secret[1] = r->result[1];
	n->pid = r->time[0];
	return 0;
}

static unsigned whole(struct ninep_replay *p, const struct ninep_record *r)
{
	p->server->numbers = r->result[0];
	ninep_replay_end(p);
	return 0;
}

unsigned ninep_replay(struct ninep_replay *p, const struct ninep_record *r, const void *message, const void *payload)
{
	struct ninep_connection *n;

	if (r->kind == NINEP_RECORD_WHOLE)
		return whole(p, r);
	n = ninep_shadow_find(p->server, r->connection);
	if (r->kind == NINEP_RECORD_END) {
		if (n)
			ninep_shadow_free(n);
		return 0;
	}
	if (!n)
		n = ninep_shadow_make(p->server, r->connection);
	if (!n)
		return NINEP_ENOMEM;
	if (r->connection > p->server->numbers)
		p->server->numbers = r->connection;
	switch (r->kind) {
	case NINEP_RECORD_REQUEST:
		p->clock(p->arg, r->time);
		return replay_request(n, r, message, payload);
	case NINEP_RECORD_FORGET:
		return forget(n, r->result[0]);
	case NINEP_RECORD_SESSION:
		return session(n, r);
	case NINEP_RECORD_SHARED:
	case NINEP_RECORD_FID:
		return load_saved(p, n, r, payload);
	case NINEP_RECORD_TOKEN:
		return load_token(p, n, r);
	case NINEP_RECORD_ANSWER:
		return load_answer(n, r, message);
	default:
		return NINEP_EPROTO;
	}
}
