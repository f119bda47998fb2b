/*
 * File actions and attributes of posix_spawn: spawn_actions.h.
 *
 * The object of the program's is the bytes themselves: records of a head and, for open, a path.
 */
#include "libos/posix/spawn_actions.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libos/posix/fd.h"

enum action { ACTION_OPEN, ACTION_CLOSE, ACTION_DUP };

struct record {
	uint32_t action, path_bytes;
	int fd, from, flags;
	mode_t mode;
};

struct __posix_spawn_file_actions {
	char *data;
	size_t bytes;
};

struct __posix_spawnattr {
	short flags;
	pid_t group;
	sigset_t defaults, mask;
	int policy;
	struct sched_param param;
};

/* --- file actions ----------------------------------------------------------------------------------- */

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *a)
{
	*a = calloc(1, sizeof **a);
	return *a ? 0 : ENOMEM;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *a)
{
	free((*a)->data);
	free(*a);
	*a = NULL;
	return 0;
}

static int add(posix_spawn_file_actions_t *a, struct record r, const char *path)
{
	struct __posix_spawn_file_actions *f = *a;
	char *data;

	if (r.fd < 0 || r.from < 0)
		return EBADF;
	r.path_bytes = path ? (uint32_t)strlen(path) + 1 : 0;
	data = realloc(f->data, f->bytes + sizeof r + r.path_bytes);
	if (!data)
		return ENOMEM;
	memcpy(data + f->bytes, &r, sizeof r);
	if (path)
		memcpy(data + f->bytes + sizeof r, path, r.path_bytes);
	f->data = data;
	f->bytes += sizeof r + r.path_bytes;
	return 0;
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict a, int fd, const char *restrict path,
				     int flags, mode_t mode)
{
	return add(a, (struct record){ .action = ACTION_OPEN, .fd = fd, .flags = flags, .mode = mode }, path);
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *a, int from, int to)
{
	return add(a, (struct record){ .action = ACTION_DUP, .fd = to, .from = from }, NULL);
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *a, int fd)
{
	return add(a, (struct record){ .action = ACTION_CLOSE, .fd = fd }, NULL);
}

static int open_at(const struct record *r, const char *path)
{
	int fd = open(path, r->flags, r->mode);

	if (fd < 0 || fd == r->fd)
		return fd;
	if (dup2(fd, r->fd) < 0)
		return -1;
	return close(fd);
}

static int action_do(const struct record *r, const char *path)
{
	switch (r->action) {
	case ACTION_OPEN:
		return open_at(r, path);
	case ACTION_CLOSE:
		close(r->fd); /* one that is closed already is no error */
		return 0;
	default:
		if (r->from == r->fd)
			return fcntl(r->fd, F_SETFD, 0);
		return dup2(r->from, r->fd);
	}
}

/* --- attributes ---------------------------------------------------------------------------------------- */

int posix_spawnattr_init(posix_spawnattr_t *a)
{
	*a = calloc(1, sizeof **a);
	return *a ? 0 : ENOMEM;
}

int posix_spawnattr_destroy(posix_spawnattr_t *a)
{
	free(*a);
	*a = NULL;
	return 0;
}

int posix_spawnattr_getflags(const posix_spawnattr_t *restrict a, short *restrict out)
{
	*out = (*a)->flags;
	return 0;
}

int posix_spawnattr_setflags(posix_spawnattr_t *a, short flags)
{
	(*a)->flags = flags;
	return 0;
}

int posix_spawnattr_getpgroup(const posix_spawnattr_t *restrict a, pid_t *restrict out)
{
	*out = (*a)->group;
	return 0;
}

int posix_spawnattr_setpgroup(posix_spawnattr_t *a, pid_t group)
{
	(*a)->group = group;
	return 0;
}

int posix_spawnattr_getsigdefault(const posix_spawnattr_t *restrict a, sigset_t *restrict out)
{
	*out = (*a)->defaults;
	return 0;
}

int posix_spawnattr_setsigdefault(posix_spawnattr_t *restrict a, const sigset_t *restrict set)
{
	(*a)->defaults = *set;
	return 0;
}

int posix_spawnattr_getsigmask(const posix_spawnattr_t *restrict a, sigset_t *restrict out)
{
	*out = (*a)->mask;
	return 0;
}

int posix_spawnattr_setsigmask(posix_spawnattr_t *restrict a, const sigset_t *restrict set)
{
	(*a)->mask = *set;
	return 0;
}

int posix_spawnattr_getschedpolicy(const posix_spawnattr_t *restrict a, int *restrict out)
{
	*out = (*a)->policy;
	return 0;
}

int posix_spawnattr_setschedpolicy(posix_spawnattr_t *a, int policy)
{
	(*a)->policy = policy;
	return 0;
}

int posix_spawnattr_getschedparam(const posix_spawnattr_t *restrict a, struct sched_param *restrict out)
{
	*out = (*a)->param;
	return 0;
}

int posix_spawnattr_setschedparam(posix_spawnattr_t *restrict a, const struct sched_param *restrict param)
{
	(*a)->param = *param;
	return 0;
}

static int attributes_do(const struct __posix_spawnattr *a)
{
	const struct sigaction ordinary = { .sa_handler = SIG_DFL };

	if (a->flags & POSIX_SPAWN_SETPGROUP && setpgid(0, a->group))
		return errno;
	if (a->flags & POSIX_SPAWN_SETSCHEDULER && sched_setscheduler(0, a->policy, &a->param) < 0)
		return errno;
	if (a->flags & POSIX_SPAWN_SETSCHEDPARAM && sched_setparam(0, &a->param))
		return errno;
	if (a->flags & POSIX_SPAWN_SETSIGMASK)
		sigprocmask(SIG_SETMASK, &a->mask, NULL);
	for (int i = 1; i < NSIG && a->flags & POSIX_SPAWN_SETSIGDEF; i++)
		if (sigismember(&a->defaults, i) == 1)
			sigaction(i, &ordinary, NULL);
	return 0;
}

/* --- over to the child -------------------------------------------------------------------------------------- */

void spawn_actions_put(struct inherit *text, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes)
{
	const struct __posix_spawnattr none = { 0 }, *a = attributes && *attributes ? *attributes : &none;

	inherit_section(text, INHERIT_ACTIONS);
	inherit_add(text, a, sizeof *a);
	if (actions && *actions)
		inherit_add(text, (*actions)->data, (*actions)->bytes);
}

int spawn_actions_do(const char *data, size_t bytes)
{
	struct __posix_spawnattr a;
	struct record r;
	int error;

	if (bytes < sizeof a)
		return EPROTO;
	memcpy(&a, data, sizeof a);
	error = attributes_do(&a);
	for (size_t at = sizeof a; at < bytes && !error; at += sizeof r + r.path_bytes) {
		if (bytes - at < sizeof r)
			return EPROTO;
		memcpy(&r, data + at, sizeof r);
		if (r.path_bytes > bytes - at - sizeof r)
			return EPROTO;
		if (action_do(&r, data + at + sizeof r) < 0)
			error = errno;
	}
	fd_close_on_exec();
	return error;
}
