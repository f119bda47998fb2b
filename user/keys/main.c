/*
 * keys [raw|signals|child|group]: says what it reads from the terminal, to try it: bytes as numbers, a read a line,
 * until "q".
 *
 * raw: each key as it comes; signals: says which it got. child: has another one read that takes signals, and waits for
 * it; group: puts that into a process group of its own and that into the foreground, as shells do, and reads on
 * afterwards.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define READ_MAX 64

static struct termios before;

static void told(int signal)
{
	struct winsize w;

	if (signal == SIGWINCH && !ioctl(0, TIOCGWINSZ, &w))
		printf("signal %d: %u rows\n", signal, w.ws_row);
	else
		printf("signal %d\n", signal);
	fflush(stdout);
}

static void signals_take(void)
{
	const struct sigaction a = { .sa_handler = told };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTSTP, &a, NULL);
	sigaction(SIGWINCH, &a, NULL);
}

static int raw(void)
{
	struct termios t = before;

	cfmakeraw(&t);
	return tcsetattr(0, TCSAFLUSH, &t);
}

/* Another of us, which takes signals, alone in a group or in ours; until it has ended. */
static int child_run(bool alone)
{
	char *argv[] = { (char *)"keys", (char *)"signals", NULL };
	posix_spawnattr_t how;
	int status = -1;
	pid_t pid;

	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, alone ? POSIX_SPAWN_SETPGROUP : 0);
	errno = posix_spawnp(&pid, argv[0], NULL, &how, argv, environ);
	posix_spawnattr_destroy(&how);
	signal(SIGTTOU, SIG_IGN); /* or taking the terminal back would stop us */
	if (errno || (alone && tcsetpgrp(0, pid)) || waitpid(pid, &status, 0) != pid ||
	    (alone && tcsetpgrp(0, getpgrp())))
		perror("keys: child");
	printf("child ended: %d\n", status);
	return status;
}

static void show(const char *bytes, ssize_t n)
{
	printf("read");
	for (ssize_t i = 0; i < n; i++)
		printf(" %u", (unsigned char)bytes[i]);
	printf(n < 0 ? ": %s\n" : "\n", strerror(errno));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	char bytes[READ_MAX];
	ssize_t n;

	if (tcgetattr(0, &before) || (!strcmp(how, "raw") && raw())) {
		perror("keys");
		return 1;
	}
	if (!strcmp(how, "signals"))
		signals_take();
	if (!strcmp(how, "child") && child_run(false))
		return 1;
	if (!strcmp(how, "group") && child_run(true))
		return 1;
	printf("ready\n");
	fflush(stdout);
	do {
		n = read(0, bytes, sizeof(bytes));
		show(bytes, n);
	} while (n < 0 ? errno == EINTR : n && bytes[0] != 'q');
	return tcsetattr(0, TCSADRAIN, &before);
}
