/*
 * 9P over a byte stream: sockets, virtio. A message is its bytes and nothing else.
 *
 * One that is longer than agreed is read over, and told as too long. A size that is less than a
 * header means that what follows is not to be found: the link ends.
 */
#include "libos/ninep/link.h"

#include <string.h>

static err_t stream_push(struct ninep_link *l)
{
	err_t err = ERR_OK;
	uint32_t done;

	while (l->queue_end && !err) {
		done = 0;
		err = l->stream->write(l->arg, l->queue + l->queue_first, l->queue_end - l->queue_first, &done);
		ninep_link_sent(l, done);
	}
	return err;
}

static err_t stream_send(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b)
{
	uint32_t most = l->msize < l->in_lines ? l->msize : l->in_lines, done = 0;
	uint32_t length = ninep_encode(m, l->dialect, false, l->out, most);
	err_t err = ERR_OK;

	if (!length || b)
		return b ? ERR_ARGUMENT : ERR_TOO_LONG;
	if (!ninep_link_stalled(l))
		err = l->stream->write(l->arg, l->out, length, &done);
	if (err && err != ERR_AGAIN)
		return err;
	return done < length ? ninep_link_queue(l, l->out + done, length - done) : ERR_OK;
}

/* Up to `upto` bytes of a message into l->in; those beyond its room are read and dropped. */
static err_t bytes_read(struct ninep_link *l, uint32_t upto)
{
	err_t err = ERR_OK;
	uint32_t done, room;
	uint8_t *into;

	while (l->have < upto && !err) {
		into = l->skipping ? l->in + NINEP_HEADER : l->in + l->have;
		room = upto - l->have;
		if (l->skipping && room > l->in_lines - NINEP_HEADER)
			room = l->in_lines - NINEP_HEADER;
		done = 0;
		err = l->stream->read(l->arg, into, room, &done);
		l->have += done;
	}
	return l->have < upto ? err : ERR_OK;
}

static err_t stream_receive(struct ninep_link *l, struct ninep_packet *p)
{
	err_t err = l->need ? ERR_OK : bytes_read(l, NINEP_HEADER);

	if (err)
		return err;
	if (!l->need) {
		l->need = ninep_get32(l->in);
		if (l->need < NINEP_HEADER)
			return ERR_MESSAGE;
		l->skipping = l->need > l->in_lines || l->need > l->msize;
	}
	err = bytes_read(l, l->need);
	if (err)
		return err;
	*p = (struct ninep_packet){ .head = l->in, .length = l->need, .too_long = l->skipping };
	if (l->skipping)
		p->length = NINEP_HEADER;
	l->have = l->need = 0;
	l->skipping = false;
	return ERR_OK;
}

static err_t stream_wait(struct ninep_link *l, cycles_t deadline)
{
	return l->stream->wait(l->arg, ninep_link_stalled(l), deadline);
}

static void stream_close(struct ninep_link *l)
{
	if (l->stream->close)
		l->stream->close(l->arg);
}

static const struct ninep_link_ops stream_link_ops = {
	.send = stream_send,
	.receive = stream_receive,
	.push = stream_push,
	.wait = stream_wait,
	.close = stream_close,
};

err_t ninep_link_stream(struct ninep_link *l, const struct ninep_stream *s, void *arg, uint32_t msize)
{
	err_t err;

	*l = (struct ninep_link){ .stream = s, .arg = arg, .msize = msize, .dialect = NINEP_LINUX };
	err = msize < NINEP_MSIZE_LEAST ? ERR_ARGUMENT : ninep_link_alloc(l, msize);
	if (!err)
		l->ops = &stream_link_ops;
	return err;
}
