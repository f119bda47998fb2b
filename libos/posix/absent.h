/*
 * Paths at which nothing was, and at which nothing is still: the next look needs no message.
 *
 * Programs look again and again for files that are not there: a journal, a lock, a program in each folder of a list.
 * A server that lends the head of its tree (libos/ninep/head.h) tells there that a name has come; as long as none has,
 * and the namespace is the same, what was not found is not there. A path is remembered that was looked for several
 * times, is under a mount point with one source, and led over no link.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is known before a lookup. */
struct absent_look {
	uint64_t came;
	uint32_t page; /* by which: it counts how often one was lost */
	bool good;
};

/* Is nothing at that path? False: it is to be looked up; then absent_seen. */
bool absent_known(const char *path, struct absent_look *l);
/* Nothing was there; `found` is the path that the lookup came to. */
void absent_seen(const char *path, const char *found, const struct absent_look *l);
