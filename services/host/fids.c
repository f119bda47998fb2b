/* See fids.h. */
#include "services/host/fids.h"

#include <stdlib.h>

#include "libos/ninep/server.h"

static struct fid *orphans;
static uint32_t *spare, spares, spare_room, given; /* numbers that came back; how many were ever made */
static uint32_t known;

static struct fid **bucket_of(struct fid_table *t, uint32_t number) { return &t->bucket[number % FID_BUCKETS]; }

struct fid *fid_find(const struct fid_table *t, uint32_t number)
{
	struct fid *f = t->bucket[number % FID_BUCKETS];

	while (f && f->number != number)
		f = f->next;
	return f;
}

/* Room to take every number back is made before it is given. */
static bool number_take(uint32_t *number)
{
	uint32_t room = spare_room ? 2 * spare_room : 64, *more;

	if (spares) {
		*number = spare[--spares];
		return true;
	}
	if (given == spare_room) {
		more = realloc(spare, room * sizeof(*more));
		if (!more)
			return false;
		spare = more;
		spare_room = room;
	}
	*number = given++;
	return true;
}

unsigned fid_new(struct fid_table *t, uint32_t number, struct fid **out)
{
	struct fid *f;

	if (number == NINEP_NO_FID || fid_find(t, number))
		return NINEP_EBADF;
	if (t->count == NINEP_FIDS_MAX)
		return NINEP_EMFILE;
	f = malloc(sizeof(*f));
	if (!f || !number_take(&f->device)) {
		free(f);
		return NINEP_ENOMEM;
	}
	f->owner = t;
	f->number = number;
	f->state = FID_COMING;
	f->next = *bucket_of(t, number);
	*bucket_of(t, number) = f;
	t->count++;
	known++;
	*out = f;
	return 0;
}

void fid_disown(struct fid *f)
{
	struct fid **at;

	if (!f->owner)
		return;
	at = bucket_of(f->owner, f->number);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->owner->count--;
	f->owner = NULL;
}

void fid_free(struct fid *f)
{
	fid_disown(f);
	spare[spares++] = f->device;
	known--;
	free(f);
}

void fid_orphan(struct fid *f)
{
	f->next = orphans;
	orphans = f;
}

void fids_end(struct fid_table *t)
{
	struct fid *f;

	for (unsigned i = 0; i < FID_BUCKETS; i++)
		while ((f = t->bucket[i])) {
			fid_disown(f);
			if (f->state == FID_HERE)
				fid_orphan(f);
		}
}

struct fid *fid_next_orphan(void)
{
	struct fid *f = orphans;

	if (!f)
		return NULL;
	orphans = f->next;
	f->state = FID_GOING;
	return f;
}

uint32_t fids_known(void) { return known; }
