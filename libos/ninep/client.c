/*
 * The client's requests: tags, answers, buffers, sessions. What is done to files is in client_file.c.
 *
 * An answer is read where it lies and what it points to is copied to where the caller wants it,
 * before the link is used again. The peer is not trusted: an answer that fits no request is dropped, one of the wrong
 * type or longer than asked for is EPROTO.
 */
#include "libos/ninep/client.h"

#include <stdlib.h>
#include <string.h>

#define TURNS 1023 /* of a tag: with one more there would be NINEP_NO_TAG */

/* --- buffers ------------------------------------------------------------------------------------ */

unsigned ninep_buffer_take(struct ninep_client *c, struct bulk_buffer *b)
{
	if (!c->link.bulk)
		return NINEP_EOPNOTSUPP;
	return bulk_alloc(&c->link.pool, b) ? NINEP_EAGAIN : 0;
}

void ninep_buffer_free(struct ninep_client *c, const struct bulk_buffer *b) { bulk_free(&c->link.pool, b); }

static void request_buffer_free(struct ninep_request *r)
{
	if (r->lent && !r->kept)
		bulk_free(&r->client->link.pool, &r->buffer);
	r->lent = false;
}

/* --- answers ------------------------------------------------------------------------------------ */

void ninep_request_end(struct ninep_request *r, unsigned error)
{
	struct ninep_client *c = r->client;

	c->flight[r->tag] = NULL;
	c->tags &= ~(UINT64_C(1) << r->tag);
	r->error = error;
	r->done = true;
}

static void client_broken(struct ninep_client *c, unsigned error)
{
	if (!c->broken)
		c->broken = error;
	for (unsigned tag = 0; tag < NINEP_TAGS; tag++)
		if (c->flight[tag])
			ninep_request_end(c->flight[tag], error);
}

/* The link has ended: at once, or when nobody waits there any more, we go on at the server's heir, if there is one. */
static void link_lost(struct ninep_client *c)
{
	if (c->broken || (c->again && c->held))
		return;
	if (!c->again || ninep_resume(c))
		client_broken(c, NINEP_ECONNRESET);
}

/* A payload or text goes where the caller wants it. */
static unsigned bytes_place(struct ninep_request *r, const void *at, uint32_t length)
{
	if (length > r->room)
		return NINEP_EPROTO;
	if (!r->into)
		return 0;
	memcpy(r->into, at, length);
	r->client->copies++;
	r->client->copied += length;
	return 0;
}

static unsigned answer_place(struct ninep_request *r)
{
	struct ninep_message *m = &r->m;

	switch (m->type) {
	case NINEP_RREAD:
		return bytes_place(r, m->rread.data.at, m->rread.data.length);
	case NINEP_RREADDIR:
		return bytes_place(r, m->rreaddir.data.at, m->rreaddir.data.length);
	case NINEP_RREADLINK:
		return bytes_place(r, m->rreadlink.target.at, m->rreadlink.target.length);
	case NINEP_RVERSION:
		return bytes_place(r, m->rversion.version.at, m->rversion.version.length);
	default:
		return 0;
	}
}

static unsigned answer_error(struct ninep_request *r, uint8_t asked, err_t decoded)
{
	if (decoded)
		return NINEP_EPROTO;
	if (r->m.type == NINEP_RLERROR)
		return r->m.rlerror.ecode ? r->m.rlerror.ecode : NINEP_EPROTO;
	return r->m.type == asked + 1 ? answer_place(r) : NINEP_EPROTO;
}

/* The request that a message answers; Tversion, which has no tag, is the first of all. */
static struct ninep_request *answered(struct ninep_client *c, const struct ninep_packet *p)
{
	struct ninep_request *r;
	uint16_t tag;

	if (p->length < NINEP_HEADER)
		return NULL;
	memcpy(&tag, p->head + 5, sizeof(tag));
	r = c->flight[tag == NINEP_NO_TAG ? 0 : tag % NINEP_TAGS];
	return r && r->m.tag == tag ? r : NULL;
}

static void packet_take(struct ninep_client *c, const struct ninep_packet *p)
{
	struct ninep_bytes apart = { p->buffer.data, p->payload };
	struct ninep_request *r = answered(c, p);
	bool its = r && p->lent == r->lent && (!p->lent || p->buffer.index == r->buffer.index);
	uint8_t asked;
	err_t err;

	/* A buffer that comes with the wrong answer is ours again all the same. */
	if (p->lent && !its)
		bulk_free(&c->link.pool, &p->buffer);
	if (!r)
		return;
	asked = r->m.type;
	err = ninep_decode(&r->m, NINEP_LINUX, p->head, p->length, p->apart ? &apart : NULL);
	ninep_request_end(r, p->too_long || !its ? NINEP_EPROTO : answer_error(r, asked, err));
}

static err_t link_take(struct ninep_client *c)
{
	struct ninep_packet p;
	err_t err = c->broken ? ERR_CLOSED : c->link.ops->receive(&c->link, &p);

	if (!err)
		packet_take(c, &p);
	else if (err != ERR_AGAIN)
		link_lost(c);
	return err;
}

