/*
 * A client's connection, on the server's side: from messages to handlers and back, and answers that
 * come later.
 *
 * Whatever comes is answered: what is malformed by EPROTO, what is too long by EMSGSIZE, what nobody
 * knows by EOPNOTSUPP. A buffer that came with a request goes back with its answer.
 */
#include "libos/ninep/log.h"

#include <stdlib.h>
#include <string.h>

void ninep_connection_init(struct ninep_connection *n, const struct ninep_node *root, const struct ninep_link *link)
{
	n->root = root;
	n->link = *link;
	n->msize_most = link->msize;
}

/* --- answers ------------------------------------------------------------------------------------- */

/* An answer to one that is not being served just now may have found no room: the server is to push it. */
static void stall_note(struct ninep_connection *n)
{
	if (!n->server || n->waits || !ninep_link_stalled(&n->link))
		return;
	n->waits = true;
	n->server->stalled++;
}

void ninep_reply_error(struct ninep_connection *n, uint16_t tag, unsigned error, const struct bulk_buffer *lent)
{
	struct ninep_message m = { .type = NINEP_RLERROR, .tag = tag };

	if (n->link.dialect == NINEP_LINUX) {
		m.rlerror.ecode = error;
	} else {
		m.type = NINEP_RERROR;
		m.rerror.ename = ninep_text(ninep_error_text(error));
	}
	if (n->link.ops->send(&n->link, &m, lent))
		n->dead = true;
	stall_note(n);
}

void ninep_reply(struct ninep_connection *n, struct ninep_message *m, const struct bulk_buffer *lent)
{
	err_t err = n->link.ops->send(&n->link, m, lent);

	if (err == ERR_TOO_LONG)
		ninep_reply_error(n, m->tag, NINEP_EMSGSIZE, lent);
	else if (err)
		n->dead = true;
	stall_note(n);
}

/* --- later --------------------------------------------------------------------------------------- */

static bool tag_pending(const struct ninep_connection *n, uint16_t tag)
{
	const struct ninep_pending *p = n->pending;

	while (p && p->tag != tag)
		p = p->next;
	return p;
}

struct ninep_pending *ninep_later(struct ninep_call *c, void (*cancel)(struct ninep_pending *p, void *arg), void *arg)
{
	struct ninep_connection *n = c->from;
	struct ninep_pending *p = n->pendings < NINEP_PENDING_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	*p = (struct ninep_pending){
		.next = n->pending,
		.from = n,
		.fid = c->fid,
		.tag = c->in.tag,
		.type = c->in.type,
		.lent = c->packet->lent,
		.buffer = c->packet->buffer,
		.cancel = cancel,
		.arg = arg,
	};
	p->room = c->in.type == NINEP_TREAD ? c->in.tread.count : 0;
	p->here = (c->in.type == NINEP_TREAD || c->in.type == NINEP_TWRITE) && c->here;
	if (p->type == NINEP_TLOCK)
		p->lock = (struct ninep_lock){ .type = c->in.tlock.type,
					       .flags = c->in.tlock.flags,
					       .proc_id = c->in.tlock.proc_id,
					       .start = c->in.tlock.start,
					       .length = c->in.tlock.length };
	n->pending = p;
	n->pendings++;
	return p;
}

static void pending_take(struct ninep_pending *p)
{
	struct ninep_pending **at = &p->from->pending;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->from->pendings--;
}

static void pending_end(struct ninep_pending *p, unsigned error)
{
	struct ninep_fid *f = ninep_fid_find(p->from, p->fid);

	pending_take(p);
	if (f && (p->type == NINEP_TLOPEN || p->type == NINEP_TOPEN))
		f->opening = false;
	if (!p->from->dead)
		ninep_reply_error(p->from, p->tag, error, p->lent ? &p->buffer : NULL);
	free(p);
}

static void answer_data(struct ninep_pending *p, struct ninep_message *m, const void *data, uint32_t count)
{
	count = count < p->room ? count : p->room;
	if (p->lent)
		memcpy(p->buffer.data, data, count);
	p->buffer.length = count;
	m->rread.data = (struct ninep_bytes){ data, count };
}

/* The fid is there: its clunk would have cancelled this. */
static void answer_open(struct ninep_pending *p, struct ninep_message *m)
{
	struct ninep_fid *f = ninep_fid_find(p->from, p->fid);
	struct ninep_attr a;

	f->opening = false;
	f->open = true;
	(void)ninep_tree_attr(p->from->root, &f->file, &a);
	m->rlopen.qid = ninep_attr_qid(&a); /* Ropen is the same */
}

