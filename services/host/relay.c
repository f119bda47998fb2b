/* See relay.h. */
#include "services/host/relay.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/serve.h"
#include "services/host/fids.h"

#define REQUESTS_MAX 48 /* of clients under way; the other tags are for what the relay itself asks for */
#define OF_CLIENT_MAX 24
#define ORPHANS_MAX 8
#define SECONDS_MAX 30 /* an answer may take so long */
#define STUCK_MAX 16   /* that never came, before the server is given up */

struct source {
	struct fid_table fids;
	unsigned requests; /* under way */
};

struct request {
	struct ninep_request r;
	struct request *next;
	struct ninep_connection *from; /* NULL: nobody wants the answer */
	uint16_t tag;                  /* the client's */
	uint8_t type;
	uint16_t names; /* of a walk */
	bool lent;
	bool orphan; /* the relay's own, for a fid without an owner */
	struct bulk_buffer buffer;
	struct fid *makes, *ends;
	struct request *flushes; /* not NULL: which one this Tflush is for, if it is still there */
	cycles_t deadline;       /* 0: not set yet */
	uint8_t room[];          /* for what comes back and does not go into a buffer */
};

static struct ninep_client client;
static struct request *requests;
static unsigned underway, orphans_underway;
static const char *late;
static unsigned stuck; /* requests that nobody waits for any more */

/* --- which fids a message has -------------------------------------------------------------------------- */

/* What a request does to a fid in it. */
enum { USES = 1, MAKES, ENDS };

struct fid_fields {
	uint8_t first, second; /* USES ...; 0: it has no such fid */
	uint16_t first_at, second_at;
};

#define AT(member, name) offsetof(struct ninep_message, member.name)
#define ONE(TYPE, member, what) [NINEP_##TYPE] = { what, 0, AT(member, fid), 0 }
#define TWO(TYPE, member, one, other, what) [NINEP_##TYPE] = { USES, what, AT(member, one), AT(member, other) }

/* All that is relayed. */
static const struct fid_fields fields[NINEP_TYPES] = {
	ONE(TATTACH, tattach, MAKES),
	ONE(TSTATFS, tstatfs, USES),
	ONE(TLOPEN, tlopen, USES),
	ONE(TLCREATE, tlcreate, USES),
	ONE(TSYMLINK, tsymlink, USES),
	ONE(TMKNOD, tmknod, USES),
	TWO(TRENAME, trename, fid, dirfid, USES),
	ONE(TREADLINK, treadlink, USES),
	ONE(TGETATTR, tgetattr, USES),
	ONE(TSETATTR, tsetattr, USES),
	TWO(TXATTRWALK, txattrwalk, fid, newfid, MAKES),
	ONE(TXATTRCREATE, txattrcreate, USES),
	ONE(TREADDIR, treaddir, USES),
	ONE(TFSYNC, tfsync, USES),
	ONE(TLOCK, tlock, USES),
	ONE(TGETLOCK, tgetlock, USES),
	TWO(TLINK, tlink, dirfid, fid, USES),
	ONE(TMKDIR, tmkdir, USES),
	TWO(TRENAMEAT, trenameat, fid, newdirfid, USES),
	ONE(TUNLINKAT, tunlinkat, USES),
	TWO(TWALK, twalk, fid, newfid, MAKES),
	ONE(TREAD, tread, USES),
	ONE(TWRITE, twrite, USES),
	ONE(TCLUNK, tclunk, ENDS),
	ONE(TREMOVE, tremove, ENDS),
};

static uint32_t *field_at(struct ninep_message *m, uint16_t at) { return (uint32_t *)(void *)((char *)m + at); }

static struct source *source_of(struct ninep_connection *n) { return n->tag; }

/* One fid of a request in the device's numbers. */
static unsigned field_relay(struct request *q, struct fid_table *t, unsigned what, uint32_t *field)
{
	struct fid *f = fid_find(t, *field);
	unsigned error = 0;

	if (what == MAKES)
		error = fid_new(t, *field, &f);
	else if (!f || f->state != FID_HERE)
		error = NINEP_EBADF;
	if (error)
		return error;
	*field = f->device;
	if (what == MAKES)
		q->makes = f;
	if (what == ENDS) {
		q->ends = f;
		f->state = FID_GOING;
	}
	return 0;
}

static unsigned fids_relay(struct request *q, struct fid_table *t)
{
	const struct fid_fields *f = &fields[q->type];
	uint32_t *first = field_at(&q->r.m, f->first_at), *second = field_at(&q->r.m, f->second_at);
	bool same = q->type == NINEP_TWALK && *first == *second;
	unsigned error = field_relay(q, t, f->first, first);

	if (error || !f->second)
		return error;
	if (same) { /* a walk that moves the fid itself */
		*second = *first;
		return 0;
	}
	return field_relay(q, t, f->second, second);
}

