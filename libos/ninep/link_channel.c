/*
 * 9P over a fabric channel: see link.h.
 *
 * A line is copied out of the ring before it is read, so what is parsed does not change; what
 * is in a lent buffer may. The two highest bits of the size, which no message is long enough to
 * need, say that the last word is a buffer's, and that the payload is in it.
 */
#include "libos/ninep/link.h"

#include <string.h>

#define LINE ((uint32_t)(URPC_WORDS * sizeof(uint64_t)))
#define LENT (UINT32_C(1) << 31)
#define APART (UINT32_C(1) << 30)
#define SKIPPED_MAX (UINT32_C(1) << 24)
#define HEAD_LENT (LINE - 8) /* room for a message whose last word is a buffer's */

/* --- sending ----------------------------------------------------------------------------------- */

static inline err_t line_put(struct ninep_link *l, const struct urpc_message *line)
{
	err_t err = l->queue_end ? ERR_AGAIN : channel_send(l->channel, line);

	return err == ERR_AGAIN ? ninep_link_queue(l, line, LINE) : err;
}

static err_t last_put(struct ninep_link *l)
{
	bool kept = l->kept;

	l->kept = false;
	return kept ? line_put(l, &l->last) : ERR_OK;
}

static __attribute__((noinline)) err_t line_keep(struct ninep_link *l, const struct urpc_message *line)
{
	err_t err = last_put(l);

	if (err || l->queue_end)
		return err ? err : line_put(l, line);
	l->last = *line;
	l->kept = true;
	return ERR_OK;
}

/* An answer to an older request must not come between the lines of one whose last is kept. */
static inline err_t line_send(struct ninep_link *l, const struct urpc_message *line)
{
	return l->keeps || l->kept ? line_keep(l, line) : line_put(l, line);
}

static bool carries_payload(unsigned type)
{
	return type == NINEP_TWRITE || type == NINEP_RREAD || type == NINEP_RREADDIR;
}

/* The line of a message with a buffer; on an error the buffer is still ours. */
static err_t lent_line(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b,
		       struct urpc_message *line)
{
	uint8_t *bytes = (uint8_t *)line->word;
	bool apart = carries_payload(m->type);
	err_t err;

	*line = (struct urpc_message){ 0 };
	if (!ninep_encode(m, l->dialect, apart, bytes, HEAD_LENT))
		return ERR_TOO_LONG;
	err = bulk_give(&l->pool, b, &line->word[URPC_WORDS - 1]);
	ninep_put32(bytes, ninep_get32(bytes) | LENT | (apart ? APART : 0));
	return err;
}

/* A message of more than a line. */
static err_t lines_send(struct ninep_link *l, const struct ninep_message *m)
{
	uint32_t most = l->msize < l->in_lines ? l->msize : l->in_lines;
	uint32_t length = ninep_encode(m, l->dialect, false, l->out, most);
	struct urpc_message line;
	err_t err = length ? ERR_OK : ERR_TOO_LONG;

	for (uint32_t at = 0; at < length && !err; at += LINE) {
		line = (struct urpc_message){ 0 };
		memcpy(line.word, l->out + at, length - at < LINE ? length - at : LINE);
		err = line_send(l, &line);
	}
	return err;
}

/* One line, if it fits; false: it does not. */
static bool short_line(struct ninep_link *l, const struct ninep_message *m, struct urpc_message *line)
{
	*line = (struct urpc_message){ 0 };
	/* What never does need not be tried. */
	return m->type != NINEP_RWALKATTR && ninep_encode(m, l->dialect, false, (uint8_t *)line->word, LINE) != 0;
}

static err_t channel_link_send(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b)
{
	struct urpc_message line;
	err_t err = b ? lent_line(l, m, b, &line) : ERR_OK;

	if (err)
		return err;
	return b || short_line(l, m, &line) ? line_send(l, &line) : lines_send(l, m);
}

static err_t channel_link_push(struct ninep_link *l)
{
	struct urpc_message line;
	err_t err = last_put(l);

	while (l->queue_end && !err) {
		memcpy(&line, l->queue + l->queue_first, LINE);
		err = channel_send(l->channel, &line);
		if (!err)
			ninep_link_sent(l, LINE);
	}
	return err;
}

/* --- receiving --------------------------------------------------------------------------------- */