void ninep_answer(struct ninep_pending *p, unsigned error, const void *data, uint32_t count)
{
	if (p->type == NINEP_TLOCK && p->from->server && p->from->server->log)
		ninep_log_grant(p, error);
	else
		ninep_pending_answer(p, error, data, count);
}

void ninep_pending_answer(struct ninep_pending *p, unsigned error, const void *data, uint32_t count)
{
	struct ninep_message m = { .type = p->type + 1, .tag = p->tag };

	if (error) {
		pending_end(p, error);
		return;
	}
	if (p->type == NINEP_TREAD)
		answer_data(p, &m, data, count);
	else if (p->type == NINEP_TLOPEN || p->type == NINEP_TOPEN)
		answer_open(p, &m);
	else if (p->type == NINEP_TLOCK)
		m.rlock.status = (uint8_t)count;
	else if (p->type == NINEP_TREADY)
		m.rready.events = count;
	else
		m.rwrite.count = count;
	if (p->here)
		ninep_advance(p->from, ninep_fid_find(p->from, p->fid), p->type == NINEP_TWRITE, count);
	pending_take(p);
	if (!p->from->dead)
		ninep_reply(p->from, &m, p->lent ? &p->buffer : NULL);
	free(p);
}

void ninep_pending_cancel(struct ninep_connection *n, const uint32_t *fid, const uint16_t *tag)
{
	struct ninep_pending *p = n->pending, *next;

	for (; p; p = next) {
		next = p->next;
		if ((fid && p->fid != *fid) || (tag && p->tag != *tag))
			continue;
		p->cancel(p, p->arg);
		pending_end(p, NINEP_EINTR);
	}
}

/* --- requests ------------------------------------------------------------------------------------ */

/* 0, or why it is not handled. */
static unsigned request_check(struct ninep_call *c, err_t decoded)
{
	struct ninep_connection *n = c->from;

	if (c->packet->too_long)
		return NINEP_EMSGSIZE;
	if (decoded == ERR_UNSUPPORTED)
		return NINEP_EOPNOTSUPP;
	if (decoded)
		return c->in.type == NINEP_TWALK ? NINEP_EINVAL : NINEP_EPROTO;
	if (!n->versioned && c->in.type != NINEP_TVERSION)
		return NINEP_EPROTO;
	if (n->pending && tag_pending(n, c->in.tag) && c->in.type != NINEP_TVERSION)
		return NINEP_EINVAL;
	return ninep_serve_of(c->in.type) ? 0 : NINEP_EOPNOTSUPP;
}

static void packet_take(struct ninep_connection *n, struct ninep_packet *p)
{
	struct ninep_bytes apart = { p->buffer.data, p->payload };
	struct ninep_call c;
	unsigned error;
	err_t err;

	c.from = n;
	c.packet = p;
	err = ninep_decode(&c.in, n->link.dialect, p->head, p->length, p->apart ? &apart : NULL);
	error = request_check(&c, err);
	if (!error && n->resumed && ninep_resumed(&c))
		return;
	if (!error) {
		c.out.type = c.in.type + 1;
		c.out.tag = c.in.tag;
		error = n->relay ? n->relay->serve(&c) : ninep_serve_of(c.in.type)(&c);
	}
	if (n->server && n->server->log)
		ninep_log_request(&c, error);
	if (error == NINEP_LATER)
		return;
	if (error)
		ninep_reply_error(n, c.in.tag, error, p->lent ? &p->buffer : NULL);
	else
		ninep_reply(n, &c.out, p->lent ? &p->buffer : NULL);
}

err_t ninep_connection_serve(struct ninep_connection *n)
{
	struct ninep_packet p;
	err_t err = ERR_OK;

	if (ninep_link_stalled(&n->link))
		err = n->link.ops->push(&n->link);
	/* A client that takes no answers gets no more of them. */
	while (!err && !n->dead && ninep_connection_room(n)) {
		err = n->link.ops->receive(&n->link, &p);
		if (!err)
			err = ninep_link_last(&n->link);
		if (!err)
			packet_take(n, &p);
	}
	if (err && err != ERR_AGAIN)
		n->dead = true;
	return n->dead ? ERR_CLOSED : ERR_OK;
}

void ninep_connection_close(struct ninep_connection *n)
{
	n->dead = true;
	if (n->relay)
		n->relay->gone(n);
	ninep_pending_cancel(n, NULL, NULL);
	ninep_fids_clear(n);
	ninep_tokens_clear(n);
	ninep_answered_free(n);
	if (n->server && n->server->log)
		ninep_log_end(n);
	ninep_link_close(&n->link);
}
