/*
 * The cooked line of programs that read the console: echo, erase, kill, end of
 * input.
 *
 * A line is gathered until its newline and then handed out in as many reads as
 * the program likes.  Carriage return counts as newline.
 */
#include <string.h>

#include "libos/posix/console.h"
#include "libos/posix/errno.h"
#include "libos/posix/tty.h"
#include "libos/thread/thread.h"

#define LINE_MAX_BYTES 512
#define KEY_END 4 /* ^D */
#define KEY_BACKSPACE 8
#define KEY_KILL 21 /* ^U */
#define KEY_DELETE 127

static struct {
	char text[LINE_MAX_BYTES];
	size_t length, taken;
	bool complete;
} line;
static struct mutex lock = MUTEX_INIT;

static bool continues(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* Takes one character, which may be several bytes of UTF-8, off the line and the screen. */
static err_t erase_one(void)
{
	if (!line.length)
		return 0;
	while (line.length > 1 && continues(line.text[line.length - 1]))
		line.length--;
	line.length--;
	return console_write("\b \b", 3);
}

static err_t erase_all(void)
{
	err_t err = 0;

	while (line.length && !err)
		err = erase_one();
	return err;
}

static err_t append(char c)
{
	/* The last place is the newline's. */
	if (line.length >= LINE_MAX_BYTES - (c != '\n'))
		return 0;
	line.text[line.length++] = c;
	return console_write(&c, 1);
}

static err_t key(char c)
{
	switch (c) {
	case '\r':
	case '\n':
		line.complete = true;
		return append('\n');
	case KEY_END:
		line.complete = true;
		return 0;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		return erase_one();
	case KEY_KILL:
		return erase_all();
	default:
		return (unsigned char)c < ' ' && c != '\t' ? 0 : append(c);
	}
}

static err_t line_gather(void)
{
	err_t err = 0;

	line.length = line.taken = 0;
	line.complete = false;
	while (!line.complete && !err) {
		char c;
		size_t got;

		err = console_read(&c, 1, &got);
		if (!err)
			err = key(c);
	}
	/* Half a line is no line. */
	if (err)
		line.length = 0;
	return err;
}

ssize_t tty_read(void *to, size_t bytes)
{
	size_t n = 0;
	err_t err = 0;

	mutex_lock(&lock);
	if (line.taken == line.length)
		err = line_gather();
	if (!err) {
		n = line.length - line.taken < bytes ? line.length - line.taken : bytes;
		memcpy(to, line.text + line.taken, n);
		line.taken += n;
	}
	mutex_unlock(&lock);
	return err ? errno_fail(EIO) : (ssize_t)n;
}
