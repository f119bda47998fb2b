/*
 * Completion: first words are commands and programs; after `run` come its option
 * and programs, after `help` commands, after `core` what is done to one.
 */
#include "user/shell/complete.h"

#include <string.h>

#include "user/shell/shell.h"

struct place {
	const char *word; /* before the cursor */
	size_t length;
	unsigned index; /* how many words stand before it */
	const char *first;
	size_t first_length;
};

static struct place place_find(const char *line, size_t cursor)
{
	struct place p = { .index = 0 };
	size_t at = 0;

	for (;;) {
		size_t start;

		while (at < cursor && line[at] == ' ')
			at++;
		start = at;
		while (at < cursor && line[at] != ' ')
			at++;
		p.word = line + start;
		p.length = at - start;
		if (p.index == 0) {
			p.first = p.word;
			p.first_length = p.length;
		}
		if (at == cursor)
			return p;
		p.index++;
	}
}

static bool first_is(const struct place *p, const char *name)
{
	return p->first_length == strlen(name) && memcmp(p->first, name, p->first_length) == 0;
}

static void offer(struct candidates *out, const struct place *p, const char *name)
{
	if (strncmp(name, p->word, p->length))
		return;
	for (unsigned i = 0; i < out->count; i++)
		if (strcmp(out->text[i], name) == 0)
			return;
	if (out->count < EDIT_CANDIDATES)
		out->text[out->count++] = name;
}

static void offer_commands(struct candidates *out, const struct place *p)
{
	for (const struct command *c = commands; c->name; c++)
		offer(out, p, c->name);
}

static void offer_programs(struct candidates *out, const struct place *p)
{
	const char *name[SHELL_NAMES];
	unsigned n = program_names(name, SHELL_NAMES);

	for (unsigned i = 0; i < n; i++)
		offer(out, p, name[i]);
}

static void offer_core(struct candidates *out, const struct place *p)
{
	static const char *const verb[] = { "stop", "start", "update" };

	for (unsigned i = 0; i < sizeof verb / sizeof *verb; i++)
		offer(out, p, verb[i]);
}

void complete_line(void *arg, const char *line, size_t cursor, struct candidates *out)
{
	struct place p = place_find(line, cursor);

	(void)arg;
	*out = (struct candidates){ .start = cursor - p.length };
	if (p.index == 0 || (first_is(&p, "help") && p.index == 1))
		offer_commands(out, &p);
	if (p.index == 0 || (first_is(&p, "run") && (p.index == 1 || p.index == 3)))
		offer_programs(out, &p);
	if (first_is(&p, "run") && p.index == 1)
		offer(out, &p, "--core");
	if (first_is(&p, "run") && p.index == 2)
		offer(out, &p, "all");
	if (first_is(&p, "core") && p.index == 1)
		offer_core(out, &p);
}