/* A line that brings a buffer: the head is in it, the payload may be in the buffer. */
static err_t lent_take(struct ninep_link *l, uint32_t size, struct ninep_packet *p)
{
	uint8_t *bytes = (uint8_t *)l->line.word;
	uint32_t length = size & ~(LENT | APART);

	/* A buffer that is not the peer's to give, or without a pool at all: answered as malformed. */
	p->lent = l->bulk && !bulk_take(&l->pool, l->line.word[URPC_WORDS - 1], &p->buffer);
	p->apart = size & APART;
	p->payload = p->lent ? p->buffer.length : 0;
	if (p->apart)
		length = length > p->payload ? length - p->payload : 0;
	p->length = p->lent && length <= HEAD_LENT && length >= NINEP_HEADER ? length : 0;
	ninep_put32(bytes, size & ~(LENT | APART));
	return ERR_OK;
}

/* The first line of a message. */
static err_t first_take(struct ninep_link *l, struct ninep_packet *p)
{
	uint32_t size = ninep_get32((uint8_t *)l->line.word);

	*p = (struct ninep_packet){ .head = (uint8_t *)l->line.word, .length = size };
	if (size & LENT)
		return lent_take(l, size, p);
	if (size > SKIPPED_MAX)
		p->length = 0; /* no size: nothing that follows belongs to it */
	if (p->length <= LINE)
		return ERR_OK; /* also without a whole header: the decoder says so */
	l->skipping = size > l->in_lines || size > l->msize;
	memcpy(l->in, l->line.word, LINE);
	l->have = LINE;
	l->need = size;
	return ERR_AGAIN;
}

static err_t next_take(struct ninep_link *l, struct ninep_packet *p)
{
	uint32_t some = l->need - l->have < LINE ? l->need - l->have : LINE;

	if (!l->skipping)
		memcpy(l->in + l->have, l->line.word, some);
	l->have += some;
	if (l->have < l->need)
		return ERR_AGAIN;
	*p = (struct ninep_packet){ .head = l->in, .length = l->need, .too_long = l->skipping };
	if (l->skipping)
		p->length = NINEP_HEADER;
	l->have = l->need = 0;
	return ERR_OK;
}

static err_t line_take(struct ninep_link *l, struct ninep_packet *p)
{
	return l->need ? next_take(l, p) : first_take(l, p);
}

static err_t channel_link_receive(struct ninep_link *l, struct ninep_packet *p)
{
	err_t err;

	while (!(err = channel_receive(l->channel, &l->line)))
		if ((err = line_take(l, p)) != ERR_AGAIN)
			break;
	return err;
}

/* What came is left where it is; so only while nothing is queued the thread really sleeps. */
static err_t channel_link_wait(struct ninep_link *l, cycles_t deadline)
{
	struct wait_set *set = &l->channel->alone;
	struct channel *ready;
	err_t err = ERR_OK;

	if (ninep_link_stalled(l)) {
		l->channel->fabric->ops->relax(l->channel->fabric);
		return ERR_OK;
	}
	if (!set->fabric)
		err = wait_set_init(set, l->channel->fabric);
	if (!err && !l->channel->set)
		wait_set_add(set, l->channel);
	return err ? err : wait_set_wait(set, &ready, deadline);
}

static err_t channel_link_exchange(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b,
				   struct ninep_packet *p)
{
	struct urpc_message line;
	err_t err = b ? lent_line(l, m, b, &line) : ERR_OK;

	if (err)
		return err;
	if (!b && !short_line(l, m, &line)) {
		err = lines_send(l, m);
		return err ? err : ERR_AGAIN;
	}
	err = channel_call(l->channel, &line, &l->line);
	return err ? err : line_take(l, p);
}

static void channel_link_close(struct ninep_link *l) { (void)l; }

static const struct ninep_link_ops channel_link_ops = {
	.send = channel_link_send,
	.receive = channel_link_receive,
	.push = channel_link_push,
	.wait = channel_link_wait,
	.exchange = channel_link_exchange,
	.close = channel_link_close,
};

err_t ninep_link_channel(struct ninep_link *l, struct channel *c)
{
	uint32_t buffers = c->bulk ? (uint32_t)(c->bulk_bytes >> NINEP_BUFFER_BITS) : 0;
	err_t err;

	*l = (struct ninep_link){ .channel = c, .msize = NINEP_MSIZE, .dialect = NINEP_LINUX };
	err = ninep_link_alloc(l, NINEP_INLINE);
	if (err)
		return err;
	l->bulk = buffers && !bulk_init(&l->pool, c->bulk, c->bulk_bytes, NINEP_BUFFER_BITS, buffers, c->side);
	l->ops = &channel_link_ops;
	return ERR_OK;
}
