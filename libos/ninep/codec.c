/*
 * Messages to bytes and back, by the table of message.h. Pure; no allocation, no state.
 *
 * A cursor never leaves its buffer: what does not fit sets `bad` and moves nothing, so what is bad may go on.
 */
#include "libos/ninep/message.h"

#include <stddef.h>
#include <string.h>

enum kind { END, U8, U16, U32, U64, N32, TEXT, QID, DATA, STAT, NAMES, QIDS };

struct field {
	uint16_t kind;
	uint16_t at; /* in struct ninep_message */
};

struct layout {
	const char *name; /* NULL: no such type */
	const struct field *fields;
};

#define FIELD(member, kind, name) { kind, offsetof(struct ninep_message, member.name) },
#define FIELDS(number, NAME, member, fields) static const struct field fields_##member[] = { fields{ END, 0 } };
NINEP_MESSAGES(FIELDS, FIELD)

static const struct layout layouts[NINEP_TYPES] = {
#define LAYOUT(number, NAME, member, fields) [number] = { #NAME, fields_##member },
	NINEP_MESSAGES(LAYOUT, )
};

/* A stat record without its size[2], and an entry of a directory. */
static const struct field stat_fields[] = {
	{ U16, offsetof(struct ninep_stat, type) },   { U32, offsetof(struct ninep_stat, dev) },
	{ QID, offsetof(struct ninep_stat, qid) },    { U32, offsetof(struct ninep_stat, mode) },
	{ U32, offsetof(struct ninep_stat, atime) },  { U32, offsetof(struct ninep_stat, mtime) },
	{ U64, offsetof(struct ninep_stat, length) }, { TEXT, offsetof(struct ninep_stat, name) },
	{ TEXT, offsetof(struct ninep_stat, uid) },   { TEXT, offsetof(struct ninep_stat, gid) },
	{ TEXT, offsetof(struct ninep_stat, muid) },  { END, 0 },
};
static const struct field dirent_fields[] = {
	{ QID, offsetof(struct ninep_dirent, qid) },
	{ U64, offsetof(struct ninep_dirent, offset) },
	{ U8, offsetof(struct ninep_dirent, type) },
	{ TEXT, offsetof(struct ninep_dirent, name) },
	{ END, 0 },
};

const char *ninep_type_name(unsigned type)
{
	return type < NINEP_TYPES && layouts[type].name ? layouts[type].name : "unknown";
}

/* --- to bytes --------------------------------------------------------------------------------- */

struct writer {
	uint8_t *at, *end;
	uint32_t apart; /* bytes of the payload that were not written */
	bool bad;
};

/* Inlined, so that numbers are single moves and not calls of memcpy. */
static inline __attribute__((always_inline)) void put(struct writer *w, const void *bytes, uint32_t n)
{
	if (n > (size_t)(w->end - w->at)) {
		w->bad = true;
		return;
	}
	if (n) /* an empty text may have no address */
		memcpy(w->at, bytes, n);
	w->at += n;
}

static __attribute__((noinline)) void put_text(struct writer *w, const struct ninep_text *t)
{
	put(w, &t->length, sizeof(t->length));
	put(w, t->at, t->length);
}

static __attribute__((noinline)) void put_qid(struct writer *w, const struct ninep_qid *q)
{
	put(w, &q->type, sizeof(q->type));
	put(w, &q->version, sizeof(q->version));
	put(w, &q->path, sizeof(q->path));
}

static inline __attribute__((always_inline)) void put_data(struct writer *w, const struct ninep_bytes *b, bool apart)
{
	put(w, &b->length, sizeof(b->length));
	if (apart)
		w->apart = b->length;
	else
		put(w, b->at, b->length);
}

static __attribute__((noinline)) void put_stat(struct writer *w, const struct ninep_bytes *b)
{
	uint16_t length = (uint16_t)b->length;

	w->bad |= b->length > UINT16_MAX;
	put(w, &length, sizeof(length));
	put(w, b->at, b->length);
}

static __attribute__((noinline)) void put_names(struct writer *w, const struct ninep_names *n)
{
	w->bad |= n->count > NINEP_NAMES;
	put(w, &n->count, sizeof(n->count));
	for (unsigned i = 0; i < n->count && !w->bad; i++)
		put_text(w, &n->name[i]);
}

