/*
 * Words are made in place: what is written never runs ahead of what is read, since
 * quotes and backslashes only take characters away. Portable.
 */
#include "user/shell/parse.h"

#include <stddef.h>

static bool is_space(char c) { return c == ' ' || c == '\t'; }

/* Copies a quoted part; NULL when its end is missing. */
static char *quoted(char *from, char **to)
{
	char quote = *from++;

	while (*from && *from != quote) {
		if (quote == '"' && *from == '\\' && from[1])
			from++;
		*(*to)++ = *from++;
	}
	return *from ? from + 1 : NULL;
}

/* Copies one word; NULL when a quote has no end. */
static char *word(char *from, char **to)
{
	while (*from && !is_space(*from) && *from != '&') {
		if (*from == '\'' || *from == '"') {
			from = quoted(from, to);
			if (!from)
				return NULL;
			continue;
		}
		if (*from == '\\' && from[1])
			from++;
		*(*to)++ = *from++;
	}
	return from;
}

static char *space_skip(char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* After an ampersand nothing may follow. */
static const char *background(struct command_line *out, char *rest)
{
	rest = space_skip(rest);
	if (*rest && *rest != '#')
		return "nothing may follow '&'";
	if (!out->count)
		return "'&' needs a command before it";
	out->background = true;
	return NULL;
}

const char *parse_line(char *line, struct command_line *out)
{
	char *from = space_skip(line), *to = line;

	*out = (struct command_line){ .count = 0 };
	while (*from && *from != '#') {
		char *start = to, end;

		if (*from == '&')
			return background(out, from + 1);
		from = word(from, &to);
		if (!from)
			return "a quote has no end";
		if (out->count == PROCESS_ARGS_MAX)
			return "too many words";
		end = *from;
		if (end && end != '&')
			from = space_skip(from + 1);
		*to++ = '\0';
		out->word[out->count++] = start;
		out->word[out->count] = NULL;
		if (end == '&')
			return background(out, from + 1);
	}
	return NULL;
}
