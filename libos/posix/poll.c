/*
 * poll, select: waiting for several files.
 *
 * Files that never block are ready. Of the others the server is asked what holds now (Tready with
 * NINEP_READY_NOW), and if nothing does, to say when something will. Then the thread waits at the links of all
 * those servers at once: it receives for whoever else uses them, and where another thread receives already it is
 * told by that one (file_server_watch). What cannot be waited for so (more than WATCHED_MAX files of a server,
 * kinds that have only `ready`) is looked at again 100 times a second.
 */
#define _GNU_SOURCE /* ppoll */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

#include "libos/core/dispatcher.h"
#include "libos/posix/clock.h"
#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/interrupt.h"
#include "libos/posix/open_file.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "libos/x86/context.h"

#define WATCHED_MAX 24 /* requests for one poll at one server: others need tags, too */
#define LOOKS_A_SECOND 100
#define MILLISECONDS 1000u

struct waiting {
	struct open_file *file; /* held; NULL: nothing to look at */
	bool asked;
	struct ninep_request request;
};

struct polling {
	struct pollfd *fds;
	nfds_t count;
	struct waiting *files;
	struct file_server_wait *servers; /* those of files that may block; `count` at most */
	unsigned server_count;
	struct wait_set set;
	bool set_made, looks_again;
	struct interruptible call;
};

/* --- what holds now ------------------------------------------------------------------------------------------ */

static uint32_t asked_of(short events)
{
	return (uint32_t)((events & (POLLIN | POLLPRI | POLLOUT)) | (events & POLLRDNORM ? POLLIN : 0) |
			  (events & POLLWRNORM ? POLLOUT : 0));
}

static short told_of(uint32_t now, short events)
{
	short told = (short)(now & (POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP));

	told |= (now & POLLIN && events & POLLRDNORM ? POLLRDNORM : 0) |
		(now & POLLOUT && events & POLLWRNORM ? POLLWRNORM : 0);
	return told & (events | POLLERR | POLLHUP);
}

static bool may_wait(const struct open_file *f) { return f->ops == &file_ninep_ops && f->ninep.blocks; }

static short ninep_now(struct open_file *f, short events)
{
	uint32_t back, now = asked_of(events) | NINEP_READY_NOW;
	struct ninep_client *c = file_enter(f, &back);
	unsigned error;

	if (!c)
		return POLLERR;
	error = ninep_ready(c, f->ninep.fid, &now);
	file_leave(f, back);
	/* A server that does not know this request: its files are taken to be ready. */
	if (error == NINEP_EOPNOTSUPP)
		return told_of(POLLIN | POLLOUT, events);
	return error ? POLLERR : told_of(now, events);
}

static short file_now(struct open_file *f, short events, bool *looks_again)
{
	short now = 0;

	if (may_wait(f))
		return ninep_now(f, events);
	if (!f->ops->ready)
		return told_of(POLLIN | POLLOUT, events);
	if (f->ops->ready(f, events, &now))
		return POLLERR;
	*looks_again = true;
	return told_of((uint32_t)now, events);
}

