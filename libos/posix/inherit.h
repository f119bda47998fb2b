/*
 * What a program gets from the one that starts it, beyond the few words of its argument page.
 *
 * The parent keeps a mailbox (heir_* of struct process_args); the child opens a channel to it before main, gets
 * one text of any length up to INHERIT_MAX, in sections, takes what they say, and answers how that went. Only then the
 * parent's posix_spawn (or fork, or exec) returns: so nothing that was to be handed over is lost, and whoever fails
 * says so to whom it concerns. A program that is started without a mailbox has the defaults, and asks nobody.
 */
#pragma once

#include "libos/fabric/mailbox.h"
#include "libos/proc/program.h"

#define INHERIT_MAX (UINT64_C(1) << 20)
#define INHERIT_ARG_MAX 131072 /* bytes of arguments and environment: ARG_MAX */

/* On the wire: append only within one build; parent and child are of the same system. */
enum inherit_section {
	INHERIT_END,
	INHERIT_ARGS,     /* strings, NUL-terminated each */
	INHERIT_ENV,      /* likewise */
	INHERIT_STATE,    /* struct inherit_state */
	INHERIT_ACTIONS,  /* what posix_spawn wants done: spawn_actions.c */
	INHERIT_FILES,    /* descriptors, packed by fd.c */
	INHERIT_NAMES,    /* the namespace, packed by namespace.c */
	INHERIT_PLACE,    /* umask, working directory */
	INHERIT_CHILDREN, /* those of a process that becomes another program: children.c */
	INHERIT_HANDLERS, /* of signals, for a fork's child: signals.c */
	INHERIT_FORK,     /* likewise: fork.c, which sends memory behind the text */
	INHERIT_PROGRAM   /* the file that the child is a process of: executable.c */
};

struct inherit_state {
	uint64_t blocked, ignored;       /* signals */
	uint32_t parent, group, session; /* numbers */
	uint32_t most;                   /* program_most */
};

/* A text that is being put together. */
struct inherit {
	char *data;
	size_t bytes, room;
	bool actions; /* what is done first in the child may want files that are closed then */
	bool forks;   /* the child is a copy of this process */
	bool becomes; /* who gets it takes the place of this process */
	int error;    /* errno of the first that failed, which all later ones are for */
};

/* The next section: its data may be added to till the next. */
void inherit_section(struct inherit *i, enum inherit_section tag);
void inherit_add(struct inherit *i, const void *data, size_t bytes);
/* Strings of an array that ends with NULL. */
void inherit_strings(struct inherit *i, char *const *strings);
void inherit_free(struct inherit *i);
/* A section of a whole text: its first byte and its length; NULL: there is none. */
const char *inherit_find(const struct inherit *i, enum inherit_section tag, size_t *bytes);

/* What any child gets of this process but its arguments and environment (inherit_parts.c); takes it, or an errno. */
void inherit_pack(struct inherit *i);
int inherit_unpack(const struct inherit *text);
/* There is no child that takes it: its files are nobody's. */
void inherit_undo(const struct inherit *text);

struct executable;
/*
 * The parent's side: starts the program, which is among the children from then on, hands
 * the text over, and waits until the child has taken it. Returns an errno, and then there is no child; ECHILD: it
 * ended before that.
 */
int inherit_start(const struct executable *program, uint32_t core, const struct inherit *text, struct program *out);

/* The same for a program that takes this process's place: returns an errno, or not at all. */
int inherit_become(const struct executable *program, const struct inherit *text);

/* The child's side, before main. Without a mailbox nothing happens, and *argv is as it was. */
void inherit_take(int *argc, char ***argv);
