/* What a server tells its mirror: see log.h. */
#include "libos/ninep/log.h"

#include "libos/ninep/share.h"

static struct ninep_log *log_of(const struct ninep_connection *n) { return n->server->log; }

/* --- records ---------------------------------------------------------------------------------------- */

static void put_bare(const struct ninep_connection *n, uint32_t kind, uint64_t a, uint64_t b, uint64_t of)
{
	struct ninep_record r = { .kind = kind, .connection = n->number, .result = { a, b }, .time = { of } };

	log_of(n)->put(log_of(n), &r, NULL, NULL);
}

/* A payload of a write lies apart; it is the client's memory, which may change, and then so does the mirror's copy. */
static void put_request(const struct ninep_connection *n, const struct ninep_message *m, uint64_t a, uint64_t b)
{
	struct ninep_log *l = log_of(n);
	bool apart = m->type == NINEP_TWRITE;
	struct ninep_record r = {
		.kind = NINEP_RECORD_REQUEST,
		.payload = apart ? m->twrite.data.length : 0,
		.dialect = n->link.dialect,
		.connection = n->number,
		.result = { a, b },
	};

	r.length = ninep_encode(m, n->link.dialect, apart, l->message, sizeof(l->message));
	l->put(l, &r, l->message, apart ? m->twrite.data.at : NULL);
}

void ninep_log_drop(const struct ninep_connection *n, uint32_t fid)
{
	struct ninep_message m = { .type = NINEP_TDROP, .tag = NINEP_NO_TAG };

	m.tdrop.fid = fid;
	put_request(n, &m, 0, 0);
}

/* --- requests ------------------------------------------------------------------------------------------ */

static bool is_fifo(struct ninep_connection *n, uint32_t fid)
{
	const struct ninep_fid *f = ninep_fid_find(n, fid);

	return f && (f->file.node->mode & NINEP_FORMAT) == NINEP_FIFO;
}

/* What only a look at the request and its answer tells. */
static bool has_changed(struct ninep_call *c)
{
	const struct ninep_message *in = &c->in;

	switch (in->type) {
	case NINEP_TWALK:
		return c->out.rwalk.qids.count == in->twalk.names.count;
	case NINEP_TREAD:
		return c->here && !is_fifo(c->from, in->tread.fid);
	case NINEP_TWRITE:
		return (c->here || c->out.rwrite.count) && !is_fifo(c->from, in->twrite.fid);
	case NINEP_TLOCK:
		return !c->out.rlock.status;
	case NINEP_TLOPEN:
	case NINEP_TOPEN:
	case NINEP_TFLAGS:
	case NINEP_TPASS:
	case NINEP_TSEEK:
		return !is_fifo(c->from, in->tlopen.fid); /* of all, their first field */
	case NINEP_TTAKE:
		return !is_fifo(c->from, in->ttake.newfid);
	case NINEP_TSESSION:
		return !in->tsession.high; /* a new one; an old one goes on as it was */
	default:
		return true;
	}
}

static bool may_change(unsigned type)
{
	static const bool table[NINEP_TYPES] = {
		[NINEP_TWALK] = true,     [NINEP_TREAD] = true,  [NINEP_TWRITE] = true,    [NINEP_TLOCK] = true,
		[NINEP_TLOPEN] = true,    [NINEP_TOPEN] = true,  [NINEP_TFLAGS] = true,    [NINEP_TPASS] = true,
		[NINEP_TSEEK] = true,     [NINEP_TTAKE] = true,  [NINEP_TSESSION] = true,  [NINEP_TVERSION] = true,
		[NINEP_TATTACH] = true,   [NINEP_TCLUNK] = true, [NINEP_TLCREATE] = true,  [NINEP_TCREATE] = true,
		[NINEP_TSETATTR] = true,  [NINEP_TWSTAT] = true, [NINEP_TMKDIR] = true,    [NINEP_TSYMLINK] = true,
		[NINEP_TMKNOD] = true,    [NINEP_TLINK] = true,  [NINEP_TUNLINKAT] = true, [NINEP_TRENAMEAT] = true,
		[NINEP_TWALKOPEN] = true,
	};

	return table[type];
}

/* What came of it, as far as the mirror must know, or compares. */
static void put_served(struct ninep_call *c)
{
	struct ninep_connection *n = c->from;
	struct ninep_message *in = &c->in;

	switch (in->type) {
	case NINEP_TREAD:
		put_request(n, in, c->out.rread.data.length, 0);
		break;
	case NINEP_TWRITE:
		if (c->here)
			in->twrite.offset = NINEP_HERE;
		in->twrite.data.length = c->out.rwrite.count;
		put_request(n, in, in->twrite.data.length, 0);
		break;
	case NINEP_TPASS:
		put_request(n, in, c->out.rpass.high, c->out.rpass.low);
		break;
	case NINEP_TSESSION:
		put_bare(n, NINEP_RECORD_SESSION, n->secret[0], n->secret[1], n->pid);
		break;
	default:
		put_request(n, in, 0, 0);
	}
}

/* The fid that went along with a request, whatever came of that; a clunk that is called Tremove. */
static uint32_t dropped(const struct ninep_call *c, unsigned error)
{
	switch (c->in.type) {
	case NINEP_TDROP:
		return error == NINEP_LATER ? c->in.tdrop.fid : NINEP_NO_FID;
	case NINEP_TREMOVE:
		return error == NINEP_EPERM ? c->in.tremove.fid : NINEP_NO_FID;
	case NINEP_TWALKATTR:
		return c->in.twalkattr.drop;
	case NINEP_TWALKOPEN:
		return error ? c->in.twalkopen.drop : NINEP_NO_FID;
	default:
		return NINEP_NO_FID;
	}
}

