/*
 * The line discipline of programs that read the console, by the terminal's modes (sys/termios.h), which are asked for
 * at
 * each read, since another program may have changed them.
 *
 * With ICANON a line is gathered until its end and then handed out in as many reads as the program likes; else keys
 * come as they are typed, VMIN at least or for VTIME tenths of a second. Keys that send signals do not come here: the
 * console service has them.
 */
#include <signal.h>
#include <string.h>
#include <sys/termios.h>

#include "libos/posix/background.h"
#include "libos/posix/console.h"
#include "libos/posix/errno.h"
#include "libos/posix/tty.h"
#include "libos/thread/thread.h"
#include "services/console/proto.h"

#define LINE_MAX_BYTES 1024
#define KEY_BACKSPACE 8 /* erases too, whatever VERASE is: terminals differ */

static struct {
	char text[LINE_MAX_BYTES];
	size_t length, taken;
	bool complete, literal; /* the next key has no meaning */
} line;
static struct mutex lock = MUTEX_INIT;

static bool continues(char c) { return ((unsigned char)c & 0xc0) == 0x80; }
static bool is_control(char c) { return (unsigned char)c < ' ' || c == 127; }
static bool is_key(const struct console_state *s, int place, char c) { return c && (char)s->key[place] == c; }

/* As ^X, but for what moves to another line or column. */
static bool shown_as_two(const struct console_state *s, char c)
{
	return is_control(c) && c != '\n' && c != '\t' && s->lflag & ECHOCTL;
}

static err_t echo(const struct console_state *s, char c)
{
	const char two[2] = { '^', (char)(c ^ 0x40) };

	if (!(s->lflag & ECHO) && !(c == '\n' && s->lflag & ECHONL))
		return 0;
	return shown_as_two(s, c) ? console_write(two, 2) : console_write(&c, 1);
}

/* Takes one character, which may be several bytes of UTF-8, off the line and the screen. */
static err_t erase_one(const struct console_state *s)
{
	bool two;

	if (!line.length)
		return 0;
	while (line.length > 1 && continues(line.text[line.length - 1]))
		line.length--;
	two = shown_as_two(s, line.text[--line.length]);
	if ((s->lflag & (ECHO | ECHOE)) != (ECHO | ECHOE))
		return 0;
	return two ? console_write("\b\b  \b\b", 6) : console_write("\b \b", 3);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static err_t erase_word(const struct console_state *s)
{
	err_t err = 0;

	while (line.length && is_blank(line.text[line.length - 1]) && !err)
		err = erase_one(s);
	while (line.length && !is_blank(line.text[line.length - 1]) && !err)
		err = erase_one(s);
	return err;
}

static err_t erase_all(const struct console_state *s)
{
	err_t err = 0;

	while (line.length && !err)
		err = erase_one(s);
	return err;
}

static err_t append(const struct console_state *s, char c)
{
	/* The last place is the newline's. */
	if (line.length >= LINE_MAX_BYTES - (c != '\n'))
		return 0;
	line.text[line.length++] = c;
	return echo(s, c);
}

/* False: it is dropped. */
static bool key_mapped(const struct console_state *s, char *c)
{
	if (*c == '\r' && s->iflag & IGNCR)
		return false;
	if (*c == '\r' && s->iflag & ICRNL)
		*c = '\n';
	else if (*c == '\n' && s->iflag & INLCR)
		*c = '\r';
	return true;
}

static err_t key(const struct console_state *s, char c)
{
	if (line.literal) {
		line.literal = false;
		return append(s, c);
	}
	if (!key_mapped(s, &c))
		return 0;
	if (is_key(s, VLNEXT, c) && s->lflag & IEXTEN) {
		line.literal = true;
		return 0;
	}
	if (is_key(s, VEOF, c)) {
		line.complete = true;
		return 0;
	}
	if (is_key(s, VERASE, c) || c == KEY_BACKSPACE)
		return erase_one(s);
	if (is_key(s, VKILL, c))
		return erase_all(s);
	if (is_key(s, VWERASE, c) && s->lflag & IEXTEN)
		return erase_word(s);
	line.complete = c == '\n' || is_key(s, VEOL, c);
	return append(s, c);
}

/* Until it is complete; what was gathered before an error stays. */
static err_t line_gather(const struct console_state *s, bool now)
{
	err_t err = 0;
	size_t got;
	char c;

	if (line.complete && line.taken < line.length)
		return 0;
	if (line.complete)
		tty_forget();
	while (!line.complete && !err) {
		err = console_keys(&c, 1, &got, now, 0);
		if (!err)
			err = key(s, c);
	}
	/* Half a line is no line, when there will be no more. */
	if (err && err != ERR_AGAIN && err != ERR_TIMEOUT)
		tty_forget();
	return err;
}

static err_t line_read(const struct console_state *s, char *to, size_t bytes, bool now, size_t *n)
{
	err_t err = line_gather(s, now);

	if (err)
		return err;
	*n = line.length - line.taken < bytes ? line.length - line.taken : bytes;
	memcpy(to, line.text + line.taken, *n);
	line.taken += *n;
	/* An end of input is read once. */
	if (line.taken == line.length)
		tty_forget();
	return 0;
}

static err_t some_read(const struct console_state *s, char *to, size_t bytes, bool now, unsigned tenths, size_t *n)
{
	size_t got, kept = 0;
	err_t err = console_keys(to, bytes, &got, now, tenths);

	for (size_t i = 0; !err && i < got; i++) {
		if (!key_mapped(s, &to[i]))
			continue;
		to[kept++] = to[i];
		err = echo(s, to[i]);
	}
	*n += kept;
	return err;
}

static err_t keys_read(const struct console_state *s, char *to, size_t bytes, bool now, size_t *n)
{
	size_t least = s->key[VMIN] < bytes ? s->key[VMIN] : bytes;
	unsigned tenths = least ? 0 : s->key[VTIME];
	err_t err;

	do
		err = some_read(s, to + *n, bytes - *n, now || (!least && !tenths), tenths, n);
	while (!err && *n < least);
	if (*n || (err == ERR_AGAIN && !least))
		return 0;
	return err;
}

ssize_t tty_read(void *to, size_t bytes, bool now)
{
	struct console_state s;
	size_t n = 0;
	int error;
	err_t err;

	mutex_lock(&lock);
	err = console_state_get(&s);
	while (!err && s.place & CONSOLE_BACKGROUND) {
		/* It may be long, and left by a jump. */
		mutex_unlock(&lock);
		error = background_told(SIGTTIN);
		if (error)
			return errno_fail(error);
		mutex_lock(&lock);
		err = console_state_get(&s);
	}
	if (!err)
		err = (s.lflag & ICANON ? line_read : keys_read)(&s, to, bytes, now, &n);
	mutex_unlock(&lock);
	if (!err)
		return (ssize_t)n;
	return errno_fail(err == ERR_TIMEOUT ? EINTR : err == ERR_AGAIN ? EAGAIN : EIO);
}

bool tty_ready(void)
{
	struct console_state s;
	bool is;

	mutex_lock(&lock);
	is = console_state_get(&s);
	if (!is && s.lflag & ICANON)
		is = line_gather(&s, true) != ERR_AGAIN;
	else if (!is)
		is = s.waiting;
	mutex_unlock(&lock);
	return is;
}

void tty_forget(void)
{
	line.length = line.taken = 0;
	line.complete = line.literal = false;
}
