/*
 * Watched processes: process.h.
 *
 * Monitors tell of ends by a handler in disabled mode, which only notes them; a thread of its own does the rest.
 * Records of ended processes are kept for a while, for those who ask late or again.
 */
#include "services/proc/process.h"

#include <stdlib.h>

#include "libos/core/monitor_client.h"
#include "services/proc/ids.h"
#include "services/proc/place.h"

#define BUCKETS 256    /* a power of two */
#define NOTES 1024     /* likewise: ends that the thread has not come to; with more it looks for itself */
#define LATE_LEAST 512 /* records of ended ones that are kept in any case */
#define LATE_MOST 8192 /* ... at most */
#define LATE_MS 10000  /* ... for so long, between those */

struct waiter {
	struct waiter *next;
	struct rpc_later later;
};

struct watched {
	struct watched *next;
	struct record record;
	struct waiter *waiters;
	bool ending; /* a thread is at it */
};

/* One that has ended, whose record is kept for a while. */
struct late {
	struct late *next;
	struct record record;
	cycles_t when;
};

struct note {
	uint64_t pid, status;
	unsigned cause;
};

static struct {
	struct fleet *fleet;
	struct watched *of[BUCKETS]; /* by number */
	struct proc_statistics count;
	struct late *late, *late_last; /* ended ones, as they ended */
	uint32_t late_count;
	struct mon_watcher watcher;
	/* Written in disabled mode. */
	struct note note[NOTES];
	uint32_t noted, taken;
	bool missed;
	bool adopt; /* the view has changed */
	struct event news;
} processes;

/* --- the table ------------------------------------------------------------------------------ */

static struct watched **place_of(uint32_t id)
{
	struct watched **at = &processes.of[id % BUCKETS];

	while (*at && (*at)->record.id != id)
		at = &(*at)->next;
	return at;
}

static struct watched *watched_of_pid(uint64_t pid)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct watched *w = processes.of[i]; w; w = w->next)
			if (w->record.pid == pid)
				return w;
	return NULL;
}

static void waiters_answer(struct watched *w, const struct proc_end *end)
{
	while (w->waiters) {
		struct waiter *next = w->waiters->next;

		proc_wait_answer(&w->waiters->later, ERR_OK, end);
		free(w->waiters);
		w->waiters = next;
	}
}

/* The oldest go, if they are still as they were then: nobody has taken them over. */
static void late_sweep(void)
{
	cycles_t now = fabric_now(processes.fleet->fabric);

	while (processes.late_count > LATE_LEAST &&
	       (processes.late_count > LATE_MOST || now - processes.late->when > fleet_ms(processes.fleet, LATE_MS))) {
		struct late *l = processes.late;

		processes.late = l->next;
		processes.late_count--;
		if (id_keep(l->record.id)) {
			if (record_remove(&l->record))
				id_give(l->record.id);
			else
				id_settle(l->record.id);
		}
		free(l);
	}
}

static void late_add(const struct record *r)
{
	struct late *l = malloc(sizeof *l);

	if (!l)
		return; /* its number stays in use */
	*l = (struct late){ .record = *r, .when = fabric_now(processes.fleet->fabric) };
	if (processes.late)
		processes.late_last->next = l;
	else
		processes.late = l;
	processes.late_last = l;
	processes.late_count++;
	late_sweep();
}

/* --- ends ------------------------------------------------------------------------------------ */

static void ended(struct watched *w, unsigned cause, uint64_t status)
{
	struct proc_end end = { .status = status, .cause = cause, .id = w->record.id };
	struct watched **at;

	if (w->ending)
		return;
	w->ending = true;
	w->record.state = PROC_ENDED;
	w->record.cause = cause;
	w->record.status = status;
	/* Who asks from here on finds it in the record: no waiter is added once that is written. */
	record_put(&w->record);
	at = place_of(w->record.id);
	*at = w->next;
	core_count_change((coreid_t)w->record.core, -1);
	processes.count.ended++;
	processes.count.running--;
	waiters_answer(w, &end);
	late_add(&w->record);
	free(w);
}

/* It ended before it could be watched: its monitor may still know how. Another thread may be quicker. */
static void ended_unseen(uint32_t id, uint64_t pid)
{
	unsigned cause = MON_KILLED;
	uint64_t status = ERR_NO_PROCESS;
	struct watched *w;

	mon_wait(pid, &cause, &status);
	w = *place_of(id);
	if (w && w->record.pid == pid)
		ended(w, cause, status);
}

static void core_lost(coreid_t core)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct watched *w = processes.of[i], *next; w; w = next) {
			next = w->next;
			if (w->record.pid >> 32 != core || w->ending)
				continue;
			ended(w, MON_KILLED, ERR_CORE_DOWN);
			/* That made calls, and the list may be another one. */
			next = processes.of[i];
		}
}

