/*
 * keys [raw|signals]: says what it reads from the terminal, to try it: bytes as numbers, a read a line, until "q".
 *
 * raw: each key as it comes; signals: says which it got.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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
	printf("ready\n");
	fflush(stdout);
	do {
		n = read(0, bytes, sizeof(bytes));
		show(bytes, n);
	} while (n < 0 ? errno == EINTR : n && bytes[0] != 'q');
	return tcsetattr(0, TCSADRAIN, &before);
}