static __attribute__((noinline)) void put_qids(struct writer *w, const struct ninep_qids *q)
{
	w->bad |= q->count > NINEP_NAMES;
	put(w, &q->count, sizeof(q->count));
	for (unsigned i = 0; i < q->count && !w->bad; i++)
		put_qid(w, &q->qid[i]);
}

static inline __attribute__((always_inline)) void put_field(struct writer *w, unsigned kind, const void *from,
							    enum ninep_dialect dialect, bool apart)
{
	switch (kind) {
	case U8:
		return put(w, from, 1);
	case U16:
		return put(w, from, 2);
	case N32:
		if (dialect == NINEP_PLAIN)
			return;
		/* fall through */
	case U32:
		return put(w, from, 4);
	case U64:
		return put(w, from, 8);
	case TEXT:
		return put_text(w, from);
	case QID:
		return put_qid(w, from);
	case DATA:
		return put_data(w, from, apart);
	case STAT:
		return put_stat(w, from);
	case NAMES:
		return put_names(w, from);
	default:
		return put_qids(w, from);
	}
}

/* A case for each message that is used much, its fields one after the other. */
#define HOT(number, NAME, member, fields) \
	case NINEP_##NAME:                \
		fields break;
#define PUT(member, kind, name) put_field(&w, kind, &m->member.name, dialect, apart);
#define GET(member, kind, name) get_field(&r, kind, &m->member.name, dialect);

uint32_t ninep_encode(const struct ninep_message *m, enum ninep_dialect dialect, bool apart, uint8_t *out,
		      uint32_t room)
{
	struct writer w = { out + NINEP_HEADER, out + room, 0, false };
	uint32_t length;

	if (room < NINEP_HEADER || m->type >= NINEP_TYPES || !layouts[m->type].name)
		return 0;
	switch (m->type) {
		NINEP_HOT_MESSAGES(HOT, PUT)
	default:
		for (const struct field *f = layouts[m->type].fields; f->kind != END; f++)
			put_field(&w, f->kind, (const char *)m + f->at, dialect, apart);
	}
	length = (uint32_t)(w.at - out);
	if (w.bad || w.apart > INT32_MAX)
		return 0;
	ninep_put32(out, length + w.apart);
	out[4] = m->type;
	memcpy(out + 5, &m->tag, sizeof(m->tag));
	return length;
}

static uint32_t record_put(const struct field *f, const void *from, void *out, uint32_t room)
{
	struct writer w = { out, (uint8_t *)out + room, 0, false };

	for (; f->kind != END; f++)
		put_field(&w, f->kind, (const char *)from + f->at, NINEP_LINUX, false);
	return w.bad ? 0 : (uint32_t)(w.at - (uint8_t *)out);
}

uint32_t ninep_dirent_put(const struct ninep_dirent *d, void *out, uint32_t room)
{
	return record_put(dirent_fields, d, out, room);
}

uint32_t ninep_stat_put(const struct ninep_stat *s, void *out, uint32_t room)
{
	uint32_t length = room > 2 ? record_put(stat_fields, s, (uint8_t *)out + 2, room - 2) : 0;
	uint16_t size = (uint16_t)length;

	if (!length || length > UINT16_MAX)
		return 0;
	memcpy(out, &size, sizeof(size));
	return length + 2;
}

/* --- from bytes ------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *at, *end;
	const struct ninep_bytes *payload; /* NULL: it is in the message */
	bool taken;                        /* ... is a field's */
	bool bad;
};

static inline __attribute__((always_inline)) const uint8_t *skip(struct reader *r, uint32_t n)
{
	const uint8_t *at = r->at;

	if (n > (size_t)(r->end - at)) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return at;
}

static inline __attribute__((always_inline)) void get(struct reader *r, void *into, uint32_t n)
{
	const uint8_t *at = skip(r, n);

	if (at)
		memcpy(into, at, n);
	else
		memset(into, 0, n);
}

static __attribute__((noinline)) void get_text(struct reader *r, struct ninep_text *t)
{
	get(r, &t->length, sizeof(t->length));
	t->at = (const char *)skip(r, t->length);
	if (!t->at) {
		r->bad = true;
		return;
	}
	/* No name has a NUL in it; whoever makes a C text of it would see another one. Most are short. */
	for (const char *at = t->at, *end = at + t->length; at < end; at++)
		if (!*at)
			r->bad = true;
}

