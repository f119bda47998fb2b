/* See ninep_later.h. */
#include "tests/unit/ninep_later.h"

#include <assert.h>
#include <string.h>

struct ninep_pending later[LATER_MAX];
struct ninep_pending *later_last;

struct ninep_pending *ninep_later(struct ninep_call *c, void (*cancel)(struct ninep_pending *p, void *arg), void *arg)
{
	(void)c;
	for (unsigned i = 0; i < LATER_MAX; i++)
		if (!later[i].used) {
			later_last = &later[i];
			later_last->used = true;
			later_last->answered = false;
			later_last->cancel = cancel;
			later_last->arg = arg;
			return later_last;
		}
	return NULL;
}

void ninep_answer(struct ninep_pending *p, unsigned error, const void *data, uint32_t count)
{
	assert(p->used && !p->answered);
	p->answered = true;
	p->error = error;
	p->count = count;
	if (data && count <= LATER_BYTES)
		memcpy(p->data, data, count);
}

void later_cancel(struct ninep_pending *p)
{
	assert(p->used && !p->answered);
	p->used = false;
	p->cancel(p, p->arg);
}

void later_reset(void)
{
	for (unsigned i = 0; i < LATER_MAX; i++) {
		assert(!later[i].used || later[i].answered);
		later[i].used = false;
	}
}
