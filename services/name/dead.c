/*
 * Watching the processes that have names.
 *
 * `pids` is an open hash of those that are watched, or to be.  Ends are told in the dispatcher's scheduler, which
 * only notes them; when it has no room, or does not know, everything is looked at again, for mon_watch
 * says as well that a process is not there any more.
 */
#include "services/name/dead.h"

#include "libos/core/monitor_client.h"

#include <stdlib.h>
#include <string.h>

#define NOTES 64 /* a power of two */

/* States of an entry: to be watched, watched, ended (its names are to be removed). */
enum { TO_WATCH, WATCHED, ENDED };

static struct {
	struct kv_replicated *kv;
	struct mon_watcher watcher;
	struct event event;
	uint64_t notes[NOTES]; /* written in the scheduler */
	uint32_t noted, taken;
	bool look_again;
	struct pid {
		uint64_t pid; /* 0: free */
		uint32_t state;
	} * pids;
	uint32_t size, count;
	bool work; /* some entry is not WATCHED */
} dead;

static void gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w, (void)cause, (void)status;
	if (dead.noted - dead.taken == NOTES)
		dead.look_again = true;
	else
		dead.notes[dead.noted++ % NOTES] = pid;
	event_raise(&dead.event);
}

/* --- the set of processes ------------------------------------------------------------- */

static uint32_t place_of(const struct pid *pids, uint32_t size, uint64_t pid)
{
	uint32_t i = (uint32_t)(pid * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (size - 1);

	while (pids[i].pid && pids[i].pid != pid)
		i = (i + 1) & (size - 1);
	return i;
}

/* Twice as large, without those that are over. False: no memory. */
static bool pids_grow(void)
{
	uint32_t size = dead.size ? dead.size * 2 : 64;
	struct pid *pids = calloc(size, sizeof *pids);

	if (!pids)
		return false;
	for (uint32_t i = 0; i < dead.size; i++)
		if (dead.pids[i].pid)
			pids[place_of(pids, size, dead.pids[i].pid)] = dead.pids[i];
	free(dead.pids);
	dead.pids = pids;
	dead.size = size;
	return true;
}

static void pid_remove(uint32_t i)
{
	uint32_t mask = dead.size - 1;

	dead.pids[i].pid = 0;
	dead.count--;
	/* Those behind it must be found without it. */
	for (i = (i + 1) & mask; dead.pids[i].pid; i = (i + 1) & mask) {
		struct pid moved = dead.pids[i];

		dead.pids[i].pid = 0;
		dead.pids[place_of(dead.pids, dead.size, moved.pid)] = moved;
	}
}

void dead_process(uint64_t pid)
{
	uint32_t i;

	/* Without memory it is not watched; its names stay till somebody removes them. */
	if (dead.count * 2 >= dead.size && !pids_grow())
		return;
	i = place_of(dead.pids, dead.size, pid);
	if (dead.pids[i].pid)
		return;
	dead.pids[i] = (struct pid){ .pid = pid };
	dead.count++;
	dead.work = true;
	if (dead.kv->leading)
		event_signal(&dead.event);
}

static void look_again(void)
{
	for (uint32_t i = 0; i < dead.size; i++)
		if (dead.pids[i].pid && dead.pids[i].state == WATCHED)
			dead.pids[i].state = TO_WATCH;
	dead.work = true;
}

/* Number 0: all of that core. */
static void note_take(uint64_t pid)
{
	for (uint32_t i = 0; i < dead.size; i++) {
		uint64_t known = dead.pids[i].pid;

		if (known && (known == pid || (!(uint32_t)pid && known >> 32 == pid >> 32)))
			dead.pids[i].state = ENDED;
	}
	dead.work = true;
}

/* --- the thread --------------------------------------------------------------------------- */

static void names_remove(uint64_t pid)
{
	struct name_change c = { .kind = CHANGE_GONE, .mailbox.pid = pid };
	unsigned char change[sizeof c + 1];

	kv_write(dead.kv, NULL, change, replica_pack(change, &c, ""));
}

/* What blocks may change the table of processes: so each is looked up again. */
static void process_do(uint64_t pid, uint32_t state)
{
	err_t err = state == ENDED ? ERR_NO_PROCESS : mon_watch(pid);
	uint32_t i;

	if (err == ERR_NO_PROCESS || err == ERR_CORE_TIMEOUT || err == ERR_CORE_ID)
		names_remove(pid);
	i = place_of(dead.pids, dead.size, pid);
	if (!dead.pids[i].pid)
		return;
	if (err == ERR_NO_PROCESS || err == ERR_CORE_TIMEOUT || err == ERR_CORE_ID)
		pid_remove(i);
	else if (dead.pids[i].state == state)
		dead.pids[i].state = WATCHED;
}

static void processes_do(void)
{
	dead.work = false;
	for (uint32_t i = 0; i < dead.size && dead.kv->leading; i++)
		if (dead.pids[i].pid && dead.pids[i].state != WATCHED) {
			process_do(dead.pids[i].pid, dead.pids[i].state);
			dead.work = true; /* one more look from the start: they may have moved */
		}
}

static void *watch_main(void *arg)
{
	(void)arg;
	for (;;) {
		event_wait(&dead.event, 0);
		if (dead.look_again) {
			dead.look_again = false;
			look_again();
		}
		while (dead.taken != dead.noted)
			note_take(dead.notes[dead.taken++ % NOTES]);
		while (dead.work && dead.kv->leading)
			processes_do();
	}
	return NULL;
}

void dead_lead(void)
{
	dead.look_again = true;
	event_signal(&dead.event);
}

void dead_init(struct kv_replicated *kv)
{
	dead.kv = kv;
	event_init(&dead.event);
}

err_t dead_start(void)
{
	struct thread *t;
	err_t err;

	dead.watcher.gone = gone;
	mon_watcher_add(&dead.watcher);
	err = thread_create(&t, watch_main, NULL);
	if (!err)
		thread_detach(t);
	return err;
}
