/*
 * The trees of the sys service: what the system is doing, as files, and its control.
 *
 * Texts are made when a file is opened. A `ctl` takes one command in a write; what is wrong with it is the write's
 * error. Everything is asked of those who know it (monitors, the process, name and other services) just then.
 */
#pragma once

#include "libos/ninep/server.h"

extern const struct ninep_node sys_root;
/* Its directories; each knows which entries it has. */
extern const struct ninep_node proc_dirs[], core_dirs[], fleet_dirs[];
extern const struct ninep_handlers proc_handlers, core_handlers, fleet_handlers, name_handlers;
/* For the parent of an entry: where in the root's table these are. */
enum { SYS_PROC, SYS_CORE, SYS_FLEET, SYS_NAME };
extern const struct ninep_node sys_files[];

/* A text that is being made. */
struct text {
	char *at;
	size_t room, length;
};
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define COMMAND_MAX 256
#define COMMAND_WORDS 12
/* A command out of a write, cut into words at blanks. EINVAL: none, or too many; EMSGSIZE. */
struct command {
	char text[COMMAND_MAX + 1];
	unsigned count;
	char *word[COMMAND_WORDS];
};
unsigned command_parse(struct command *c, const void *from, uint32_t length);
/* All of a number in decimal, at most `most`. */
bool number_parse(const char *text, uint64_t most, uint64_t *out);
/* A name of a file as a C text of up to NINEP_NAME_MAX bytes. */
void name_copy(char out[NINEP_NAME_MAX + 1], struct ninep_text name);