static void granted_tell(struct ninep_server *s)
{
	struct ninep_message m = { .type = NINEP_TLOCK };
	struct ninep_pending *p;

	while ((p = s->granted)) {
		s->granted = p->next_granted;
		m.tag = p->tag;
		m.tlock.fid = p->fid;
		m.tlock.type = p->lock.type;
		m.tlock.flags = p->lock.flags;
		m.tlock.start = p->lock.start;
		m.tlock.length = p->lock.length;
		m.tlock.proc_id = p->lock.proc_id;
		if (!p->granted)
			put_request(p->from, &m, 0, 0);
		ninep_pending_answer(p, p->granted, NULL, 0);
	}
}

static void told(struct ninep_server *s)
{
	granted_tell(s);
	if (s->log->told)
		s->log->told(s->log);
}

void ninep_log_request(struct ninep_call *c, unsigned error)
{
	struct ninep_connection *n = c->from;
	uint32_t drop;

	if (!error && may_change(c->in.type) && has_changed(c)) {
		put_served(c);
	} else {
		drop = dropped(c, error);
		if (drop != NINEP_NO_FID)
			ninep_log_drop(n, drop);
		if (n->secret[0] && c->in.tag < NINEP_SLOTS)
			put_bare(n, NINEP_RECORD_FORGET, c->in.tag, 0, 0); /* the counting starts anew */
	}
	told(n->server);
}

void ninep_log_grant(struct ninep_pending *p, unsigned error)
{
	struct ninep_pending **at = &p->from->server->granted;

	while (*at)
		at = &(*at)->next_granted;
	p->granted = error;
	p->next_granted = NULL;
	*at = p;
}

void ninep_log_end(struct ninep_connection *n)
{
	put_bare(n, NINEP_RECORD_END, 0, 0, 0);
	told(n->server);
}

/* --- the whole state -------------------------------------------------------------------------------------- */

struct saving {
	struct ninep_server *server;
	uint32_t shared; /* numbers so far */
};

static uint64_t path_of(const struct ninep_connection *n, const struct ninep_file *f)
{
	struct ninep_attr a;

	return ninep_tree_attr(n->root, f, &a) ? 0 : a.path;
}

static void put_saved(const struct ninep_connection *n, uint32_t kind, const struct ninep_saved *s)
{
	struct ninep_record r = { .kind = kind, .payload = sizeof(*s), .connection = n->number };

	log_of(n)->put(log_of(n), &r, NULL, s);
}

/* Its number; told first, if it is new. */
static uint32_t save_shared(struct saving *to, const struct ninep_connection *n, struct ninep_shared *s)
{
	struct ninep_saved saved = { .path = path_of(n, &s->file), .offset = s->offset, .flags = s->flags };

	if (s->saved)
		return s->saved;
	saved.shared = s->saved = ++to->shared;
	put_saved(n, NINEP_RECORD_SHARED, &saved);
	return s->saved;
}

static void save_fid(struct saving *to, const struct ninep_connection *n, const struct ninep_fid *f)
{
	bool fifo = (f->file.node->mode & NINEP_FORMAT) == NINEP_FIFO;
	struct ninep_saved saved = {
		.path = path_of(n, &f->file),
		.flags = !f->open || fifo ? 0
			 : f->shared      ? f->shared->flags
					  : f->flags,
		.fid = f->fid,
		.open = f->open && !fifo,
	};

	if (f->shared && !fifo)
		saved.shared = save_shared(to, n, f->shared);
	put_saved(n, NINEP_RECORD_FID, &saved);
}

static void save_answers(const struct ninep_connection *n)
{
	struct ninep_record r = { .kind = NINEP_RECORD_ANSWER, .dialect = n->link.dialect, .connection = n->number };

	for (unsigned i = 0; n->answered && i < NINEP_SLOTS; i++) {
		r.length = n->answered[i].length;
		if (r.length)
			log_of(n)->put(log_of(n), &r, n->answered[i].bytes, NULL);
	}
}

static void save_connection(struct saving *to, const struct ninep_connection *n)
{
	put_bare(n, NINEP_RECORD_SESSION, n->secret[0], n->secret[1], n->pid);
	for (unsigned i = 0; i < NINEP_FID_BUCKETS; i++)
		for (const struct ninep_fid *f = n->bucket[i]; f; f = f->next)
			save_fid(to, n, f);
	save_answers(n);
}

static void saved_clear(struct ninep_connection *n)
{
	for (unsigned i = 0; i < NINEP_FID_BUCKETS; i++)
		for (struct ninep_fid *f = n->bucket[i]; f; f = f->next)
			if (f->shared)
				f->shared->saved = 0;
}

void ninep_log_save(struct ninep_server *s)
{
	struct saving to = { .server = s };
	struct ninep_record whole = { .kind = NINEP_RECORD_WHOLE, .result = { s->numbers } };
	struct ninep_connection *n;

	for (n = s->connections; n; n = n->next)
		saved_clear(n);
	for (n = s->shadows; n; n = n->next)
		saved_clear(n);
	for (struct ninep_token *t = s->tokens; t; t = t->next)
		t->shared->saved = 0;
	for (n = s->connections; n; n = n->next)
		save_connection(&to, n);
	for (n = s->shadows; n; n = n->next)
		save_connection(&to, n);
	for (struct ninep_token *t = s->tokens; t; t = t->next)
		if ((t->shared->file.node->mode & NINEP_FORMAT) != NINEP_FIFO) {
			uint32_t number = save_shared(&to, t->of, t->shared);

			put_bare(t->of, NINEP_RECORD_TOKEN, t->word[0], t->word[1], number);
		}
	s->log->put(s->log, &whole, NULL, NULL);
}
