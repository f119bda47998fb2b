/* Names that a user may type: programs and processes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/monitor_client.h"
#include "libos/proc/program.h"
#include "libos/posix/boot_files.h"
#include "user/shell/shell.h"

static bool is_program(const struct boot_file *f)
{
	/* A second one of the first two would find its name, or its devices, taken; the last is no program. */
	static const char *const system[] = { "monitor", "console", "kernel" };

	for (unsigned i = 0; i < sizeof(system) / sizeof(*system); i++)
		if (strcmp(f->name, system[i]) == 0)
			return false;
	return f->size >= 4 && memcmp(f->data, "\177ELF", 4) == 0;
}

unsigned program_names(const char **out, unsigned size)
{
	struct boot_file f;
	unsigned n = 0;

	for (unsigned i = 0; n < size && !boot_file_at(i, &f); i++)
		if (is_program(&f))
			out[n++] = f.name;
	return n;
}

bool program_exists(const char *name)
{
	struct boot_file f;

	return strchr(name, '/') || !boot_file_find(name, &f);
}

bool number_parse(const char *text, uint64_t limit, uint64_t *out)
{
	char *end;
	uint64_t n;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoull(text, &end, 10);
	if (*end || n >= limit)
		return false;
	*out = n;
	return true;
}

const char *pid_text(uint64_t pid, char out[PID_TEXT])
{
	snprintf(out, PID_TEXT, "%" PRIu64 ".%" PRIu64, pid >> 32, pid & UINT32_MAX);
	return out;
}

const char *program_text(const struct program *p, char out[PID_TEXT])
{
	if (!p->id)
		return pid_text(p->pid, out);
	snprintf(out, PID_TEXT, "%" PRIu32, p->id);
	return out;
}

bool process_find(uint64_t pid, struct mon_process *out)
{
	for (unsigned i = 0; !mon_ps((coreid_t)(pid >> 32), i, out); i++)
		if (out->pid == pid)
			return true;
	return false;
}

/* Processes of all cores with that number; the last one's pid. */
static unsigned pids_with_number(uint64_t number, uint64_t *out)
{
	unsigned found = 0;

	for (coreid_t core = 0; core < core_count(); core++) {
		struct mon_process p;

		for (unsigned i = 0; !mon_ps(core, i, &p); i++)
			if ((p.pid & UINT32_MAX) == number) {
				*out = p.pid;
				found++;
			}
	}
	return found;
}

bool pid_parse(const char *text, uint64_t *out)
{
	char core[PID_TEXT];
	const char *dot = strchr(text, '.');
	uint64_t c, n;

	if (dot && (size_t)(dot - text) < sizeof(core)) {
		snprintf(core, sizeof(core), "%.*s", (int)(dot - text), text);
		if (number_parse(core, UINT32_MAX, &c) && number_parse(dot + 1, UINT32_MAX, &n)) {
			*out = c << 32 | n;
			return true;
		}
	} else if (number_parse(text, UINT32_MAX, &n)) {
		struct program p;
		unsigned found;

		if (!program_find((uint32_t)n, &p)) {
			*out = p.pid;
			return true;
		}
		found = pids_with_number(n, out);

		if (found == 1)
			return true;
		printf(found ? "%s: processes of several cores have that number; give core.number, as ps shows it\n"
			     : "%s: no such process\n",
		       text);
		return false;
	}
	printf("%s: not a process; ps lists them\n", text);
	return false;
}
