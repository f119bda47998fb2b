/*
 * What a program gets from the one that starts it, beyond the few words of its argument page.
 *
 * It is one text, in sections. A short one lies in the argument page, as a letter: when the child has taken what it
 * says it tells its monitor (mon_begun), or ends with EXIT_UNBORN. A longer one, up to INHERIT_MAX, and memory that is
 * copied to a fork's child, is had from the parent's mailbox (heir_* of struct process_args): the child opens a channel
 * to it before main, and answers how it went. Only then the parent's posix_spawn (or fork, or exec) returns: so
 * nothing that was to be handed over is lost, and whoever fails says so to whom it concerns. A program that is started
 * with neither has the defaults, and asks nobody. Who is to take its parent's place, by exec, begins when it has that
 * (mon_place).
 */
#pragma once

#include <sys/types.h>

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
	INHERIT_FILES,    /* descriptors, packed by fd_pack.c */
	INHERIT_NAMES,    /* the namespace, packed by namespace.c */
	INHERIT_PLACE,    /* umask, working directory */
	INHERIT_CHILDREN, /* those of a process that becomes another program: children.c */
	INHERIT_HANDLERS, /* of signals, for a fork's child: signals.c */
	INHERIT_FORK,     /* likewise: fork_thread.c */
	INHERIT_PROGRAM,  /* the file that the child is a process of: executable.c */
	INHERIT_MAPPINGS, /* shared ones, for a fork's child: mapping_inherit.c */
	INHERIT_REGIONS   /* private ones, likewise: region_inherit.c, which copies what is in them */
};

struct inherit_state {
	uint64_t blocked, ignored;       /* signals */
	uint32_t parent, group, session; /* numbers */
	uint32_t most;                   /* program_most */
	uint32_t becomes;                /* 1: who takes it has its sender's place, and those numbers already */
};

/* A text that is being put together. */
struct inherit {
	char *data;
	size_t bytes, room;
	size_t last;  /* where the last section begins */
	pid_t group;  /* that the child will be in; known when that is packed */
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

/* What mapping.h has for that, in a program that maps files; in others NULL. */
struct inherit_mappings {
	void (*pack)(struct inherit *i);
	int (*unpack)(const char *text, size_t bytes);
	void (*undo)(const char *text, size_t bytes);
};
extern const struct inherit_mappings *inherit_mappings;

/* This process is to take its parent's place: known when the state has been taken. */
extern bool inherit_succeeds;

struct executable;
/*
 * The parent's side: starts the program, which is among the children from then on, hands
 * the text over, and waits until the child has taken it. Returns an errno, and then there is no child; ECHILD: it
 * ended before that.
 */
int inherit_start(const struct executable *program, uint32_t core, const struct inherit *text, struct program *out);

/* The same for a program that takes this process's place: returns an errno, or not at all. */
int inherit_become(const struct executable *program, const struct inherit *text);
/* Its last step: the process `pid`, which has taken the text, gets this one's place. */
void inherit_place_give(uint64_t pid) __attribute__((noreturn));

/*
 * The child's side, before main. A letter (NULL: there is none) stays where it is. *argv has room for
 * PROCESS_ARGS_MAX + 2. Without letter and mailbox nothing happens, and *argv is as it was.
 */
void inherit_take(char *letter, size_t bytes, int *argc, char ***argv);
