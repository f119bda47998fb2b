/* See tree.h. */
#include "services/sys/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *t, const char *format, ...)
{
	size_t left = t->room - t->length;
	va_list args;
	int some;

	va_start(args, format);
	some = vsnprintf(t->at + t->length, left, format, args);
	va_end(args);
	if (some > 0)
		t->length += (size_t)some < left ? (size_t)some : left ? left - 1 : 0;
}

unsigned command_parse(struct command *c, const void *from, uint32_t length)
{
	char *state = NULL, *word;

	if (length > COMMAND_MAX)
		return NINEP_EMSGSIZE;
	memcpy(c->text, from, length);
	c->text[length] = '\0';
	c->count = 0;
	for (word = strtok_r(c->text, " \t\n", &state); word; word = strtok_r(NULL, " \t\n", &state)) {
		if (c->count == COMMAND_WORDS)
			return NINEP_EINVAL;
		c->word[c->count++] = word;
	}
	return c->count ? 0 : NINEP_EINVAL;
}

bool number_parse(const char *text, uint64_t most, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > (most - (uint64_t)(*text - '0')) / 10)
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*out = value;
	return value <= most;
}

void name_copy(char out[NINEP_NAME_MAX + 1], struct ninep_text name)
{
	size_t length = name.length < NINEP_NAME_MAX ? name.length : NINEP_NAME_MAX;

	memcpy(out, name.at, length);
	out[length] = '\0';
}

const struct ninep_node sys_files[] = {
	[SYS_PROC] = { "proc", NINEP_DIR | 0555, &proc_handlers, NULL, NULL },
	[SYS_CORE] = { "core", NINEP_DIR | 0555, &core_handlers, NULL, NULL },
	[SYS_FLEET] = { "fleet", NINEP_DIR | 0555, &fleet_handlers, NULL, NULL },
	[SYS_NAME] = { "name", NINEP_DIR | 0555, &name_handlers, NULL, NULL },
	{ 0 },
};

const struct ninep_node sys_root = { "/", NINEP_DIR | 0555, NULL, sys_files, NULL };
