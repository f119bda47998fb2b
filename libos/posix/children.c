/*
 * Children: the table, what their monitors say of them, and wait in its forms.
 *
 * The table is changed in disabled mode, since the monitors' words come there, and under the guard of those that wait.
 */
#include "libos/posix/children.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/errno.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/thread/control.h"

struct child {
	struct child *next;
	struct program program;
	pid_t group;
	bool ended;
	bool changed; /* stopped, or goes on, and nobody has been told */
	int status;   /* as wait gives it, of both */
};

static struct child *children;
static struct thread_queue waiting;
static struct mon_watcher watcher;
static pid_t parent;

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

/* With number 0: all of that core. */
static void gone(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status)
{
	bool some = false;

	(void)w;
	wait_lock(&waiting);
	for (struct child *c = children; c; c = c->next) {
		if (c->ended || (c->program.pid != pid && ((uint32_t)pid || c->program.pid >> 32 != pid >> 32)))
			continue;
		c->ended = some = true;
		c->status = status_of(cause, status);
	}
	wait_unlock(&waiting);
	while (some && thread_wake(&waiting))
		;
}

/* --- the table ------------------------------------------------------------------------------------ */

/* Takes it out; NULL: it is not there. In disabled mode. */
static struct child *take(uint64_t pid)
{
	struct child **at = &children, *c;

	while (*at && (*at)->program.pid != pid)
		at = &(*at)->next;
	c = *at;
	if (c)
		*at = c->next;
	return c;
}

void child_drop(uint64_t pid)
{
	struct child *c;

	table_lock();
	c = take(pid);
	table_unlock();
	free(c);
}

/* Ended before it was watched: its monitor knows how. */
static void ended_before(uint64_t pid)
{
	unsigned cause = MON_KILLED;
	uint64_t status = 0;

	mon_wait(pid, &cause, &status);
	dispatcher_disable();
	gone(NULL, pid, cause, status);
	dispatcher_enable();
}

err_t child_add(const struct program *p)
{
	struct child *c = calloc(1, sizeof *c);
	err_t err;

	if (!c)
		return ERR_NO_MEMORY;
	if (!watcher.gone) {
		watcher.gone = gone;
		mon_watcher_add(&watcher);
	}
	c->program = *p;
	c->group = getpgrp();
	table_lock();
	c->next = children;
	children = c;
	table_unlock();
	err = mon_watch(p->pid);
	if (err == ERR_NO_PROCESS) {
		ended_before(p->pid);
		err = ERR_OK;
	}
	if (err)
		child_drop(p->pid);
	return err;
}

bool child_ended(uint64_t pid)
{
	bool ended = true;

	table_lock();
	for (struct child *c = children; c; c = c->next)
		if (c->program.pid == pid)
			ended = c->ended;
	table_unlock();
	return ended;
}

/* --- waiting ---------------------------------------------------------------------------------------- */

static pid_t number_of(const struct child *c) { return process_number(c->program.id, c->program.pid); }

static bool meant(const struct child *c, pid_t which, pid_t own_group)
{
	if (which > 0)
		return number_of(c) == which;
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
		if (!worth_telling(c, options))
			continue;
		*status = c->status;
		if (!(options & WNOWAIT)) {
			c->changed = false;
			*gone_one = c->ended ? take(c->program.pid) : NULL;
		}
		return number_of(c);
	}
	return any ? 0 : -1;
}

/* As waitpid, with waitid's options; an errno in place of -1, negative. */
static pid_t await(pid_t which, int options, int *status)
{
	struct child *gone_one = NULL;
	pid_t own_group = which ? 0 : getpgrp(), found;

	table_lock();
	while (!(found = look(which, own_group, options, status, &gone_one)) && !(options & WNOHANG)) {
		wait_in(&waiting, 0, true);
		wait_lock(&waiting);
	}
	table_unlock();
	free(gone_one);
	return found == -1 ? -ECHILD : found;
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