/* Watches it. True: there is nothing to watch any more. */
static bool is_gone(uint64_t pid)
{
	err_t err = mon_watch(pid);

	return err == ERR_NO_PROCESS || err == ERR_CORE_TIMEOUT;
}

/* Notes were lost: every process is asked for. */
static void look_at_all(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct watched *w = processes.of[i]; w;) {
			uint64_t pid = w->record.pid;
			uint32_t id = w->record.id;

			/* These make calls, and the list may be another one. */
			if (is_gone(pid))
				ended_unseen(id, pid);
			w = *place_of(id) ? (*place_of(id))->next : processes.of[i];
		}
}

static void note_take(const struct note *n)
{
	struct watched *w;

	if ((uint32_t)n->pid == 0) {
		core_lost((coreid_t)(n->pid >> 32));
		return;
	}
	w = watched_of_pid(n->pid);
	if (w)
		ended(w, n->cause, n->status);
}

void process_adopt(const struct record *r)
{
	struct record now;

	if (view_get(&processes.fleet->view, r->watcher) || record_get(r->id, &now) || now.ticket != r->ticket ||
	    view_get(&processes.fleet->view, now.watcher))
		return;
	if (now.state == PROC_RUNNING) {
		process_watch(&now);
		return;
	}
	/* Ended; or never started: whoever asked for it asks again, and if not, it goes with the rest. */
	now.watcher = processes.fleet->number;
	record_put(&now);
	late_add(&now);
}

static void *reaper(void *unused)
{
	for (;;) {
		event_wait(&processes.news, 0);
		while (mem_load32(&processes.noted) != processes.taken) {
			struct note n = processes.note[processes.taken % NOTES];

			mem_store32(&processes.taken, processes.taken + 1);
			note_take(&n);
		}
		if (processes.missed) {
			processes.missed = false;
			look_at_all();
		}
		if (processes.adopt) {
			processes.adopt = false;
			records_own(process_adopt);
		}
	}
	return unused;
}

/* In disabled mode. */
static void gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w;
	if (processes.noted - processes.taken < NOTES)
		processes.note[processes.noted++ % NOTES] = (struct note){ pid, status, cause };
	else
		processes.missed = true;
	event_raise(&processes.news);
}

/* --- for the handlers -------------------------------------------------------------------------- */

err_t processes_open(struct fleet *f)
{
	struct thread *t;
	err_t err;

	processes.fleet = f;
	event_init(&processes.news);
	err = thread_create(&t, reaper, NULL);
	if (err)
		return err;
	thread_detach(t);
	processes.watcher.gone = gone;
	mon_watcher_add(&processes.watcher);
	return ERR_OK;
}

err_t process_watch(struct record *r)
{
	struct watched *w = *place_of(r->id);

	if (!w) {
		struct watched *made = calloc(1, sizeof *made);

		if (!made)
			return ERR_NO_MEMORY;
		w = *place_of(r->id); /* memory may have been waited for, and others have come and gone */
		if (w) {
			free(made);
		} else {
			*place_of(r->id) = w = made;
			processes.count.running++;
		}
	}
	if (w->ending)
		return ERR_OK;
	r->watcher = processes.fleet->number;
	r->state = PROC_RUNNING;
	w->record = *r;
	record_put(r);
	if (is_gone(r->pid))
		ended_unseen(r->id, r->pid);
	return ERR_OK;
}

err_t process_await(uint32_t id, struct rpc_call *call)
{
	struct waiter *one = malloc(sizeof *one);
	struct watched *w = *place_of(id); /* behind the malloc, which may wait */

	if (!one)
		return ERR_NO_MEMORY;
	if (!w) {
		free(one);
		return ERR_NO_PROCESS;
	}
	one->next = w->waiters;
	w->waiters = one;
	rpc_later(call, &one->later);
	return ERR_OK;
}

void processes_adopt(void)
{
	processes.adopt = true;
	event_signal(&processes.news);
}

/* What an earlier fleet knew of it beyond that died with it. */
static err_t process_find(coreid_t core, const struct mon_process *p)
{
	struct record r = { .ticket = p->ticket, .pid = p->pid, .id = p->id, .core = core };
	uint32_t id = p->id;
	err_t err = process_watch(&r);

	if (!err && p->ticket)
		err = ticket_take(p->ticket, &id);
	return err == ERR_EXISTS ? ERR_OK : err;
}

err_t processes_find(void)
{
	struct mon_process p;
	struct mon_core c;
	err_t err = ERR_OK;

	for (coreid_t core = 0; core < CORES_MAX && !err && !mon_core(core, &c); core++)
		for (unsigned i = 0; c.state == MON_CORE_UP && !err && !mon_ps_id(core, i, &p); i++)
			if (p.id)
				err = process_find(core, &p);
	return err;
}

void processes_count(struct proc_statistics *out)
{
	*out = processes.count;
	out->free = ids_free();
}
