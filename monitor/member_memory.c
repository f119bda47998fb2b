/*
 * Unmap and protect in a process that spans cores: the page tables change here, then
 * every core of the process forgets its translations, and only then is it done.
 *
 * The CPU driver that has the frame's capability changes the entries; a frame that is
 * unmapped stays taken until the last core has acknowledged, so its memory cannot be used
 * again before.  The cores are those of the group after the change: one that joins later never
 * saw the old entries.  Of one process, one unmap is under way at a time: a frame that is
 * mapped and unmapped again meanwhile would else be freed after the flush of the one before.
 *
 * Who shares a cnode with another process may change what that has mapped in its own address
 * space.  Then all cores forget, and no other unmap is under way here meanwhile.
 */
#include "monitor/members.h"
#include "libos/core/invoke.h"
#include "monitor/caps/caps.h"

#define FLUSHES_MAX 64

static struct flush {
	struct request request;
	uint64_t pid;
	bool used, unmaps;
	bool all;   /* in another's address space, or one that is not known: all cores forget */
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
	struct process *p = member_find(f->pid);

	(void)proposal;
	for (unsigned i = 1; i < MON_PAYLOAD && f->unmaps && p; i++) {
		err_t unmapped = ERR_OK;
		uint64_t table;

		if (f->request.m.word[i])
			unmapped =
				kernel_unmap(TASK_KERNEL, process_cap(p, (uint32_t)f->request.m.word[i]), true, &table);
		if (!err)
			err = unmapped;
	}
	flush_end(f, err);
}

static void flush_all(struct process *p, struct flush *f)
{
	struct proposal proposal = { .group = f->all ? GROUP_ALL : p->pid, .subject = SUBJECT_FLUSH };
	err_t err = ERR_NOT_FOUND;

	if (f->all || member_spans(p))
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

/*
 * Is an unmap under way that one of `pid` has to wait for? In another's address space it is alone. `f`: its own;
 * NULL: it is new, and lets those pass that wait to be alone.
 */
static bool unmap_blocked(const struct flush *f, uint64_t pid)
{
	if (flushes_used == (f != NULL))
		return false;
	for (unsigned i = 0; i < FLUSHES_MAX; i++) {
		const struct flush *g = &flushes[i];

		if (g == f || !g->used || !g->unmaps)
			continue;
		if (g->waits ? g->all && !f : g->pid == pid || g->all || (f && f->all))
			return true;
	}
	return false;
}

/* Who shares a cnode with others may have changed what they have mapped in their address space. */
static void table_note(const struct process *p, struct flush *f, uint64_t table)
{
	if (table && caps_table_pid(table) != p->pid)
		f->all = true;
}

static void unmap_begin(struct process *p, struct flush *f)
{
	const uint64_t *w = f->request.m.word;
	err_t err = p ? ERR_OK : ERR_NO_PROCESS;
	bool alone = f->all;
	uint64_t table;
	cptr_t slot;

	for (unsigned i = 1; i < MON_PAYLOAD && !err; i++) {
		if (!w[i])
			continue;
		err = process_slot(p, w[i], &slot);
		if (!err)
			err = kernel_unmap(TASK_KERNEL, slot, false, &table);
		if (!err)
			table_note(p, f, table);
	}
	/* It begins anew when it is alone: else what is mapped again meanwhile would be freed by another's flush. */
	f->waits = !err && f->all && !alone && unmap_blocked(f, f->pid);
	if (err)
		flush_end(f, err);
	else if (!f->waits)
		flush_all(p, f);
}

static void unmaps_go_on(void)
{
	for (unsigned i = 0; i < FLUSHES_MAX && flushes_used; i++) {
		struct flush *f = &flushes[i];

		if (!f->used || !f->waits || unmap_blocked(f, f->pid))
			continue;
		f->waits = false;
		unmap_begin(member_find(f->pid), f);
	}
}

static void flush_end(struct flush *f, err_t err)
{
	struct request request = f->request;
	bool unmaps = f->unmaps;

	f->used = false;
	flushes_used--;
	request_reply(&request, err, NULL);
	if (unmaps)
		unmaps_go_on();
}

void member_unmap_here(struct process *p, struct request *r)
{
	bool waits = unmap_blocked(NULL, p->pid);
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
	uint64_t table;
	cptr_t slot;
	err_t err = f ? process_slot(p, w[1], &slot) : ERR_AGAIN;

	if (!err)
		err = kernel_protect(TASK_KERNEL, slot, w[2] & UINT32_MAX, (unsigned)w[3], &table);
	if (!err) {
		table_note(p, f, table);
		flush_all(p, f);
	} else if (f) {
		flush_end(f, err);
	} else {
		request_reply(r, err, NULL);
	}
}
