/*
 * Children: the table, what their monitors say of them, and wait in its forms.
 *
 * The table is changed in disabled mode, since the monitors' words come there, and under the guard of those that wait.
 */
#include "libos/posix/children.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/errno.h"
#include "libos/posix/inherit.h"
#include "libos/posix/own_room.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/thread/control.h"
#include "libos/thread/errand.h"

struct child {
	struct child *next;
	struct program program;
	pid_t number, group;
	bool known;    /* to the program: its start has returned, and it may be waited for */
	unsigned said; /* bits: enum child_word */
	int refused;   /* why it has taken nothing */
	bool ended;
	bool changed; /* stopped, or goes on, and nobody has been told */
	int status;   /* as wait gives it, of both */
};

static struct own_room room = { .bytes = sizeof(struct child) };
static struct child *children;
static struct thread_queue waiting;
static struct mon_watcher watcher;
static pid_t parent;

#define FORGOTTEN INT_MIN /* what look found is of no interest to anybody */

static int status_of(unsigned cause, uint64_t status)
{
	if (cause == MON_KILLED)
		return SIGKILL;
	if (cause == MON_FAULTED)
		return SIGSEGV;
	return status & EXIT_SIGNAL ? (int)(status & 0x7f) : (int)(status & 0xff) << 8;
}

/* --- what monitors say; in disabled mode -------------------------------------------------------- */

static void table_lock(void)
{
	dispatcher_disable();
	wait_lock(&waiting);
}

static void table_unlock(void)
{
	wait_unlock(&waiting);
	dispatcher_enable();
}

/* What there is to say of a child is new: to those who wait, and by a signal. */
static void news(const struct child *c)
{
	struct signal_info info = { .sender = c->number, .status = c->status };

	if (!c->ended)
		info.code = WIFSTOPPED(c->status) ? CLD_STOPPED : CLD_CONTINUED;
	else
		info.code = WIFEXITED(c->status) ? CLD_EXITED : CLD_KILLED;
	if (c->ended)
		info.status = WIFEXITED(c->status) ? WEXITSTATUS(c->status) : WTERMSIG(c->status);
	while (thread_wake(&waiting))
		;
	if (c->known && (c->ended || signal_children_stops_told()))
		signal_post(SIGCHLD, &info);
}

/* Of the first that `is`, or NULL, what it is now is written; a copy of it is told of. */
static bool change(uint64_t pid, bool ended, int status)
{
	struct child copy, *c = children;

	wait_lock(&waiting);
	while (c && (c->ended || (c->program.pid != pid && ((uint32_t)pid || c->program.pid >> 32 != pid >> 32))))
		c = c->next;
	if (c) {
		c->ended = ended;
		c->changed = true;
		c->status = status;
		copy = *c;
	}
	wait_unlock(&waiting);
	if (c)
		news(&copy);
	return c != NULL;
}

/* It goes on as another process, and is watched as that. */
static void replaced(uint64_t pid, uint64_t by)
{
	wait_lock(&waiting);
	for (struct child *c = children; c; c = c->next)
		if (c->program.pid == pid && !c->ended)
			c->program.pid = by;
	wait_unlock(&waiting);
}

static void refused(uint64_t pid, int error)
{
	wait_lock(&waiting);
	for (struct child *c = children; c; c = c->next)
		if (c->program.pid == pid)
			c->refused = error;
	wait_unlock(&waiting);
}

/* With number 0: all of that core. */
static void gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	(void)w;
	if (cause == MON_EXITED && status & MON_REPLACED) {
		replaced(pid, status & ~MON_REPLACED);
		return;
	}
	if (cause == MON_EXITED && status & EXIT_UNBORN)
		refused(pid, (int)(status & 0xff));
	while (change(pid, true, status_of(cause, status)) && !(uint32_t)pid)
		;
}

static void begun(struct mon_watcher *w, uint64_t pid, uint32_t word)
{
	(void)w;
	wait_lock(&waiting);
	for (struct child *c = children; c; c = c->next)
		if (c->program.pid == pid)
			c->said |= 1u << word % 32;
	wait_unlock(&waiting);
	while (thread_wake(&waiting))
		;
}

static void state(struct mon_watcher *w, uint64_t pid, unsigned signal)
{
	(void)w;
	change(pid, false, signal ? (int)signal << 8 | 0x7f : 0xffff);
}

