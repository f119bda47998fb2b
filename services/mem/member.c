/*
 * The memory file system as a fleet: the first member serves, the next one mirrors it.
 *
 * Who serves is the coordinator. It has the files, a thread that speaks 9P, and announces them as MEM_FILES; all that
 * its clients change it tells its mirror (mirror.h, libos/ninep/log.h). When it dies the mirror finds the log ended,
 * takes what is left of it, and serves: its clients come with what they had. When somebody new comes, and there is
 * no mirror, it gets the whole state before the fleet counts it in; nobody is served meanwhile.
 *
 * Threads: the library's; `files`, which serves or mirrors, and alone touches the files and the log.
 */
#include "services/mem/member.h"

#include <string.h>
#include <time.h>

#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/fleet/fleet.h"
#include "services/mem/copy.h"
#include "services/mem/extent.h"
#include "services/mem/mirror.h"
#include "services/mem/tree.h"

#define YIELD_EVERY 32 /* turns, records: the library's threads have their turn, too */
#define ORPHAN_MS 50   /* between two looks for clients that have ended before they came */

enum member_state {
	MEMBER_NEW,    /* it has nothing */
	MEMBER_MIRROR, /* it has, or gets, what another has */
	MEMBER_SERVES,
};

static struct member {
	struct fleet *fleet;
	struct memfs fs;
	struct ninep_server server;
	enum member_state state;
	struct mutex lock;   /* for `changed` only */
	struct cond changed; /* state, what is asked */
	unsigned turns;
	/* mirroring */
	struct service log; /* where the one who serves sends it */
	struct wait_set log_set;
	struct mirror_in in;
	struct mem_copy copy;
	/* serving */
	struct mirror_out out;
	uint32_t mirror; /* its number */
	bool mirrored;   /* there is one */
	bool asked;      /* there shall be: `mirror`, at `at` */
	struct mailbox at;
	struct mem_time said; /* by the clock, for the request that is served */
	bool held;            /* it says so till that is told */
	bool ended;           /* a process has: perhaps that of a client who has not come yet */
	struct mon_watcher watcher;
} self;

static _Noreturn void end(const char *why)
{
	mon_log(why);
	mon_exit(1);
}

static void self_wake(void) { cond_broadcast(&self.changed); }

/* For threads of the library: till somebody wakes. */
static void self_wait(void)
{
	rpc_release(&self.fleet->server);
	mutex_lock(&self.lock);
	cond_wait(&self.changed, &self.lock, 0);
	mutex_unlock(&self.lock);
}

/* --- the clock ---------------------------------------------------------------------------------------- */

static struct mem_time clock_now(void)
{
	struct timespec t = { 0 };

	/* A machine without a clock counts from its start. */
	if (clock_gettime(CLOCK_REALTIME, &t))
		clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mem_time){ (uint64_t)t.tv_sec, (uint64_t)t.tv_nsec };
}

/* One request has one time where the mirror is to have the same. */
struct mem_time mem_clock(void)
{
	if (self.state != MEMBER_MIRROR && !self.server.log)
		return clock_now();
	if (!self.held) {
		self.said = clock_now();
		self.held = true;
	}
	return self.said;
}

static void clock_say(struct mem_time t)
{
	self.said = t;
	self.held = true;
}

static void log_told(struct ninep_log *l)
{
	(void)l;
	self.held = false;
}

static void log_put(struct ninep_log *l, struct ninep_record *r, const void *message, const void *payload)
{
	if (r->kind == NINEP_RECORD_REQUEST) {
		r->time[0] = self.said.seconds;
		r->time[1] = self.said.nanoseconds;
	}
	mirror_put(l, r, message, payload);
}

/* --- serving, by the thread `files` ---------------------------------------------------------------------- */

/* One that we do not tell everything must not serve after us. */
static void mirror_lose(void)
{
	(void)mon_kill(self.at.pid);
	self.server.log = NULL;
	mirror_close(&self.out);
	self.mirrored = false;
	mem_stores_set(&self.fs, true);
	self_wake();
}

static void mirror_make(void)
{
	err_t err = mirror_open(&self.out, self.fleet->fabric, &self.at);

	if (!err) {
		mem_stores_set(&self.fs, false);
		self.out.log.put = log_put;
		self.out.log.told = log_told;
		self.held = false;
		self.server.log = &self.out.log;
		mem_copy_save(&self.server, &self.fs);
		self.mirrored = true;
	}
	self.asked = false;
	self_wake();
}

/* In the dispatcher's scheduler. */
static void process_gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w, (void)pid, (void)cause, (void)status;
	self.ended = true;
}

/* Clients that have not come yet, and never will. */
static void orphans_end(void)
{
	struct ninep_connection *n = self.server.shadows, *next;

	self.ended = false;
	for (; n; n = next) {
		next = n->next;
		if (mon_watch(n->pid) == ERR_NO_PROCESS)
			ninep_shadow_free(n);
	}
}

static cycles_t files_turn(struct ninep_server *s)
{
	if (self.asked || self.out.lost) {
		if (self.out.lost && self.mirrored)
			mirror_lose();
		if (self.asked)
			mirror_make();
	}
	if (s->shadows && self.ended)
		orphans_end();
	if (++self.turns % YIELD_EVERY == 0)
		thread_yield();
	return s->shadows ? fabric_now(s->fabric) + fleet_ms(self.fleet, ORPHAN_MS) : 0;
}

