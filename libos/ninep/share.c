/*
 * Open files that several clients share: Tpass, Ttake, Tseek, Tflags, which are ours.
 *
 * Tpass makes an open fid's file a description of its own, counted, with the offset in it, and gives a token,
 * which is one reference; whoever shows it (Ttake) gets a fid that is open for the same description. Reads and
 * writes of such fids with the offset NINEP_HERE use and advance the description's. A token that nobody took goes
 * with the connection that asked for it. So a child has its parent's files though their names have gone, and a
 * pipe's end is there as long as somebody has it.
 */
#include "libos/ninep/serve.h"
#include "libos/ninep/share.h"

#include <stdlib.h>

#include "libos/x86/context.h"
#include "libos/x86/random.h"

#define TOKENS_MAX 65536 /* of a server; then EMFILE */

/* --- descriptions ---------------------------------------------------------------------------------- */

struct ninep_shared *ninep_shared_make(const struct ninep_file *file, uint32_t flags, uint64_t offset)
{
	struct ninep_shared *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->references = 1;
	s->flags = flags;
	s->offset = offset;
	s->file = *file;
	if (ninep_handlers_of(&s->file)->hold)
		ninep_handlers_of(&s->file)->hold(&s->file);
	return s;
}

/* What the fid had is the description's from then on. */
static struct ninep_shared *fid_shares(struct ninep_fid *f, uint64_t offset)
{
	struct ninep_shared *s = ninep_shared_make(&f->file, f->flags, offset);

	if (!s)
		return NULL;
	s->text = f->text;
	s->text_length = f->text_length;
	f->shared = s;
	return s;
}

void ninep_fid_share(struct ninep_fid *f, struct ninep_shared *s)
{
	f->open = true;
	f->flags = s->flags;
	f->shared = s;
	f->text = s->text;
	f->text_length = s->text_length;
	s->references++;
}

struct ninep_file *ninep_shared_file(struct ninep_shared *s) { return &s->file; }

void ninep_shared_drop(struct ninep_shared *s)
{
	if (--s->references)
		return;
	if (ninep_handlers_of(&s->file)->close)
		ninep_handlers_of(&s->file)->close(&s->file);
	if (ninep_handlers_of(&s->file)->drop)
		ninep_handlers_of(&s->file)->drop(&s->file);
	free(s->text);
	free(s);
}

/* --- tokens ------------------------------------------------------------------------------------------ */

static void token_free(struct ninep_token **at)
{
	struct ninep_token *t = *at;

	*at = t->next;
	t->of->server->tokens_given--;
	ninep_shared_drop(t->shared);
	free(t);
}

void ninep_tokens_clear(struct ninep_connection *n)
{
	struct ninep_token **at = n->server ? &n->server->tokens : NULL;

	while (at && *at)
		if ((*at)->of == n)
			token_free(at);
		else
			at = &(*at)->next;
}

uint64_t ninep_token_word(void)
{
	uint64_t word;

	return random_word(&word) ? word : context_now();
}

unsigned ninep_token_add(struct ninep_connection *n, struct ninep_shared *s, const uint64_t word[2])
{
	struct ninep_token *t = n->server->tokens_given < TOKENS_MAX ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return n->server->tokens_given < TOKENS_MAX ? NINEP_ENOMEM : NINEP_EMFILE;
	*t = (struct ninep_token){ n->server->tokens, n, s, { word[0], word[1] } };
	n->server->tokens = t;
	n->server->tokens_given++;
	s->references++;
	return 0;
}

static struct ninep_token **token_find(struct ninep_server *s, const uint64_t word[2])
{
	struct ninep_token **at = &s->tokens;

	while (*at && ((*at)->word[0] != word[0] || (*at)->word[1] != word[1]))
		at = &(*at)->next;
	return at;
}

/* --- requests ------------------------------------------------------------------------------------------ */

static struct ninep_fid *open_fid(struct ninep_connection *n, uint32_t fid)
{
	struct ninep_fid *f = ninep_fid_find(n, fid);

	return f && f->open ? f : NULL;
}