void ninep_poll(struct ninep_client *c)
{
	if (!c->broken && ninep_link_stalled(&c->link))
		(void)c->link.ops->push(&c->link); /* what breaks it is seen by receiving, too */
	while (!link_take(c))
		;
}

/* Takes an answer, or waits until there may be one, or room for what is to be sent. */
static void client_wait(struct ninep_client *c)
{
	err_t err = ERR_OK;

	if (c->wait) {
		c->wait(c);
		return;
	}
	if (ninep_link_stalled(&c->link))
		err = c->link.ops->push(&c->link);
	if (!err || err == ERR_AGAIN) {
		err = link_take(c);
		if (err != ERR_AGAIN)
			return; /* there was one, or it has been seen to */
		err = c->link.ops->wait(&c->link, 0);
	}
	if (err && err != ERR_AGAIN && err != ERR_TIMEOUT)
		link_lost(c);
}

/* --- requests ----------------------------------------------------------------------------------- */

/* The next of those that one place of the table has in turn: so the heir knows one that comes again. */
static uint16_t tag_next(struct ninep_client *c, unsigned tag)
{
	uint16_t turn = c->turn[tag];

	c->turn[tag] = turn == TURNS - 1 ? 0 : turn + 1;
	return (uint16_t)(tag | turn * NINEP_TAGS);
}

static bool is_untagged(unsigned type) { return type == NINEP_TVERSION || type == NINEP_TSESSION; }

static unsigned tag_take(struct ninep_client *c, struct ninep_request *r)
{
	unsigned tag;

	while (!c->broken && !~c->tags)
		client_wait(c);
	if (c->broken)
		return c->broken;
	tag = (unsigned)__builtin_ctzll(~c->tags);
	c->tags |= UINT64_C(1) << tag;
	c->flight[tag] = r;
	r->client = c;
	r->tag = tag;
	r->m.tag = (uint16_t)(is_untagged(r->m.type) ? NINEP_NO_TAG : c->secret[0] ? tag_next(c, tag) : tag);
	r->done = false;
	return 0;
}

/* It did not go out. */
static unsigned start_failed(struct ninep_request *r, err_t err)
{
	unsigned error = ninep_error_of(err);

	if (err == ERR_TOO_LONG || err == ERR_NO_MEMORY || !r->client->again)
		ninep_request_end(r, error);
	if (err != ERR_TOO_LONG && err != ERR_NO_MEMORY)
		link_lost(r->client);
	return r->done ? r->error : 0;
}

unsigned ninep_start(struct ninep_client *c, struct ninep_request *r)
{
	unsigned error = tag_take(c, r);
	err_t err;

	if (error) {
		r->client = c;
		r->done = true;
		r->error = error;
		return error;
	}
	err = c->link.ops->send(&c->link, &r->m, r->lent ? &r->buffer : NULL);
	return err ? start_failed(r, err) : 0;
}

unsigned ninep_finish(struct ninep_request *r)
{
	while (!r->done)
		client_wait(r->client);
	request_buffer_free(r);
	return r->error;
}

/* Alone on the link, and the carrier has a quick way there and back. */
static bool may_exchange(const struct ninep_client *c)
{
	return !c->tags && !c->broken && c->link.ops->exchange && !ninep_link_stalled(&c->link);
}

unsigned ninep_request(struct ninep_client *c, struct ninep_request *r)
{
	struct ninep_packet p;
	err_t err;

	if (!may_exchange(c)) {
		(void)ninep_start(c, r);
		return ninep_finish(r);
	}
	(void)tag_take(c, r);
	err = c->link.ops->exchange(&c->link, &r->m, r->lent ? &r->buffer : NULL, &p);
	if (!err)
		packet_take(c, &p);
	else if (err != ERR_AGAIN)
		(void)start_failed(r, err);
	return ninep_finish(r);
}

void ninep_abandon(struct ninep_request *r, unsigned error)
{
	if (!r->done)
		ninep_request_end(r, error);
}

unsigned ninep_flush(struct ninep_request *r)
{
	struct ninep_request flush = { .m.type = NINEP_TFLUSH };
	unsigned error;

	if (r->done)
		return ninep_finish(r);
	flush.m.tflush.oldtag = r->m.tag;
	error = ninep_request(r->client, &flush);
	/* A server that says nothing more about it has forgotten it. */
	if (!r->done)
		ninep_request_end(r, error ? error : NINEP_EINTR);
	return ninep_finish(r);
}

/* --- payloads ----------------------------------------------------------------------------------- */

/* The longest payload that goes in the message itself. */
static uint32_t inline_most(const struct ninep_client *c)
{
	uint32_t most = c->link.msize - NINEP_IO_HEAD, here = c->link.in_lines - NINEP_PAYLOAD_HEAD;

	return most < here ? most : here;
}

