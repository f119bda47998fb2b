/*
 * Commands for the shell: system, popen, pclose. The shell is /boot/sh, dash where the ports are in the archive;
 * without it system(NULL) is 0, and a command's status is 127.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/thread/thread.h"

#define SHELL "/boot/sh"
#define NOT_FOUND (127 << 8) /* the status that a shell gives for a command that it does not find */

static int shell_start(pid_t *pid, const char *command, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };

	return posix_spawn(pid, SHELL, actions, attributes, argv, environ);
}

/* --- system ---------------------------------------------------------------------------------- */

static int status_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int system(const char *command)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
	posix_spawnattr_t attributes;
	sigset_t block, old, defaults;
	int error, status = -1;
	pid_t pid;

	if (!command)
		return access(SHELL, X_OK) == 0;
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigemptyset(&defaults);
	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	sigprocmask(SIG_BLOCK, &block, &old);
	if (interrupt.sa_handler != SIG_IGN)
		sigaddset(&defaults, SIGINT);
	if (quit.sa_handler != SIG_IGN)
		sigaddset(&defaults, SIGQUIT);
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		posix_spawnattr_setsigmask(&attributes, &old);
		posix_spawnattr_setsigdefault(&attributes, &defaults);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
		error = shell_start(&pid, command, NULL, &attributes);
		posix_spawnattr_destroy(&attributes);
		status = error == ENOENT ? NOT_FOUND : error ? -1 : status_wait(pid);
	}
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (error && error != ENOENT)
		errno = error;
	return status;
}

/* --- popen ----------------------------------------------------------------------------------- */

/* The streams that are open, for pclose; and whose ends a later child is not to have. */
struct command {
	struct command *next;
	FILE *stream;
	pid_t pid;
};

static struct command *commands;
static struct mutex lock = MUTEX_INIT;

/* Starts the command with `theirs` as its descriptor `fd`; an errno. */
static int command_start(struct command *c, const char *text, int theirs, int fd)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, theirs, fd);
	if (!error)
		error = shell_start(&c->pid, text, &actions, NULL);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static struct command *command_make(const char *text, bool reads, bool cloexec)
{
	struct command *c = malloc(sizeof(*c));
	int ends[2], ours, theirs, error;

	if (!c)
		return NULL;
	if (pipe(ends) < 0) {
		free(c);
		return NULL;
	}
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	ours = ends[reads ? 0 : 1];
	theirs = ends[reads ? 1 : 0];
	error = command_start(c, text, theirs, reads ? STDOUT_FILENO : STDIN_FILENO);
	close(theirs);
	c->stream = error ? NULL : fdopen(ours, reads ? "r" : "w");
	if (!c->stream) {
		close(ours);
		free(c);
		errno = error ? error : errno;
		return NULL;
	}
	if (!cloexec)
		fcntl(ours, F_SETFD, 0);
	return c;
}

FILE *popen(const char *command, const char *mode)
{
	struct command *c;

	if (mode[0] != 'r' && mode[0] != 'w') {
		errno = EINVAL;
		return NULL;
	}
	/* No child of another popen gets this end: it would keep the pipe open. */
	mutex_lock(&lock);
	for (c = commands; c; c = c->next)
		fcntl(fileno(c->stream), F_SETFD, FD_CLOEXEC);
	c = command_make(command, mode[0] == 'r', strchr(mode, 'e'));
	if (c) {
		c->next = commands;
		commands = c;
	}
	mutex_unlock(&lock);
	return c ? c->stream : NULL;
}

int pclose(FILE *stream)
{
	struct command **link, *c;
	int status;

	mutex_lock(&lock);
	for (link = &commands; *link && (*link)->stream != stream; link = &(*link)->next)
		;
	c = *link;
	if (c)
		*link = c->next;
	mutex_unlock(&lock);
	if (!c)
		return errno_fail(ECHILD);
	fclose(stream);
	status = status_wait(c->pid);
	free(c);
	return status;
}
