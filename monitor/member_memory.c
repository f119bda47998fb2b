/*
 * Unmap and protect in a process that spans cores: the page tables change here, then
 * every core of the process forgets its translations, and only then is it done.
 *
 * The CPU driver that has the frame's capability changes the entries; a frame that is
 * unmapped stays taken until the last core has acknowledged, so its memory cannot be used
 * again before.  The cores are those of the group after the change: one that joins later never
 * saw the old entries.  Of one process, one unmap is under way at a time: a frame that is
 * mapped and unmapped again meanwhile would else be freed after the flush of the one before.
 */
#include "monitor/members.h"
#include "libos/core/invoke.h"

#define FLUSHES_MAX 64

static struct flush {
	struct request request;
	uint64_t pid;
	bool used, unmaps;
	bool waits; /* for the unmap before it */
} flushes[FLUSHES_MAX];
static unsigned flushes_used;

void member_flush_commit(const struct proposal *p)
{
	(void)p;
	kernel_flush(TASK_KERNEL);
}

/* Nobody has more than are left for others. */
static bool flush_room(uint64_t pid)
{
	unsigned own = 0;

	if (flushes_used < FLUSHES_MAX / 2)
		return true;
	for (unsigned i = 0; i < FLUSHES_MAX; i++)
		own += flushes[i].used && flushes[i].pid == pid;
	return own < FLUSHES_MAX - flushes_used;
}

static struct flush *flush_new(const struct process *p, const struct request *r, bool unmaps)
{
	if (!flush_room(p->pid))
		return NULL;
	for (unsigned i = 0; i < FLUSHES_MAX; i++) {
		if (flushes[i].used)
			continue;
		flushes[i] = (struct flush){ .request = *r, .pid = p->pid, .used = true, .unmaps = unmaps };
		flushes_used++;
		return &flushes[i];
	}
	return NULL;
}

static void flush_end(struct flush *f, err_t err);

static void flushed(uint64_t context, err_t err, const struct proposal *proposal)
{
	struct flush *f = &flushes[context];
	struct process *p = member_find(proposal->group);

	for (unsigned i = 1; i < MON_PAYLOAD && f->unmaps && p; i++) {
		err_t unmapped = ERR_OK;

		if (f->request.m.word[i])
			unmapped = kernel_unmap(TASK_KERNEL, process_cap(p, (uint32_t)f->request.m.word[i]), true);
		if (!err)
			err = unmapped;
	}
	flush_end(f, err);
}

static void flush_all(struct process *p, struct flush *f)
{
	struct proposal proposal = { .group = p->pid, .subject = SUBJECT_FLUSH };
	err_t err = ERR_NOT_FOUND;

	if (member_spans(p))
		err = one_phase(&proposal, flushed, (uint64_t)(f - flushes));
	if (err == ERR_NOT_FOUND) {
		kernel_flush(TASK_KERNEL);
		err = ERR_OK;
		flushed((uint64_t)(f - flushes), ERR_OK, &proposal);
	}
	/* Too many rounds: it is asked again, and finds what it asked for done but for the flush. */
	if (err)
		flush_end(f, err);
}

static void unmap_begin(struct process *p, struct flush *f)
{
	const uint64_t *w = f->request.m.word;
	err_t err = p ? ERR_OK : ERR_NO_PROCESS;
	cptr_t slot;

	for (unsigned i = 1; i < MON_PAYLOAD && !err; i++) {
		if (!w[i])
			continue;
		err = process_slot(p, w[i], &slot);
		if (!err)
			err = kernel_unmap(TASK_KERNEL, slot, false);
	}
	if (err)
		flush_end(f, err);
	else
		flush_all(p, f);
}

/* An unmap of the process that is under way, or waits. */
static struct flush *unmap_of(uint64_t pid, bool waits)
{
	for (unsigned i = 0; i < FLUSHES_MAX && flushes_used; i++) {
		struct flush *f = &flushes[i];

		if (f->used && f->unmaps && f->waits == waits && f->pid == pid)
			return f;
	}
	return NULL;
}

static void flush_end(struct flush *f, err_t err)
{
	struct request request = f->request;
	struct flush *next;

	f->used = false;
	flushes_used--;
	request_reply(&request, err, NULL);
	next = f->unmaps ? unmap_of(f->pid, true) : NULL;
	if (!next)
		return;
	next->waits = false;
	unmap_begin(member_find(next->pid), next);
}

void member_unmap_here(struct process *p, struct request *r)
{
	bool waits = unmap_of(p->pid, false);
	struct flush *f = flush_new(p, r, true);

	if (!f) {
		request_reply(r, ERR_AGAIN, NULL);
		return;
	}
	f->waits = waits;
	if (!waits)
		unmap_begin(p, f);
}

void member_protect_here(struct process *p, struct request *r)
{
	const uint64_t *w = r->m.word;
	struct flush *f = flush_new(p, r, false);
	cptr_t slot;
	err_t err = f ? process_slot(p, w[1], &slot) : ERR_AGAIN;

	if (!err)
		err = kernel_protect(TASK_KERNEL, slot, (unsigned)(w[2] & 0xffff), (unsigned)(w[2] >> 16 & 0xffff),
				     (unsigned)w[3]);
	if (!err)
		flush_all(p, f);
	else if (f)
		flush_end(f, err);
	else
		request_reply(r, err, NULL);
}