/* How many have something. */
static int look(struct polling *p)
{
	int ready = 0;

	p->looks_again = false;
	for (nfds_t i = 0; i < p->count; i++) {
		struct pollfd *d = &p->fds[i];

		if (d->fd < 0)
			d->revents = 0;
		else if (!p->files[i].file)
			d->revents = POLLNVAL;
		else
			d->revents = file_now(p->files[i].file, d->events, &p->looks_again);
		ready += d->revents != 0;
	}
	return ready;
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

static struct file_server_wait *server_of(struct polling *p, struct file_server *s)
{
	unsigned i = 0;

	while (i < p->server_count && p->servers[i].server != s)
		i++;
	if (i == p->server_count)
		p->servers[p->server_count++] = (struct file_server_wait){ .server = s };
	return &p->servers[i];
}

static void file_ask(struct polling *p, nfds_t i)
{
	struct waiting *w = &p->files[i];
	uint32_t back;
	struct ninep_client *c = file_enter(w->file, &back);
	struct file_server_wait *s;

	if (!c)
		return;
	s = server_of(p, w->file->ninep.server);
	if (s->asked == WATCHED_MAX) {
		p->looks_again = true;
		file_leave(w->file, back);
		return;
	}
	memset(&w->request, 0, sizeof(w->request));
	w->request.m.type = NINEP_TREADY;
	w->request.m.tready.fid = w->file->ninep.fid;
	w->request.m.tready.events = asked_of(p->fds[i].events);
	w->asked = true;
	s->asked++;
	(void)ninep_start(c, &w->request); /* if it fails, it is done */
	file_leave(w->file, back);
}

/* No answer is wanted any more. */
static void file_unask(struct waiting *w)
{
	uint32_t back;

	if (!w->asked)
		return;
	w->asked = false;
	(void)file_server_enter(w->file->ninep.server, &back);
	(void)ninep_flush(&w->request);
	file_leave(w->file, back);
}

static bool any_answered(const struct polling *p)
{
	for (nfds_t i = 0; i < p->count; i++)
		if (p->files[i].asked && __atomic_load_n(&p->files[i].request.done, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

static void poll_wake(struct interruptible *i)
{
	struct polling *p = i->arg;

	wait_set_interrupt(&p->set);
}

/* Till an answer has come, a signal, or that time. */
static void answers_wait(struct polling *p, cycles_t deadline)
{
	struct channel *ready;

	while (!any_answered(p) && !p->call.interrupted) {
		for (unsigned i = 0; i < p->server_count; i++)
			file_server_watch(&p->servers[i], &p->set);
		if (!any_answered(p) && !p->call.interrupted)
			(void)wait_set_wait(&p->set, &ready, deadline);
		for (unsigned i = 0; i < p->server_count; i++)
			file_server_unwatch(&p->servers[i]);
		if (deadline && context_now() >= deadline)
			break;
	}
}

static void wait_once(struct polling *p, cycles_t deadline)
{
	cycles_t next = context_now() + dispatcher_tsc_hz() / LOOKS_A_SECOND;

	for (nfds_t i = 0; i < p->count; i++)
		if (p->fds[i].fd >= 0 && p->files[i].file && may_wait(p->files[i].file))
			file_ask(p, i);
	if (p->looks_again && (!deadline || next < deadline))
		deadline = next;
	answers_wait(p, deadline);
	for (nfds_t i = 0; i < p->count; i++)
		file_unask(&p->files[i]);
	p->server_count = 0;
}

/* --- the whole ----------------------------------------------------------------------------------- */

static int poll_begin(struct polling *p, struct pollfd *fds, nfds_t count)
{
	struct fabric *f;

	*p = (struct polling){ .fds = fds, .count = count };
	p->files = calloc(count + 1, sizeof(*p->files));
	p->servers = calloc(count + 1, sizeof(*p->servers));
	if (!p->files || !p->servers || fabric_here(&f) || wait_set_init(&p->set, f)) {
		free(p->files);
		free(p->servers);
		return ENOMEM;
	}
	for (nfds_t i = 0; i < count; i++)
		p->files[i].file = fds[i].fd < 0 ? NULL : fd_get(fds[i].fd);
	return 0;
}

static void poll_end(struct polling *p)
{
	for (nfds_t i = 0; i < p->count; i++)
		if (p->files[i].file)
			file_drop(p->files[i].file);
	wait_set_destroy(&p->set);
	free(p->files);
	free(p->servers);
}

/* `deadline` FABRIC_POLL: only looks. How many are ready; -1 and errno. */
static int poll_until(struct pollfd *fds, nfds_t count, cycles_t deadline)
{
	struct polling p;
	bool broken = false;
	int ready, error;

	if (count > FD_MOST)
		return errno_fail(EINVAL);
	error = poll_begin(&p, fds, count);
	if (error)
		return errno_fail(error);
	ready = look(&p);
	if (!ready && deadline != FABRIC_POLL) {
		interrupt_begin(&p.call, poll_wake, &p);
		while (!ready && !p.call.interrupted && (!deadline || context_now() < deadline)) {
			wait_once(&p, deadline);
			ready = look(&p);
		}
		broken = !ready && p.call.interrupted;
		interrupt_end(&p.call);
	}
	poll_end(&p);
	if (broken)
		signal_checkpoint();
	return broken ? errno_fail(EINTR) : ready;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	cycles_t deadline = 0;

	pthread_cancel_point();
	if (timeout == 0)
		deadline = FABRIC_POLL;
	else if (timeout > 0)
		deadline = context_now() + (uint64_t)timeout * (dispatcher_tsc_hz() / MILLISECONDS);
	return poll_until(fds, count, deadline);
}

static bool time_is_sound(const struct timespec *t)
{
	return !t || (t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

static cycles_t deadline_of(const struct timespec *t)
{
	if (!t)
		return 0;
	return t->tv_sec || t->tv_nsec ? context_now() + time_to_ticks(t) : FABRIC_POLL;
}

/* The mask holds while it waits; a signal that it lets in at once ends it at once. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct posix_thread *self = posix_self();
	uint64_t before = self->blocked;
	int result;

	if (!time_is_sound(timeout))
		return errno_fail(EINVAL);
	pthread_cancel_point();
	if (mask)
		self->blocked = *mask & ~SIGNALS_ALWAYS;
	result = mask && signals_run() ? errno_fail(EINTR) : poll_until(fds, count, deadline_of(timeout));
	if (mask) {
		int saved = errno;

		self->blocked = before;
		signals_run();
		errno = saved;
	}
	return result;
}

/* --- select -------------------------------------------------------------------------------------- */

static bool is_in(const fd_set *set, int fd) { return set && FD_ISSET(fd, set); }

static nfds_t fds_of(int count, const fd_set *in, const fd_set *out, const fd_set *except, struct pollfd *fds)
{
	nfds_t n = 0;

	for (int fd = 0; fd < count; fd++) {
		short events = (is_in(in, fd) ? POLLIN : 0) | (is_in(out, fd) ? POLLOUT : 0) |
			       (is_in(except, fd) ? POLLPRI : 0);

		if (events)
			fds[n++] = (struct pollfd){ fd, events, 0 };
	}
	return n;
}

static int set_told(fd_set *set, const struct pollfd *d, short wanted, short holds)
{
	if (!(d->events & wanted) || !(d->revents & holds))
		return 0;
	FD_SET(d->fd, set);
	return 1;
}

int pselect(int count, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd *fds;
	nfds_t n;
	int told = 0;

	if (count < 0 || count > FD_SETSIZE)
		return errno_fail(EINVAL);
	fds = malloc(((size_t)count + 1) * sizeof(*fds));
	if (!fds)
		return errno_fail(ENOMEM);
	n = fds_of(count, in, out, except, fds);
	if (ppoll(fds, n, timeout, mask) < 0) {
		free(fds);
		return -1;
	}
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents & POLLNVAL) {
			free(fds);
			return errno_fail(EBADF);
		}
	if (in)
		FD_ZERO(in);
	if (out)
		FD_ZERO(out);
	if (except)
		FD_ZERO(except);
	for (nfds_t i = 0; i < n; i++)
		told += set_told(in, &fds[i], POLLIN, POLLIN | POLLHUP | POLLERR) +
			set_told(out, &fds[i], POLLOUT, POLLOUT | POLLERR) +
			set_told(except, &fds[i], POLLPRI, POLLPRI);
	free(fds);
	return told;
}

int select(int count, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	struct timespec t;

	if (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0))
		return errno_fail(EINVAL);
	if (timeout)
		t = (struct timespec){ timeout->tv_sec + timeout->tv_usec / 1000000,
				       timeout->tv_usec % 1000000 * 1000 };
	return pselect(count, in, out, except, timeout ? &t : NULL, NULL);
}