static void *files_serve(void *arg)
{
	struct ninep_server *s = &self.server;
	err_t err;

	(void)arg;
	s->turn = files_turn;
	/* The name may still be that of the one who died, too. */
	err = service_export_as(s->fabric, MEM_FILES, SERVICE_SHARED, &s->service);
	if (err)
		end(error_text(err));
	wait_set_serve(&s->set, &s->service);
	self.state = MEMBER_SERVES;
	self_wake();
	err = ninep_serve(s);
	end(error_text(err));
}

/* --- mirroring, by the thread `files` ---------------------------------------------------------------------- */

static unsigned record_take(void *arg, const struct ninep_record *r, const void *message, const void *payload)
{
	(void)arg;
	if (++self.turns % YIELD_EVERY == 0)
		thread_yield();
	return mem_copy_take(&self.copy, r, message, payload);
}

/* Till the one who serves is no more, and its memory, which clients may have mapped, is not there; then we do. */
static void *files_mirror(void *arg)
{
	err_t err = mirror_accept(&self.in, &self.log, &self.log_set);

	mem_copy_init(&self.copy, &self.server, &self.fs, clock_say);
	if (!err)
		err = mirror_run(&self.in, record_take, NULL);
	if (err != ERR_CLOSED || !self.copy.whole)
		end(err == ERR_CLOSED ? "mem: the one who serves died while its files came"
				      : "mem: the mirror has lost step, or has no memory");
	(void)mon_wait(self.in.channel.peer, NULL, NULL);
	mirror_end(&self.in);
	self.fs.quota = self.copy.quota;
	self.held = false;
	ninep_shadows_end(&self.server, 0);
	self.state = MEMBER_SERVES;
	mon_watcher_add(&self.watcher);
	orphans_end();
	return files_serve(arg);
}

static err_t files_begin(void *(*run)(void *arg))
{
	struct thread *files;
	err_t err = thread_create(&files, run, NULL);

	if (!err)
		thread_detach(files);
	return err;
}

/* --- the fleet's ------------------------------------------------------------------------------------------ */

/* Who serves asks where the log is to go. */
static err_t told(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
		  size_t *answered)
{
	struct mailbox at;
	size_t room = *answered;
	err_t err;

	(void)arg, (void)from, (void)what, (void)data, (void)bytes;
	*answered = 0;
	if (self.state != MEMBER_NEW || room < sizeof(at))
		return ERR_DENIED;
	self.state = MEMBER_MIRROR;
	err = wait_set_init(&self.log_set, self.fleet->fabric);
	if (!err)
		err = service_export_as(self.fleet->fabric, NULL, 0, &self.log);
	if (err)
		return err;
	wait_set_serve(&self.log_set, &self.log);
	at = service_mailbox(&self.log);
	err = files_begin(files_mirror);
	memcpy(answer, &at, sizeof(at));
	*answered = sizeof(at);
	return err;
}

static err_t init(struct fleet *f)
{
	err_t err = ninep_server_init(&self.server, f->fabric, mem_tree(&self.fs));

	self.fleet = f;
	self.server.keeps = true;
	self.watcher.gone = process_gone;
	mutex_init(&self.lock, false);
	cond_init(&self.changed);
	fleet_listen(f, FLEET_PORT_OWN, told, NULL);
	return err;
}

static err_t start(struct fleet *f)
{
	err_t err = f->view.count == 1 ? files_begin(files_serve) : ERR_OK;

	while (!err && f->view.count == 1 && self.state != MEMBER_SERVES)
		self_wait();
	return err;
}

/* The first of the others that stays. */
static bool mirror_choose(const struct fleet *f, uint32_t *number)
{
	for (uint32_t i = 0; i < f->view.count; i++) {
		*number = f->view.member[i].number;
		if (*number != f->number && f->view.member[i].state != FLEET_LEAVING)
			return true;
	}
	return false;
}

static void changed(struct fleet *f, const struct fleet_view *old)
{
	const struct fleet_member *first = view_coordinator(&f->view);
	size_t bytes = sizeof(self.at);

	(void)old;
	if (!first || first->number != f->number)
		return;
	if (self.state == MEMBER_NEW)
		end("mem: all who had the files are dead");
	while (self.state != MEMBER_SERVES) /* the one before us is dead, and its log soon read */
		self_wait();
	if (self.mirrored && !view_get(&f->view, self.mirror)) {
		self.out.lost = true;
		wait_set_interrupt(&self.server.set);
		while (self.mirrored)
			self_wait();
	}
	if (self.mirrored || !mirror_choose(f, &self.mirror) ||
	    fleet_ask(f, self.mirror, FLEET_PORT_OWN, 0, NULL, 0, &self.at, &bytes) || bytes != sizeof(self.at))
		return; /* who cannot take it is gone, or ends: another view will say so */
	self.asked = true;
	wait_set_interrupt(&self.server.set);
	while (self.asked)
		self_wait();
}

static const struct fleet_policy policy = { .most = 2 };
static const struct fleet_ops ops = {
	.name = MEM_FLEET, .policy = &policy, .init = init, .start = start, .changed = changed
};

int mem_member(int argc, char **argv, uint64_t quota)
{
	if (memfs_init(&self.fs, quota, mem_clock))
		end("mem: no memory");
	return fleet_main(argc, argv, &ops);
}