/* --- requests -------------------------------------------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* The longest payload that can go back to the client, and into one answer of the device's. */
static uint32_t payload_most(const struct ninep_call *c)
{
	const struct ninep_link *l = &c->from->link;
	uint32_t most = c->packet->lent ? c->packet->buffer.length : least(l->msize, l->in_lines) - NINEP_PAYLOAD_HEAD;

	return least(most, client.link.msize - NINEP_IO_HEAD);
}

/* How much memory of its own an answer needs; what comes in a buffer needs none. */
static uint32_t room_wanted(struct ninep_call *c, uint32_t **count)
{
	*count = NULL;
	if (c->in.type == NINEP_TREAD)
		*count = &c->in.tread.count;
	if (c->in.type == NINEP_TREADDIR)
		*count = &c->in.treaddir.count;
	if (*count)
		**count = least(**count, payload_most(c));
	if (c->in.type == NINEP_TREADLINK)
		return NINEP_TARGET_MAX;
	return *count && !c->packet->lent ? **count : 0;
}

static struct request *request_new(struct ninep_call *c)
{
	uint32_t *count, room = room_wanted(c, &count);
	struct request *q = malloc(sizeof(*q) + room);

	if (!q)
		return NULL;
	*q = (struct request){ .from = c->from, .tag = c->in.tag, .type = c->in.type };
	q->r.m = c->in;
	q->lent = c->packet->lent;
	q->buffer = c->packet->buffer;
	q->r.room = room;
	q->r.into = room ? q->room : NULL;
	if (count && q->lent) {
		q->r.into = q->buffer.data;
		q->r.room = *count;
	}
	if (q->type == NINEP_TWALK)
		q->names = c->in.twalk.names.count;
	return q;
}

static void request_add(struct request *q)
{
	q->next = requests;
	requests = q;
	underway++;
	if (q->from)
		source_of(q->from)->requests++;
}

/* Nobody wants its answer any more; what it makes or ends is nobody's. */
static void request_disown(struct request *q)
{
	if (!q->from)
		return;
	source_of(q->from)->requests--;
	q->from = NULL;
	q->r.into = NULL; /* the client's buffers go */
	if (q->makes)
		fid_disown(q->makes);
	if (q->ends)
		fid_disown(q->ends);
}

static struct request *request_find(const struct ninep_connection *n, uint16_t tag)
{
	struct request *q = requests;

	while (q && (q->from != n || q->tag != tag))
		q = q->next;
	return q;
}

/* It did not go out: as if it had never been. */
static void request_undo(struct request *q)
{
	if (q->makes)
		fid_free(q->makes);
	if (q->ends)
		q->ends->state = FID_HERE;
	free(q);
}

/* --- answers ---------------------------------------------------------------------------------------------- */

static bool made(const struct request *q)
{
	return !q->r.error && (q->type != NINEP_TWALK || q->r.m.rwalk.qids.count == q->names);
}

/* Fids as the answer leaves them. */
static void fids_settle(struct request *q)
{
	struct fid *f = q->makes;

	if (q->ends)
		fid_free(q->ends);
	q->makes = q->ends = NULL;
	if (!f)
		return;
	f->state = FID_HERE;
	if (!made(q))
		fid_free(f);
	else if (!f->owner)
		fid_orphan(f);
}

/* A payload or text lies where it was to be put, no longer in the link's memory. */
static void payload_point(struct request *q)
{
	struct ninep_message *m = &q->r.m;

	if (m->type == NINEP_RREAD || m->type == NINEP_RREADDIR) {
		struct ninep_bytes *b = m->type == NINEP_RREAD ? &m->rread.data : &m->rreaddir.data;

		b->at = q->r.into;
		q->buffer.length = b->length;
	}
	if (m->type == NINEP_RREADLINK)
		m->rreadlink.target.at = q->r.into;
}

static void answer_send(struct request *q, unsigned error)
{
	const struct bulk_buffer *lent = q->lent ? &q->buffer : NULL;

	if (!q->from || q->from->dead)
		return;
	if (error) {
		ninep_reply_error(q->from, q->tag, error, lent);
		return;
	}
	payload_point(q);
	q->r.m.tag = q->tag;
	ninep_reply(q->from, &q->r.m, lent);
}

/* What a Tflush was for has been answered, or never will be: then the client hears so first. */
static void flush_settle(struct request *q)
{
	struct request *old = q->flushes;

	if (old && !old->r.done)
		ninep_abandon(&old->r, NINEP_EINTR);
}

static void request_end(struct request *q)
{
	for (struct request *other = requests; other; other = other->next)
		if (other->flushes == q)
			other->flushes = NULL;
	fids_settle(q);
	answer_send(q, q->r.error);
	request_disown(q);
	orphans_underway -= q->orphan;
	underway--;
	free(q);
}

/* Ends those that are done; false: none was. A flush is settled after what it was for. */
static bool requests_end(bool flushes)
{
	struct request **at = &requests, *q;
	bool some = false;

	while ((q = *at)) {
		if (!q->r.done || (q->type == NINEP_TFLUSH) != flushes) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		request_end(q);
		some = true;
	}
	return some;
}