static __attribute__((noinline)) void get_qid(struct reader *r, struct ninep_qid *q)
{
	get(r, &q->type, sizeof(q->type));
	get(r, &q->version, sizeof(q->version));
	get(r, &q->path, sizeof(q->path));
}

static inline __attribute__((always_inline)) void get_data(struct reader *r, struct ninep_bytes *b)
{
	get(r, &b->length, sizeof(b->length));
	if (r->payload) {
		r->bad |= b->length != r->payload->length;
		r->taken = true;
		b->at = r->payload->at;
	} else {
		b->at = skip(r, b->length);
	}
}

static __attribute__((noinline)) void get_stat(struct reader *r, struct ninep_bytes *b)
{
	uint16_t length;

	get(r, &length, sizeof(length));
	b->length = length;
	b->at = skip(r, length);
}

static __attribute__((noinline)) void get_names(struct reader *r, struct ninep_names *n)
{
	get(r, &n->count, sizeof(n->count));
	r->bad |= n->count > NINEP_NAMES;
	for (unsigned i = 0; i < n->count && !r->bad; i++)
		get_text(r, &n->name[i]);
}

static __attribute__((noinline)) void get_qids(struct reader *r, struct ninep_qids *q)
{
	get(r, &q->count, sizeof(q->count));
	r->bad |= q->count > NINEP_NAMES;
	for (unsigned i = 0; i < q->count && !r->bad; i++)
		get_qid(r, &q->qid[i]);
}

static inline __attribute__((always_inline)) void get_field(struct reader *r, unsigned kind, void *into,
							    enum ninep_dialect dialect)
{
	switch (kind) {
	case U8:
		return get(r, into, 1);
	case U16:
		return get(r, into, 2);
	case N32:
		if (dialect == NINEP_PLAIN) {
			memset(into, 0xff, 4);
			return;
		}
		/* fall through */
	case U32:
		return get(r, into, 4);
	case U64:
		return get(r, into, 8);
	case TEXT:
		return get_text(r, into);
	case QID:
		return get_qid(r, into);
	case DATA:
		return get_data(r, into);
	case STAT:
		return get_stat(r, into);
	case NAMES:
		return get_names(r, into);
	default:
		return get_qids(r, into);
	}
}

err_t ninep_decode(struct ninep_message *m, enum ninep_dialect dialect, const uint8_t *in, uint32_t length,
		   const struct ninep_bytes *payload)
{
	struct reader r = { in + NINEP_HEADER, in + length, payload, false, false };

	m->type = 0;
	m->tag = NINEP_NO_TAG;
	if (length < NINEP_HEADER)
		return ERR_MESSAGE;
	m->type = in[4];
	memcpy(&m->tag, in + 5, sizeof(m->tag));
	if ((uint64_t)length + (payload ? payload->length : 0) != ninep_get32(in))
		return ERR_MESSAGE;
	if (m->type >= NINEP_TYPES || !layouts[m->type].name)
		return ERR_UNSUPPORTED;
	switch (m->type) {
		NINEP_HOT_MESSAGES(HOT, GET)
	default:
		for (const struct field *f = layouts[m->type].fields; f->kind != END && !r.bad; f++)
			get_field(&r, f->kind, (char *)m + f->at, dialect);
	}
	return r.bad || r.at != r.end || (payload && !r.taken) ? ERR_MESSAGE : ERR_OK;
}

static uint32_t record_get(const struct field *f, void *into, const uint8_t *in, uint32_t length)
{
	struct reader r = { in, in + length, NULL, false, false };

	for (; f->kind != END && !r.bad; f++)
		get_field(&r, f->kind, (char *)into + f->at, NINEP_LINUX);
	return r.bad ? 0 : (uint32_t)(r.at - in);
}

uint32_t ninep_dirent_get(struct ninep_dirent *d, const void *in, uint32_t length)
{
	return record_get(dirent_fields, d, in, length);
}

uint32_t ninep_stat_get(struct ninep_stat *s, const void *in, uint32_t length)
{
	uint16_t size;

	if (length < sizeof(size))
		return 0;
	memcpy(&size, in, sizeof(size));
	if (!size || size > length - sizeof(size) || record_get(stat_fields, s, (const uint8_t *)in + 2, size) != size)
		return 0;
	return size + 2u;
}
