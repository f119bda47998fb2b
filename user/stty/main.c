/*
 * stty: prints how the terminal is, or changes it, for all programs.
 *
 *   stty                          modes, window, keys
 *   stty [-]raw [-]echo [-]isig   switches a mode on, or off with "-"; also icanon, icrnl
 *   stty sane                     as it was at the start
 *   stty rows N columns N         the window's size
 *   stty size                     prints that alone
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const struct mode {
	const char *name;
	tcflag_t bit;
	bool input; /* of c_iflag, not c_lflag */
} modes[] = {
	{ "isig", ISIG, false },   { "icanon", ICANON, false }, { "echo", ECHO, false },
	{ "echoe", ECHOE, false }, { "tostop", TOSTOP, false }, { "iexten", IEXTEN, false },
	{ "icrnl", ICRNL, true },  { "inlcr", INLCR, true },    { "igncr", IGNCR, true },
};

#define MODES (sizeof(modes) / sizeof(*modes))

static tcflag_t *word_of(struct termios *t, const struct mode *m) { return m->input ? &t->c_iflag : &t->c_lflag; }

static bool mode_set(struct termios *t, const char *name, bool on)
{
	for (unsigned i = 0; i < MODES; i++)
		if (!strcmp(modes[i].name, name)) {
			*word_of(t, &modes[i]) &= ~modes[i].bit;
			*word_of(t, &modes[i]) |= on ? modes[i].bit : 0;
			return true;
		}
	return false;
}

static void sane(struct termios *t)
{
	static const cc_t keys[NCCS] = TTY_KEYS;

	*t = (struct termios){ TTY_IFLAG, TTY_OFLAG, TTY_CFLAG, TTY_LFLAG, { 0 }, t->c_speed };
	memcpy(t->c_cc, keys, sizeof(keys));
}

static void show(struct termios *t, const struct winsize *w)
{
	printf("rows %u; columns %u;", w->ws_row, w->ws_col);
	for (unsigned i = 0; i < MODES; i++)
		printf(" %s%s", *word_of(t, &modes[i]) & modes[i].bit ? "" : "-", modes[i].name);
	printf("\nintr %u; quit %u; erase %u; kill %u; eof %u; susp %u; min %u; time %u\n", t->c_cc[VINTR],
	       t->c_cc[VQUIT], t->c_cc[VERASE], t->c_cc[VKILL], t->c_cc[VEOF], t->c_cc[VSUSP], t->c_cc[VMIN],
	       t->c_cc[VTIME]);
}

/* How many words were used; 0: it makes no sense. */
static int word_take(struct termios *t, struct winsize *w, char *const *word)
{
	bool on = word[0][0] != '-';
	const char *name = word[0] + !on;

	if (!strcmp(name, "rows") || !strcmp(name, "columns")) {
		if (!word[1])
			return 0;
		*(name[0] == 'r' ? &w->ws_row : &w->ws_col) = (unsigned short)strtoul(word[1], NULL, 10);
		return 2;
	}
	if (!strcmp(name, "sane") || (!on && !strcmp(name, "raw")))
		sane(t);
	else if (!strcmp(name, "raw"))
		cfmakeraw(t);
	else if (!strcmp(name, "size"))
		printf("%u %u\n", w->ws_row, w->ws_col);
	else if (!mode_set(t, name, on))
		return 0;
	return 1;
}

int main(int argc, char **argv)
{
	struct winsize w;
	struct termios t;
	int used;

	if (tcgetattr(0, &t) || ioctl(0, TIOCGWINSZ, &w)) {
		perror("stty: standard input");
		return 1;
	}
	if (argc == 1)
		show(&t, &w);
	for (int i = 1; i < argc; i += used) {
		used = word_take(&t, &w, argv + i);
		if (!used) {
			fprintf(stderr, "stty: %s: it is no mode\n", argv[i]);
			return 2;
		}
	}
	if (argc == 1 || (!tcsetattr(0, TCSADRAIN, &t) && !ioctl(0, TIOCSWINSZ, &w)))
		return 0;
	perror("stty");
	return 1;
}
