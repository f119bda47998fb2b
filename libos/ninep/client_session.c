/*
 * A client that goes on when its server has died: at the heir (log.h).
 *
 * Its fids, and what it had in flight, are as they were. Requests are sent again with the tags that they had, by which
 * the heir knows those that were done. What was lent is in new buffers: the old ones went with the old channel.
 */
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/client.h"

#define TRIES 100 /* heirs that die, too */

/* What is in flight, while the session is begun anew. */
struct flight {
	struct ninep_request *request[NINEP_TAGS];
	void *payload[NINEP_TAGS]; /* of a write: what was in the lent buffer */
	uint64_t tags;
	unsigned (*again)(struct ninep_client *c);
	void (*wait)(struct ninep_client *c);
};

static unsigned session_ask(struct ninep_client *c, struct ninep_bytes fids)
{
	struct ninep_request r = { .m.type = NINEP_TSESSION };
	unsigned error;

	r.m.tsession.high = c->secret[0];
	r.m.tsession.low = c->secret[1];
	r.m.tsession.fids = fids;
	error = ninep_request(c, &r);
	if (error)
		return error;
	c->secret[0] = r.m.rsession.high;
	c->secret[1] = r.m.rsession.low;
	return 0;
}

unsigned ninep_keep(struct ninep_client *c, unsigned (*again)(struct ninep_client *c))
{
	unsigned error = c->keeps ? session_ask(c, (struct ninep_bytes){ "", 0 }) : NINEP_EOPNOTSUPP;

	if (!error)
		c->again = again;
	return error;
}

/* --- what is in flight -------------------------------------------------------------------------------- */

/* Away with it, for a while. False: no memory for what is in buffers. */
static bool flight_take(struct ninep_client *c, struct flight *f)
{
	bool good = true;

	*f = (struct flight){ .tags = c->tags, .again = c->again, .wait = c->wait };
	for (unsigned tag = 0; tag < NINEP_TAGS; tag++) {
		struct ninep_request *r = f->request[tag] = c->flight[tag];

		c->flight[tag] = NULL;
		if (!r || !r->lent || r->m.type != NINEP_TWRITE)
			continue;
		f->payload[tag] = malloc(r->buffer.length ? r->buffer.length : 1);
		if (f->payload[tag])
			memcpy(f->payload[tag], r->buffer.data, r->buffer.length);
		good &= f->payload[tag] != NULL;
	}
	c->tags = 0;
	c->again = NULL;
	c->wait = NULL;
	return good;
}

static void flight_put(struct ninep_client *c, struct flight *f)
{
	memcpy(c->flight, f->request, sizeof(c->flight));
	c->tags = f->tags;
	c->again = f->again;
	c->wait = f->wait;
}

static void request_send(struct ninep_client *c, struct ninep_request *r, const void *payload)
{
	uint32_t length = r->buffer.length;
	err_t err = ERR_OK;

	if (r->lent) {
		err = bulk_alloc(&c->link.pool, &r->buffer) ? ERR_NO_MEMORY : ERR_OK;
		r->lent = !err;
		r->buffer.length = length;
	}
	if (!err && payload) {
		memcpy(r->buffer.data, payload, length);
		r->m.twrite.data.at = r->buffer.data;
	}
	if (!err)
		err = c->link.ops->send(&c->link, &r->m, r->lent ? &r->buffer : NULL);
	/* A link that has ended again is seen by receiving. */
	if (err == ERR_TOO_LONG || err == ERR_NO_MEMORY)
		ninep_request_end(r, ninep_error_of(err));
}

/* Those that give up others come after them. */
static void flight_send(struct ninep_client *c, struct flight *f, bool flushes)
{
	for (unsigned tag = 0; tag < NINEP_TAGS; tag++)
		if (f->request[tag] && (f->request[tag]->m.type == NINEP_TFLUSH) == flushes)
			request_send(c, f->request[tag], f->payload[tag]);
}

/* --- the session ------------------------------------------------------------------------------------------ */

/* A bit for each fid that we have. NULL: no memory. */
static uint8_t *fids_known(const struct ninep_client *c, uint32_t *bytes)
{
	uint8_t *bits;

	*bytes = (c->fids + 7) / 8;
	bits = malloc(*bytes + 1);
	if (!bits)
		return NULL;
	memset(bits, 0xff, *bytes);
	for (uint32_t i = 0; i < c->spares; i++)
		bits[c->spare[i] / 8] &= (uint8_t) ~(1u << c->spare[i] % 8);
	return bits;
}

static unsigned session_resume(struct ninep_client *c, unsigned (*again)(struct ninep_client *c))
{
	uint32_t bytes;
	uint8_t *fids = fids_known(c, &bytes);
	unsigned error = fids ? 0 : NINEP_ENOMEM;

	ninep_link_close(&c->link);
	channel_close(&c->channel);
	c->broken = 0;
	if (!error)
		error = again(c);
	if (!error)
		error = ninep_version_agree(c);
	if (!error && !c->keeps)
		error = NINEP_ENOENT;
	if (!error)
		error = session_ask(c, (struct ninep_bytes){ fids, bytes });
	free(fids);
	return error;
}

unsigned ninep_resume(struct ninep_client *c)
{
	struct flight f;
	unsigned error = flight_take(c, &f) ? NINEP_ECONNRESET : NINEP_ENOMEM;

	for (unsigned i = 0; i < TRIES && error == NINEP_ECONNRESET; i++)
		error = session_resume(c, f.again);
	flight_put(c, &f);
	if (!error) {
		flight_send(c, &f, false);
		flight_send(c, &f, true);
		c->resumed++;
	}
	for (unsigned tag = 0; tag < NINEP_TAGS; tag++)
		free(f.payload[tag]);
	return error;
}
