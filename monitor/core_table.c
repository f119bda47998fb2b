/*
 * The table of cores and the command line. Portable, and tested on the host.
 */
#include "monitor/cores.h"

#include <string.h>

void core_table_init(struct core_table *t, unsigned cores)
{
	memset(t, 0, sizeof *t);
	t->cores = cores < CORES_MAX ? cores : CORES_MAX;
	for (coreid_t core = 0; core < t->cores; core++)
		t->core[core].host = core;
}

void core_table_set(struct core_table *t, coreid_t core, unsigned state)
{
	if (core >= t->cores)
		return;
	if (t->core[core].deadline)
		t->awaited--;
	t->core[core].deadline = 0;
	t->core[core].state = (uint8_t)state;
}

unsigned core_table_get(const struct core_table *t, coreid_t core)
{
	return core < t->cores ? t->core[core].state : MON_CORE_ABSENT;
}

void core_table_await(struct core_table *t, coreid_t core, cycles_t deadline)
{
	if (core >= t->cores || t->core[core].deadline)
		return;
	t->core[core].deadline = deadline;
	t->awaited++;
}

bool core_table_expire(struct core_table *t, cycles_t now, coreid_t *missing, cycles_t *next)
{
	*next = 0;
	for (coreid_t core = 0; core < t->cores && t->awaited; core++) {
		cycles_t deadline = t->core[core].deadline;

		if (deadline == 0)
			continue;
		if (deadline <= now) {
			core_table_set(t, core, MON_CORE_MISSING);
			*missing = core;
			return true;
		}
		if (*next == 0 || deadline < *next)
			*next = deadline;
	}
	return false;
}

unsigned core_table_count(const struct core_table *t, unsigned state)
{
	unsigned count = 0;

	for (coreid_t core = 0; core < t->cores; core++)
		count += t->core[core].state == state;
	return count;
}

/* --- command line ------------------------------------------------------------------ */

/* The end of a word; blanks within double quotes belong to it. */
static const char *option_end(const char *at)
{
	bool quoted = false;

	while (*at && (quoted || *at != ' ')) {
		if (*at == '"')
			quoted = !quoted;
		at++;
	}
	return at;
}

static bool option_copy(const char *from, const char *end, char *out, size_t size)
{
	size_t length = 0;

	for (; from < end; from++) {
		if (*from == '"')
			continue;
		if (length + 1 >= size)
			return false;
		out[length++] = *from;
	}
	out[length] = '\0';
	return true;
}

bool option_find(const char *cmdline, const char *name, char *out, size_t size)
{
	size_t length = strlen(name);
	const char *end;

	for (const char *at = cmdline; *at; at = end) {
		/* A whole word in quotes is read as if only its value were. */
		const char *word = *at == '"' ? at + 1 : at;

		end = option_end(at);
		if (strncmp(word, name, length) == 0 && word[length] == '=')
			return option_copy(word + length + 1, end, out, size);
		if (*end)
			end++;
	}
	return false;
}

uint64_t option_number(const char *cmdline, const char *name, uint64_t otherwise)
{
	char value[12];
	uint64_t n = 0;

	if (!option_find(cmdline, name, value, sizeof value) || value[0] < '0' || value[0] > '9')
		return otherwise;
	for (const char *p = value; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n;
}

bool option_given(const char *cmdline, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = cmdline; *at;) {
		const char *end = option_end(at);

		if ((size_t)(end - at) == length && strncmp(at, name, length) == 0)
			return true;
		at = *end ? end + 1 : end;
	}
	return false;
}

unsigned cores_wanted(const char *cmdline, unsigned present)
{
	uint64_t n = option_number(cmdline, "cores", present);

	return n == 0 || n > present ? present : (unsigned)n;
}

size_t words_split(char *text)
{
	size_t out = 0;

	for (char *p = text; *p;) {
		while (*p == ' ')
			p++;
		while (*p && *p != ' ')
			text[out++] = *p++;
		if (*p)
			p++; /* room for the NUL: `out` never overtakes p */
		if (out && text[out - 1])
			text[out++] = '\0';
	}
	return out;
}