/* --- the table ------------------------------------------------------------------------------------ */

/* In disabled mode. By its number: it may become another process, with another pid. */
static struct child *of_number(pid_t number)
{
	struct child *c = children;

	while (c && c->number != number)
		c = c->next;
	return c;
}

/* Takes it out. In disabled mode. */
static struct child *take(struct child *c)
{
	struct child **at = &children;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	return c;
}

void child_known(pid_t number)
{
	struct child copy = { 0 }, *c;

	table_lock();
	c = of_number(number);
	if (c) {
		c->known = true;
		copy = *c;
	}
	wait_unlock(&waiting);
	/* It may have been quicker. */
	if (copy.ended)
		news(&copy);
	dispatcher_enable();
}

void child_drop(pid_t number)
{
	struct child *c;

	table_lock();
	c = take(of_number(number));
	table_unlock();
	own_give(&room, c);
}

/* What has ended before it was watched its monitor tells how; if as another process, that is watched. */
static err_t watch(uint64_t pid)
{
	unsigned cause;
	uint64_t status;
	err_t err;

	while ((err = mon_watch(pid)) == ERR_NO_PROCESS) {
		cause = MON_KILLED;
		status = 0;
		mon_wait(pid, &cause, &status);
		dispatcher_disable();
		gone(NULL, pid, cause, status);
		dispatcher_enable();
		if (cause != MON_EXITED || !(status & MON_REPLACED))
			return ERR_OK;
		pid = status & ~MON_REPLACED;
	}
	return err;
}

static void enter(struct child *c)
{
	if (!watcher.gone) {
		watcher.gone = gone;
		watcher.state = state;
		watcher.begun = begun;
		mon_watcher_add(&watcher);
	}
	table_lock();
	c->next = children;
	children = c;
	table_unlock();
}

err_t child_add(const struct program *p, pid_t group, bool watched)
{
	struct child *c = own_take(&room);
	err_t err;

	if (!c)
		return ERR_NO_MEMORY;
	c->program = *p;
	c->number = process_number(p->id, p->pid);
	c->group = group;
	enter(c);
	err = watched ? ERR_OK : watch(p->pid);
	if (err)
		child_drop(process_number(p->id, p->pid));
	return err;
}

bool child_ended(pid_t number)
{
	const struct child *c;
	bool ended;

	table_lock();
	c = of_number(number);
	ended = !c || c->ended;
	table_unlock();
	return ended;
}

int child_await(pid_t number, enum child_word word)
{
	const struct child *c;
	int error = ECHILD;

	table_lock();
	while ((c = of_number(number)) && !(c->said >> word & 1) && !c->ended)
		wait_in(&waiting, 0, 0);
	if (c)
		error = c->said >> word & 1 ? 0 : c->refused ? c->refused : ECHILD;
	table_unlock();
	return error;
}

/* --- waiting ---------------------------------------------------------------------------------------- */

static bool meant(const struct child *c, pid_t which, pid_t own_group)
{
	if (which > 0)
		return c->number == which;
	return which == -1 || c->group == (which ? -which : own_group);
}

static bool worth_telling(const struct child *c, int options)
{
	if (c->ended)
		return options & WEXITED;
	return c->changed && options & (WIFSTOPPED(c->status) ? WSTOPPED : WCONTINUED);
}

/*
 * The number of a child that there is something to tell of, 0: of none that is meant, -1: none is meant. What is told
 * is told once, unless WNOWAIT. In disabled mode; *gone is to be freed.
 */
static pid_t look(pid_t which, pid_t own_group, int options, int *status, struct child **gone_one)
{
	bool any = false;

	for (struct child *c = children; c; c = c->next) {
		if (!meant(c, which, own_group))
			continue;
		any = true;
		if (!c->known)
			continue;
		if (c->ended && signal_children_forgotten()) {
			*gone_one = take(c);
			return FORGOTTEN;
		}
		if (!worth_telling(c, options))
			continue;
		*status = c->status;
		if (!(options & WNOWAIT)) {
			c->changed = false;
			*gone_one = c->ended ? take(c) : NULL;
		}
		return c->number;
	}
	return any ? 0 : -1;
}