unsigned ninep_serve_pass(struct ninep_call *c)
{
	struct ninep_fid *f = open_fid(c->from, c->in.tpass.fid);
	uint64_t word[2];

	if (!f)
		return NINEP_EBADF;
	if (!c->from->server || ninep_is_dir(&f->file))
		return NINEP_EOPNOTSUPP;
	if (!f->shared && !fid_shares(f, c->in.tpass.offset))
		return NINEP_ENOMEM;
	word[0] = c->out.rpass.high = ninep_token_word();
	word[1] = c->out.rpass.low = ninep_token_word();
	return ninep_token_add(c->from, f->shared, word);
}

unsigned ninep_serve_take(struct ninep_call *c)
{
	const uint64_t word[2] = { c->in.ttake.high, c->in.ttake.low };
	struct ninep_token **t = c->from->server ? token_find(c->from->server, word) : NULL;
	struct ninep_shared *s;
	unsigned error;

	if (!t || !*t)
		return NINEP_ENOENT;
	s = (*t)->shared;
	error = ninep_file_qid(c, &s->file, &c->out.rtake.qid);
	if (!error)
		error = ninep_fid_add(c->from, c->in.ttake.newfid, &s->file);
	if (error)
		return error;
	ninep_fid_share(ninep_fid_find(c->from, c->in.ttake.newfid), s);
	token_free(t);
	return 0;
}

/* Where an offset of the description's own would be moved to. */
static unsigned offset_of(struct ninep_call *c, const struct ninep_shared *s, uint32_t whence, uint64_t *base)
{
	struct ninep_attr a = { 0 };
	unsigned error = 0;

	if (whence == NINEP_SEEK_END)
		error = ninep_tree_attr(c->from->root, &s->file, &a);
	*base = whence == NINEP_SEEK_SET ? 0 : whence == NINEP_SEEK_HERE ? s->offset : a.size;
	return whence > NINEP_SEEK_END ? NINEP_EINVAL : error;
}

unsigned ninep_serve_seek(struct ninep_call *c)
{
	struct ninep_fid *f = open_fid(c->from, c->in.tseek.fid);
	int64_t by = (int64_t)c->in.tseek.offset, to;
	uint64_t base;
	unsigned error = f ? 0 : NINEP_EBADF;

	if (!error)
		error = f->shared ? offset_of(c, f->shared, c->in.tseek.whence, &base) : NINEP_EINVAL;
	if (error)
		return error;
	if (__builtin_add_overflow((int64_t)base, by, &to))
		return NINEP_EOVERFLOW;
	if (to < 0)
		return NINEP_EINVAL;
	c->out.rseek.offset = f->shared->offset = (uint64_t)to;
	return 0;
}

/* Those that may change: append, non-blocking. */
unsigned ninep_serve_flags(struct ninep_call *c)
{
	const uint32_t may = NINEP_APPEND | NINEP_NONBLOCK;
	struct ninep_fid *f = open_fid(c->from, c->in.tflags.fid);
	const struct ninep_handlers *h;
	unsigned error;

	if (!f)
		return NINEP_EBADF;
	h = ninep_handlers_of(&f->file);
	error = h->flags ? h->flags(ninep_open_file(f), c->in.tflags.flags & may) : 0;
	if (error)
		return error;
	f->flags = (f->flags & ~may) | (c->in.tflags.flags & may);
	if (f->shared)
		f->shared->flags = f->flags;
	return 0;
}

/* --- offsets of reads and writes ------------------------------------------------------------------------ */

unsigned ninep_offset(const struct ninep_fid *f, uint64_t *offset)
{
	if (*offset != NINEP_HERE)
		return 0;
	if (!f->shared)
		return NINEP_EINVAL;
	*offset = f->shared->offset;
	return 0;
}

void ninep_advance(const struct ninep_connection *n, const struct ninep_fid *f, bool written, uint32_t count)
{
	struct ninep_attr a;

	f->shared->offset += count;
	if (written && f->shared->flags & NINEP_APPEND && !ninep_tree_attr(n->root, &f->file, &a))
		f->shared->offset = a.size;
}
