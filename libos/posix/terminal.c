/*
 * What programs ask of terminals: ioctl, and POSIX's calls in terms of it.
 *
 * There is one terminal, the console; its state is the console service's, so all programs see the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/termios.h>
#include <unistd.h>

#include "libos/posix/background.h"
#include "libos/posix/console.h"
#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/terminal.h"
#include "libos/posix/tty.h"
#include "services/console/proto.h"

#define TERMINAL_NAME "/dev/tty"

int ioctl(int fd, unsigned long request, ...)
{
	struct open_file *f = fd_get(fd);
	void *argument;
	va_list args;
	int error;

	if (!f)
		return -1;
	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	error = f->ops->control ? f->ops->control(f, request, argument) : ENOTTY;
	file_drop(f);
	return error ? errno_fail(error) : 0;
}

/* --- the console's ------------------------------------------------------------------------------------ */

static void modes_get(const struct console_state *s, struct termios *t)
{
	*t = (struct termios){ s->iflag, s->oflag, s->cflag, s->lflag, { 0 }, s->speed };
	memcpy(t->c_cc, s->key, sizeof(t->c_cc));
}

static int modes_set(struct console_state *s, const struct termios *t, bool flush)
{
	s->iflag = t->c_iflag;
	s->oflag = t->c_oflag;
	s->cflag = t->c_cflag;
	s->lflag = t->c_lflag;
	s->speed = t->c_speed;
	memcpy(s->key, t->c_cc, sizeof(s->key));
	if (flush)
		tty_forget();
	return console_state_set(s, CONSOLE_SET_MODES | (flush ? CONSOLE_SET_FLUSH : 0)) ? EIO : 0;
}

static int window_set(struct console_state *s, const struct winsize *w)
{
	s->rows = w->ws_row;
	s->columns = w->ws_col;
	return console_state_set(s, CONSOLE_SET_WINDOW) ? EIO : 0;
}

static int session_set(uint32_t group)
{
	struct console_state now;

	if (console_control(group, &now))
		return EIO;
	return now.place & CONSOLE_CONTROLS ? 0 : group ? ENOTTY : EPERM;
}

/* Group numbers are their leaders'; of one that has no leader any more nobody can tell what session it is of. */
static int group_set(pid_t group)
{
	pid_t session;

	if (group <= 0)
		return EINVAL;
	session = getsid(group);
	if (session > 0 && session != getsid(0))
		return EPERM;
	return session_set((uint32_t)group);
}

static int input_flush(struct console_state *s, int queue)
{
	if (queue < TCIFLUSH || queue > TCIOFLUSH)
		return EINVAL;
	if (queue == TCOFLUSH)
		return 0; /* what was written is the service's already */
	tty_forget();
	return console_state_set(s, CONSOLE_SET_FLUSH) ? EIO : 0;
}

/* What a program in the background is not to do: others use the terminal. */
static bool disturbs(unsigned long request)
{
	return request == TCSETS || request == TCSETSW || request == TCSETSF || request == TCFLSH ||
	       request == TIOCSPGRP;
}

int terminal_control(struct open_file *f, unsigned long request, void *argument)
{
	struct console_state s;
	int error = 0;

	(void)f;
	do
		if (console_flush() || console_state_get(&s))
			return EIO;
	while (disturbs(request) && s.place & CONSOLE_BACKGROUND && !(error = background_told(SIGTTOU)));
	if (error > 0)
		return error;
	switch (request) {
	case TCGETS:
		modes_get(&s, argument);
		return 0;
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return modes_set(&s, argument, request == TCSETSF);
	case TCFLSH:
		return input_flush(&s, (int)(intptr_t)argument);
	case TIOCGWINSZ:
		*(struct winsize *)argument = (struct winsize){ .ws_row = s.rows, .ws_col = s.columns };
		return 0;
	case TIOCSWINSZ:
		return window_set(&s, argument);
	case TIOCGPGRP:
		if (s.place & CONSOLE_ELSEWHERE)
			return ENOTTY;
		/* Nobody has said: then it is who asks. */
		*(pid_t *)argument = s.group ? (pid_t)s.group : getpgrp();
		return 0;
	case TIOCSPGRP:
		return group_set(*(const pid_t *)argument);
	case TIOCGSID:
		if (s.place & CONSOLE_ELSEWHERE)
			return ENOTTY;
		*(pid_t *)argument = getsid(0);
		return 0;
	case TIOCSCTTY:
		return session_set(0);
	case TIOCNOTTY:
		return s.place & CONSOLE_ELSEWHERE ? ENOTTY : 0; /* who wants another session calls setsid */
	case FIONREAD:
		*(int *)argument = (int)s.waiting;
		return 0;
	default:
		return EINVAL;
	}
}

/* --- POSIX ----------------------------------------------------------------------------------------------- */

int tcgetattr(int fd, struct termios *t) { return ioctl(fd, TCGETS, t); }

int tcsetattr(int fd, int when, const struct termios *t)
{
	if (when < TCSANOW || when > TCSAFLUSH)
		return errno_fail(EINVAL);
	return ioctl(fd, TCSETS + (unsigned long)when, t);
}

int tcflush(int fd, int queue) { return ioctl(fd, TCFLSH, (void *)(intptr_t)queue); }

/* For what has no effect here: is it a terminal? */
static int of_terminal(int fd) { return isatty(fd) ? 0 : -1; }

int tcdrain(int fd) { return of_terminal(fd) ? -1 : fsync(fd); }

int tcflow(int fd, int action)
{
	if (action < TCOOFF || action > TCION)
		return errno_fail(EINVAL);
	return of_terminal(fd);
}

int tcsendbreak(int fd, int duration)
{
	(void)duration;
	return of_terminal(fd);
}

pid_t tcgetpgrp(int fd)
{
	pid_t group;

	return ioctl(fd, TIOCGPGRP, &group) ? -1 : group;
}

int tcsetpgrp(int fd, pid_t group) { return ioctl(fd, TIOCSPGRP, &group); }

pid_t tcgetsid(int fd)
{
	pid_t session;

	return ioctl(fd, TIOCGSID, &session) ? -1 : session;
}

speed_t cfgetispeed(const struct termios *t) { return t->c_speed; }
speed_t cfgetospeed(const struct termios *t) { return t->c_speed; }

int cfsetospeed(struct termios *t, speed_t speed)
{
	if (speed > B38400 && speed != B57600 && speed != B115200)
		return errno_fail(EINVAL);
	t->c_speed = speed;
	return 0;
}

/* 0 is that of output. */
int cfsetispeed(struct termios *t, speed_t speed) { return speed == B0 ? 0 : cfsetospeed(t, speed); }
int cfsetspeed(struct termios *t, speed_t speed) { return cfsetospeed(t, speed); }

void cfmakeraw(struct termios *t)
{
	t->c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t->c_oflag &= ~(unsigned)OPOST;
	t->c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	t->c_cflag = (t->c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
}

int ttyname_r(int fd, char *name, size_t room)
{
	if (!isatty(fd))
		return errno;
	if (room < sizeof(TERMINAL_NAME))
		return ERANGE;
	strcpy(name, TERMINAL_NAME);
	return 0;
}

char *ttyname(int fd)
{
	static char name[sizeof(TERMINAL_NAME)];
	int error = ttyname_r(fd, name, sizeof(name));

	errno = error ? error : errno;
	return error ? NULL : name;
}

char *ctermid(char *into)
{
	static char name[sizeof(TERMINAL_NAME)];

	return strcpy(into ? into : name, TERMINAL_NAME);
}