static void requests_settle(void)
{
	requests_end(false);
	for (struct request *q = requests; q; q = q->next)
		if (q->type == NINEP_TFLUSH && q->r.done)
			flush_settle(q);
	requests_end(false);
	requests_end(true);
}

/* --- of clients ---------------------------------------------------------------------------------------------- */

static unsigned request_start(struct request *q)
{
	unsigned error = ninep_start(&client, &q->r);

	if (error) {
		request_undo(q);
		return error;
	}
	request_add(q);
	return NINEP_LATER;
}

static unsigned flush_relay(struct ninep_call *c)
{
	struct request *old = request_find(c->from, c->in.tflush.oldtag), *q;

	if (!old)
		return 0;
	q = request_new(c);
	if (!q)
		return NINEP_ENOMEM;
	q->r.m.tflush.oldtag = old->r.m.tag;
	q->flushes = old;
	return request_start(q);
}

static void source_forget(struct ninep_connection *n)
{
	for (struct request *q = requests; q; q = q->next)
		if (q->from == n)
			request_disown(q);
	if (n->tag)
		fids_end(&source_of(n)->fids);
}

static unsigned version_relay(struct ninep_call *c)
{
	unsigned error;

	source_forget(c->from);
	if (!c->from->tag)
		c->from->tag = calloc(1, sizeof(struct source));
	if (!c->from->tag)
		return NINEP_ENOMEM;
	c->in.tversion.msize = least(c->in.tversion.msize, client.link.msize);
	error = ninep_serve_version(c);
	if (!error && c->from->link.dialect != NINEP_LINUX) {
		/* The server speaks nothing else, and its words are not translated. */
		c->from->versioned = false;
		c->out.rversion.version = ninep_text("unknown");
	}
	return error;
}

static unsigned relay_serve(struct ninep_call *c)
{
	unsigned type = c->in.type, error;
	struct request *q;

	if (client.broken)
		return NINEP_EIO;
	if (type == NINEP_TVERSION)
		return version_relay(c);
	if (type == NINEP_TAUTH)
		return NINEP_ENOENT;
	if (request_find(c->from, c->in.tag))
		return NINEP_EINVAL;
	if (type == NINEP_TFLUSH)
		return flush_relay(c);
	if (!fields[type].first)
		return NINEP_EOPNOTSUPP;
	if (type == NINEP_TATTACH)
		c->in.tattach.afid = NINEP_NO_FID;
	q = request_new(c);
	if (!q)
		return NINEP_ENOMEM;
	error = fids_relay(q, &source_of(c->from)->fids);
	if (!error)
		return request_start(q);
	request_undo(q);
	return error;
}

static bool relay_room(struct ninep_connection *n)
{
	return underway - orphans_underway < REQUESTS_MAX && (!n->tag || source_of(n)->requests < OF_CLIENT_MAX);
}

/* Fids without an owner are clunked as there is room. */
static void orphans_clunk(void)
{
	struct request *q;
	struct fid *f;

	while (orphans_underway < ORPHANS_MAX && !client.broken && (q = calloc(1, sizeof(*q)))) {
		f = fid_next_orphan();
		if (!f) {
			free(q);
			return;
		}
		q->type = q->r.m.type = NINEP_TCLUNK;
		q->orphan = true;
		q->r.m.tclunk.fid = f->device;
		q->ends = f;
		if (ninep_start(&client, &q->r)) {
			fid_orphan(f);
			free(q);
			return;
		}
		orphans_underway++;
		request_add(q);
	}
}

static void relay_gone(struct ninep_connection *n)
{
	source_forget(n);
	free(n->tag);
	n->tag = NULL;
	orphans_clunk();
}

const struct ninep_relay relay_clients = { .serve = relay_serve, .room = relay_room, .gone = relay_gone };

/* --- turns ------------------------------------------------------------------------------------------------ */

unsigned relay_begin(const struct ninep_link *l) { return ninep_begin(&client, l); }

/* The client hears that it takes too long; tag and fids stay taken until the answer comes after all. */
static void request_late(struct request *q)
{
	late = ninep_type_name(q->type);
	answer_send(q, NINEP_ETIMEDOUT);
	request_disown(q);
}

cycles_t relay_turn(cycles_t now, uint64_t hz)
{
	cycles_t next = 0;

	stuck = 0;
	ninep_poll(&client);
	requests_settle();
	orphans_clunk();
	for (struct request *q = requests; q; q = q->next) {
		if (!q->deadline)
			q->deadline = now + SECONDS_MAX * hz;
		if (q->from && q->deadline <= now)
			request_late(q);
		stuck += !q->from && q->deadline <= now;
		if (q->from && (!next || q->deadline < next))
			next = q->deadline;
	}
	return next || !requests ? next : now + hz;
}

bool relay_ended(void) { return (client.broken && !requests) || stuck >= STUCK_MAX; }

const char *relay_late(void)
{
	const char *name = late;

	late = NULL;
	return name;
}
