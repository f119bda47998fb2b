/*
 * launch FOLDER: the first program of a machine of its own that tools/skerry-run starts for one program.
 *
 * The folder, one of the host's, has what is to be done: `args` and `env`, texts that end with a NUL each; `cwd`;
 * `in`, what the program reads, which grows until there is a file `in.end`. Its output goes to `out` and `err` there,
 * and how it ended to `status`. Whatever keeps it from starting is told in `err`, with the shell's numbers: 127 not
 * found, 126 not started.
 *
 * Where there is a file `terminal`, texts likewise, the program has the console for a terminal in place of `in`, `out`
 * and, if that is not there, `err`: of so many rows and columns, told at the beginning; output is the program's from a
 * line of its own on, that mark. While the program is stopped there is a file `stopped`, until the other side removes
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <skerry/namespace.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NOT_STARTED 126
#define NOT_FOUND 127
#define BY_SIGNAL 128
#define PART 16384
#define LOOK_NS 2000000 /* between looks whether the input has grown */
enum { MARK, ROWS, COLUMNS };

static const char *folder;
static struct {
	char **argv, **envp, *cwd;
	char **terminal; /* or NULL */
} job;

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* A whole file with a NUL behind it; NULL and errno. */
static char *file_text(const char *name, size_t *length)
{
	int fd = open(path_of(name), O_RDONLY);
	char *text = NULL;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st))
		text = malloc((size_t)st.st_size + 1);
	*length = 0;
	while (text) {
		ssize_t some = read(fd, text + *length, (size_t)st.st_size - *length);

		if (some <= 0)
			break;
		*length += (size_t)some;
	}
	if (text)
		text[*length] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* The texts in a file, as an array that ends with NULL. */
static char **file_strings(const char *name)
{
	size_t length, count = 0;
	char *text = file_text(name, &length), **strings;

	if (!text)
		return NULL;
	strings = malloc((length + 1) * sizeof(*strings));
	for (size_t at = 0; strings && at < length; at += strlen(text + at) + 1)
		strings[count++] = text + at;
	if (strings)
		strings[count] = NULL;
	return strings;
}

static int stream(const char *name, int flags, int to)
{
	int fd = open(path_of(name), flags);

	if (fd < 0 || (fd != to && dup2(fd, to) != to))
		return -1;
	if (fd != to)
		close(fd);
	return 0;
}

/* All of `bytes` into the pipe; false: nobody reads it any more. */
static bool part_write(int to, const char *bytes, ssize_t length)
{
	ssize_t some;

	for (; length > 0; bytes += some, length -= some) {
		some = write(to, bytes, (size_t)length);
		if (some < 0)
			return false;
	}
	return true;
}

/* What there is of the input goes into the pipe as it comes. */
static void *input_feed(void *arg)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int from = open(path_of("in"), O_RDONLY), to = *(int *)arg;
	char end[PATH_MAX], part[PART];
	bool last = false;
	ssize_t some = 0;

	snprintf(end, sizeof end, "%s/in.end", folder);
	while (from >= 0 && some >= 0) {
		some = read(from, part, sizeof part);
		if (some > 0 && !part_write(to, part, some))
			break;
		if (some == 0 && last)
			break;
		/* What came before the end was told may have come after the read. */
		if (some == 0 && !(last = !access(end, F_OK)))
			nanosleep(&pause, NULL);
	}
	close(from);
	close(to);
	return NULL;
}

static int input(void)
{
	static int ends[2];
	pthread_t feeder;

	if (pipe(ends) || dup2(ends[0], 0) || close(ends[0]) || fcntl(ends[1], F_SETFD, FD_CLOEXEC))
		return -1;
	signal(SIGPIPE, SIG_IGN);
	return pthread_create(&feeder, NULL, input_feed, &ends[1]) || pthread_detach(feeder) ? -1 : 0;
}

/* Keys that send signals are for the program, which has our group, as if a shell had started it in the foreground. */
static void signal_pass(int signal) { (void)signal; }

static int terminal(void)
{
	struct winsize w = { .ws_row = (unsigned short)atoi(job.terminal[ROWS]),
			     .ws_col = (unsigned short)atoi(job.terminal[COLUMNS]) };
	const struct sigaction pass = { .sa_handler = signal_pass, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &pass, NULL);
	sigaction(SIGQUIT, &pass, NULL);
	sigaction(SIGTSTP, &pass, NULL);
	if (ioctl(0, TIOCSWINSZ, &w) || tcsetpgrp(0, getpgrp()))
		return -1;
	puts(job.terminal[MARK]);
	return fflush(stdout);
}

static int errors(void)
{
	return job.terminal && access(path_of("err"), F_OK) ? 0 : stream("err", O_WRONLY | O_APPEND, 2);
}

/* From here on what goes wrong is told to whoever started this machine. */
static int streams(void)
{
	job.terminal = file_strings("terminal");
	if (errors())
		return -1;
	return job.terminal ? terminal() : stream("out", O_WRONLY | O_APPEND, 1) || input();
}

static int complain(const char *what)
{
	fprintf(stderr, "skerry-run: %s: %s\n", what, strerror(errno));
	return errno == ENOENT ? NOT_FOUND : NOT_STARTED;
}

/* Paths of the host that nothing here has are its own; its temporary files are ours. */
static int names(void)
{
	return skerry_bind("/host", "/", SKERRY_AFTER) || skerry_bind("/host/tmp", "/tmp", SKERRY_REPLACE);
}

/* The program has stopped: so does the terminal, until that goes on. */
static void stopped(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int fd = open(path_of("stopped"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dprintf(fd, "%d\n", (int)pid);
	close(fd);
	while (!access(path_of("stopped"), F_OK))
		nanosleep(&pause, NULL);
	tcsetpgrp(0, getpgid(pid));
	killpg(getpgid(pid), SIGCONT);
}

/* False: it cannot be found out. */
static bool ended(pid_t pid, int *status)
{
	while (waitpid(pid, status, job.terminal ? WUNTRACED : 0) == pid) {
		if (!WIFSTOPPED(*status))
			return true;
		stopped(pid);
	}
	return false;
}

static int run(void)
{
	char program[256];
	size_t length;
	int status;
	pid_t pid;

	job.argv = file_strings("args");
	job.envp = file_strings("env");
	job.cwd = file_text("cwd", &length);
	if (!job.argv || !job.argv[0] || !job.envp || !job.cwd)
		return complain("what to do");
	if (names())
		return complain("namespace");
	if (chdir(job.cwd))
		return complain(job.cwd);
	snprintf(program, sizeof program, "/boot/%s", job.argv[0]);
	errno = posix_spawn(&pid, program, NULL, NULL, job.argv, job.envp);
	if (errno)
		return complain(job.argv[0]);
	if (!ended(pid, &status))
		return complain("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
}

static void tell(int status)
{
	int fd = open(path_of("status"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dprintf(fd, "%d\n", status);
	close(fd);
}

int main(int argc, char **argv)
{
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: launch FOLDER\n");
		return NOT_STARTED;
	}
	folder = argv[1];
	if (streams()) {
		perror("launch: streams");
		return NOT_STARTED;
	}
	status = run();
	fflush(NULL);
	tell(status);
	return 0;
}
