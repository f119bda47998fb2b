/*
 * Options of the kernel's command line: words, or name=value; text in double
 * quotes belongs to one word.  Portable, no state.
 */
#include "cmdline.h"

/* What follows `name` at the start of a word, or NULL. */
static const char *option_find(const char *c, const char *name)
{
	while (*c) {
		unsigned n = 0;
		bool quoted = false;

		while (*c == ' ')
			c++;
		while (name[n] && c[n] == name[n])
			n++;
		if (n && name[n] == '\0')
			return c + n;
		for (; *c && (quoted || *c != ' '); c++)
			quoted ^= *c == '"';
	}
	return NULL;
}

bool cmdline_has(const char *cmdline, const char *option)
{
	const char *rest = option_find(cmdline, option);

	return rest && (*rest == '\0' || *rest == ' ');
}