/* As waitpid, with waitid's options; an errno in place of -1, negative. */
static pid_t await_one(pid_t which, int options, int *status)
{
	struct child *gone_one = NULL;
	pid_t own_group = which ? 0 : getpgrp(), found;

	table_lock();
	while (!(found = look(which, own_group, options, status, &gone_one)) && !(options & WNOHANG)) {
		bool woken = wait_in(&waiting, 0, INTERRUPTED_ANY), broken;

		dispatcher_enable();
		pthread_cancel_point();
		broken = !woken && signal_checkpoint();
		table_lock();
		if (broken) {
			found = look(which, own_group, options, status, &gone_one);
			found = found ? found : -EINTR;
			break;
		}
	}
	table_unlock();
	own_give(&room, gone_one);
	return found == -1 ? -ECHILD : found;
}

static pid_t await(pid_t which, int options, int *status)
{
	pid_t found;

	do
		found = await_one(which, options, status);
	while (found == FORGOTTEN);
	return found;
}

pid_t waitpid(pid_t which, int *status, int options)
{
	int told, error = errno;
	pid_t found;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED))
		return errno_fail(EINVAL);
	found = await(which, options | WEXITED, &told);
	if (found < 0)
		return errno_fail(-found);
	if (found && status)
		*status = told;
	errno = error;
	return found;
}

pid_t wait(int *status) { return waitpid(-1, status, 0); }

static void info_fill(siginfo_t *info, pid_t number, int status)
{
	*info = (siginfo_t){ .si_signo = SIGCHLD, .si_pid = number };
	if (WIFEXITED(status)) {
		info->si_code = CLD_EXITED;
		info->si_status = WEXITSTATUS(status);
	} else if (WIFSTOPPED(status)) {
		info->si_code = CLD_STOPPED;
		info->si_status = WSTOPSIG(status);
	} else if (WIFCONTINUED(status)) {
		info->si_code = CLD_CONTINUED;
		info->si_status = SIGCONT;
	} else {
		info->si_code = CLD_KILLED;
		info->si_status = WTERMSIG(status);
	}
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	pid_t which = type == P_PID ? (pid_t)id : type == P_PGID ? -(pid_t)id : -1, found;
	int status;

	if ((type != P_PID && type != P_PGID && type != P_ALL) || !(options & (WEXITED | WSTOPPED | WCONTINUED)) ||
	    (type == P_PID && (pid_t)id <= 0))
		return errno_fail(EINVAL);
	found = await(which, options, &status);
	if (found < 0)
		return errno_fail(-found);
	if (found && info)
		info_fill(info, found, status);
	else if (info)
		*info = (siginfo_t){ 0 };
	return 0;
}

/* --- the other direction ------------------------------------------------------------------------------ */

void parent_set(pid_t number) { parent = number; }

pid_t getppid(void) { return parent && process_lives(parent) ? parent : PARENT_OF_ORPHANS; }

bool child_find(pid_t number, struct program *out)
{
	bool found = false;

	table_lock();
	for (struct child *c = children; c; c = c->next)
		if (c->number == number && !c->ended) {
			*out = c->program;
			found = true;
		}
	table_unlock();
	return found;
}

void child_group_set(pid_t number, pid_t group)
{
	table_lock();
	for (struct child *c = children; c; c = c->next)
		if (c->number == number)
			c->group = group;
	table_unlock();
}

pid_t parent_get(void) { return parent; }

static bool nth(unsigned n, struct child *copy)
{
	bool found = false;

	table_lock();
	for (struct child *c = children; c && !found; c = c->next)
		if (c->known && !n--) {
			*copy = *c;
			found = true;
		}
	table_unlock();
	return found;
}

void children_pack(struct inherit *i)
{
	struct child one;

	for (unsigned n = 0; nth(n, &one); n++)
		inherit_add(i, &one, sizeof one);
}

int children_unpack(const char *data, size_t bytes)
{
	for (; bytes >= sizeof(struct child); data += sizeof(struct child), bytes -= sizeof(struct child)) {
		struct child *c = own_take(&room);

		if (!c)
			return ENOMEM;
		memcpy(c, data, sizeof *c);
		c->next = NULL;
		enter(c);
		(void)watch(c->program.pid);
	}
	return bytes ? EPROTO : 0;
}
