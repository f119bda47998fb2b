/* A client's fids, on the server's side: what each stands for, and whether it is open. */
#include <stdlib.h>

#include "libos/ninep/server.h"

static struct ninep_fid **bucket_of(struct ninep_connection *n, uint32_t fid)
{
	return &n->bucket[fid % NINEP_FID_BUCKETS];
}

struct ninep_fid *ninep_fid_find(struct ninep_connection *n, uint32_t fid)
{
	struct ninep_fid *f = n->recent;

	if (f && f->fid == fid)
		return f;
	for (f = *bucket_of(n, fid); f && f->fid != fid; f = f->next)
		;
	if (f)
		n->recent = f;
	return f;
}

unsigned ninep_fid_add(struct ninep_connection *n, uint32_t fid, const struct ninep_file *file)
{
	struct ninep_fid *f;

	if (fid == NINEP_NO_FID || ninep_fid_find(n, fid))
		return NINEP_EBADF;
	if (n->fids == NINEP_FIDS_MAX)
		return NINEP_EMFILE;
	f = n->spare ? n->spare : malloc(sizeof(*f));
	if (!f)
		return NINEP_ENOMEM;
	n->spare = NULL;
	*f = (struct ninep_fid){ .next = *bucket_of(n, fid), .fid = fid, .file = *file };
	*bucket_of(n, fid) = f;
	n->recent = f;
	n->fids++;
	if (ninep_handlers_of(file)->hold)
		ninep_handlers_of(file)->hold(file);
	return 0;
}

void ninep_fid_move(struct ninep_fid *f, const struct ninep_file *to)
{
	struct ninep_file old = f->file;

	if (ninep_handlers_of(to)->hold)
		ninep_handlers_of(to)->hold(to);
	f->file = *to;
	if (ninep_handlers_of(&old)->drop)
		ninep_handlers_of(&old)->drop(&old);
}

void ninep_fid_close(struct ninep_connection *n, struct ninep_fid *f)
{
	if (f->open && ninep_handlers_of(&f->file)->unlock)
		ninep_handlers_of(&f->file)->unlock(n, &f->file);
	if (f->open && ninep_handlers_of(&f->file)->left)
		ninep_handlers_of(&f->file)->left(n, &f->file, f->fid);
	if (f->shared) {
		ninep_shared_drop(f->shared);
	} else {
		if (f->open && ninep_handlers_of(&f->file)->close)
			ninep_handlers_of(&f->file)->close(&f->file);
		free(f->text);
	}
	f->shared = NULL;
	f->text = NULL;
	f->open = false;
}

/* It is in no bucket any more. */
static void fid_free(struct ninep_connection *n, struct ninep_fid *f)
{
	n->fids--;
	n->recent = NULL;
	ninep_fid_close(n, f);
	if (ninep_handlers_of(&f->file)->drop)
		ninep_handlers_of(&f->file)->drop(&f->file);
	if (n->spare)
		free(f);
	else
		n->spare = f;
}

void ninep_fid_remove(struct ninep_connection *n, struct ninep_fid *f)
{
	struct ninep_fid **at = bucket_of(n, f->fid);

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	fid_free(n, f);
}

void ninep_fids_clear(struct ninep_connection *n)
{
	struct ninep_fid *f;

	for (unsigned i = 0; i < NINEP_FID_BUCKETS; i++)
		while ((f = n->bucket[i])) {
			n->bucket[i] = f->next;
			fid_free(n, f);
		}
	free(n->spare);
	n->spare = NULL;
}