void ninep_lend(struct ninep_client *c, struct ninep_request *r, uint32_t *count)
{
	uint32_t most = c->link.msize - NINEP_IO_HEAD;

	r->lent = *count > NINEP_SHORT && !ninep_buffer_take(c, &r->buffer);
	r->kept = false;
	if (!r->lent)
		most = inline_most(c);
	else if (most > NINEP_BUFFER_BYTES)
		most = NINEP_BUFFER_BYTES;
	if (*count > most)
		*count = most;
	r->buffer.length = *count;
}

void ninep_read_prepare(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset, void *into,
			uint32_t count)
{
	ninep_lend(c, r, &count);
	r->into = into;
	r->room = count;
	r->m.type = NINEP_TREAD;
	r->m.tread.fid = fid;
	r->m.tread.offset = offset;
	r->m.tread.count = count;
}

unsigned ninep_read_start(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset, void *into,
			  uint32_t count)
{
	ninep_read_prepare(c, r, fid, offset, into, count);
	return ninep_start(c, r);
}

void ninep_write_prepare(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset,
			 const void *from, uint32_t count)
{
	ninep_lend(c, r, &count);
	if (r->lent)
		memcpy(r->buffer.data, from, count);
	c->copies++;
	c->copied += count;
	r->into = NULL;
	r->room = 0;
	r->m.type = NINEP_TWRITE;
	r->m.twrite.fid = fid;
	r->m.twrite.offset = offset;
	r->m.twrite.data = (struct ninep_bytes){ from, count };
}

unsigned ninep_write_start(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset,
			   const void *from, uint32_t count)
{
	ninep_write_prepare(c, r, fid, offset, from, count);
	return ninep_start(c, r);
}

static void buffer_request(struct ninep_request *r, struct bulk_buffer *b, uint32_t count)
{
	r->lent = r->kept = true;
	r->buffer = *b;
	r->buffer.length = count < NINEP_BUFFER_BYTES ? count : NINEP_BUFFER_BYTES;
	r->into = NULL;
	r->room = r->buffer.length;
}

unsigned ninep_write_buffer(struct ninep_client *c, uint32_t fid, uint64_t offset, struct bulk_buffer *b,
			    uint32_t count, uint32_t *done)
{
	struct ninep_request r;
	unsigned error;

	buffer_request(&r, b, count);
	r.m.type = NINEP_TWRITE;
	r.m.twrite.fid = fid;
	r.m.twrite.offset = offset;
	r.m.twrite.data = (struct ninep_bytes){ b->data, r.buffer.length };
	error = ninep_request(c, &r);
	*done = error ? 0 : r.m.rwrite.count;
	return error;
}

unsigned ninep_read_buffer(struct ninep_client *c, uint32_t fid, uint64_t offset, struct bulk_buffer *b, uint32_t count,
			   uint32_t *done)
{
	struct ninep_request r;
	unsigned error;

	buffer_request(&r, b, count);
	r.m.type = NINEP_TREAD;
	r.m.tread.fid = fid;
	r.m.tread.offset = offset;
	r.m.tread.count = r.buffer.length;
	error = ninep_request(c, &r);
	*done = error ? 0 : r.m.rread.data.length;
	return error;
}

/* --- sessions ----------------------------------------------------------------------------------- */

unsigned ninep_version_agree(struct ninep_client *c)
{
	char version[24] = "";
	struct ninep_request r = { .m.type = NINEP_TVERSION, .into = version, .room = sizeof(version) - 1 };
	unsigned error;

	r.m.tversion.msize = c->link.msize;
	r.m.tversion.version = ninep_text(c->link.channel ? NINEP_OURS : "9P2000.L");
	error = ninep_request(c, &r);
	if (error)
		return error;
	c->keeps = strcmp(version, NINEP_OURS_KEPT) == 0;
	c->ours = c->keeps || strcmp(version, NINEP_OURS) == 0;
	if (!c->ours && strcmp(version, "9P2000.L") != 0)
		return NINEP_EOPNOTSUPP;
	if (r.m.rversion.msize > c->link.msize || r.m.rversion.msize < NINEP_MSIZE_LEAST)
		return NINEP_EPROTO;
	c->link.msize = r.m.rversion.msize;
	return 0;
}

unsigned ninep_begin(struct ninep_client *c, const struct ninep_link *link)
{
	unsigned error;

	c->link = *link;
	error = ninep_version_agree(c);
	if (error)
		ninep_end(c);
	return error;
}

unsigned ninep_connect(struct ninep_client *c, struct fabric *f, const char *name)
{
	struct channel_options options = { .bulk_bits = NINEP_BULK_BITS };
	struct ninep_link link;
	err_t err;

	memset(c, 0, sizeof(*c));
	err = channel_open(f, name, &options, &c->channel);
	if (err)
		return ninep_error_of(err);
	err = ninep_link_channel(&link, &c->channel);
	if (!err)
		return ninep_begin(c, &link);
	channel_close(&c->channel);
	return ninep_error_of(err);
}

void ninep_end(struct ninep_client *c)
{
	client_broken(c, NINEP_ECONNRESET);
	ninep_link_close(&c->link);
	channel_close(&c->channel);
	free(c->spare);
	c->spare = NULL;
	c->spares = c->spare_room = 0;
}
