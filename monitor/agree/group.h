/*
 * The groups of cores, for the engine.
 *
 * A record takes what a set of the machine's cores takes, out of one pool that is
 * shared by all groups; when it is used up there is no memory for another.
 */
#pragma once

#include "libos/core/monitor_proto.h"
#include "monitor/agree/agreement.h"
#include "monitor/agree/places.h"

enum group_state {
	GROUP_JOINING, /* being told of it; not a member yet */
	GROUP_MEMBER,
	GROUP_LEFT, /* a member no more; who else is in it is kept for the rounds under way */
};

struct group {
	struct group *next; /* of its chain, or free */
	uint64_t name;
	uint64_t changing; /* round that adds a member and is not decided yet; 0: none */
	uint32_t version;  /* how often a core has joined */
	uint8_t state;     /* enum group_state */
	uint64_t set[];    /* members */
};

void groups_init(void);
#define GROUP_CHAINS 32
extern struct group *group_chain[GROUP_CHAINS];
static inline struct group **group_chain_of(uint64_t name) { return &group_chain[(name ^ name >> 32) % GROUP_CHAINS]; }

/* NULL: not known here. */
static inline struct group *group_find(uint64_t name)
{
	struct group *g = *group_chain_of(name);

	while (g && g->name != name)
		g = g->next;
	return g;
}
/* A core is none of it any more, or of any group. */
void group_remove(struct group *g, unsigned place);
/* This core is none of it any more. */
void group_leave(struct group *g);
void groups_remove(unsigned place);

/* Tells a core who is in a group, ahead of its joining or, `joining` false, as a fact. */
err_t group_tell(const struct group *g, coreid_t core, bool joining);
/* AGREE_STATE, AGREE_STATE_OK. */
bool group_hear(coreid_t from, const struct mon_message *m);
bool group_told(coreid_t from, const struct mon_message *m);

/* Has the core not said yet that it knows GROUP_ALL? */
bool group_untold(unsigned place);

/* The parts of SUBJECT_JOIN that the engine does itself; `round` names the round. */
err_t group_join_prepare(uint64_t round, const struct proposal *p);
void group_join_commit(uint64_t round, const struct proposal *p);
void group_join_abort(uint64_t round, const struct proposal *p);
