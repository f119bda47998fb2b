/*
 * The rounds that this core has a part in.
 *
 * A record lives from the first line about a round to the last acknowledgement from
 * below.  Who serves nobody but itself in a one-phase round needs none.  Each record
 * has two sets of places: whom it has asked (`asked`) and who has not answered yet
 * (`awaited`).  The range that one of the asked serves goes from its place to the
 * next one asked, or to this core's own place, or to the end of this core's range;
 * so when it dies it is known who is left to be asked.
 *
 * What became of the last rounds is remembered, for those who ask when a coordinator has
 * died. A two-phase round that no member remembers was aborted.
 */
#pragma once

#include "monitor/agree/agreement.h"
#include "monitor/agree/places.h"

#define ROUNDS_MAX 64
#define ROUND_SET_WORDS 512 /* for the sets of all; 64 rounds up to 256 cores, 16 at 1,024 */
#define RECENT_MAX 48
/* Two-phase outcomes that are remembered: more than there are in the time that it takes to exclude a core. */
#define OUTCOME_SETS 64
#define OUTCOME_WAYS 8

enum round_state {
	ROUND_FREE,
	ROUND_PARKED,     /* of a later version of the group than ours: waits for the join */
	ROUND_SPREADING,  /* one-phase: done here, waits for those below */
	ROUND_PREPARING,  /* two-phase: prepared here, waits for the votes from below */
	ROUND_PREPARED,   /* has voted yes and does not know the outcome */
	ROUND_REFUSED,    /* has voted no, or passed on a no */
	ROUND_COMMITTING, /* committed here, waits for those below */
	ROUND_ABORTING,   /* aborted here, waits for those below */
	ROUND_FINISHED,   /* of this core's own: `done` is to be called */
};

struct round {
	uint64_t id; /* wire.h: round_name() */
	uint64_t group;
	uint64_t word[PROPOSAL_WORDS];
	round_done *done; /* of the proposer */
	uint64_t context;
	uint64_t *asked, *awaited;
	uint32_t version; /* of the group, as its coordinator knew it */
	uint32_t lines;   /* received below, for it and by it */
	uint32_t shared;  /* of those, how many took no line of their own */
	uint16_t lo, hi;  /* the range that this core serves */
	uint16_t parent;  /* core that asked; this one for its own */
	/* Nothing of these at the start: side by side, so that one store clears them. */
	uint16_t waiting; /* how many are in `awaited` */
	uint16_t err;     /* the first refusal */
	uint8_t age;      /* ticks without an answer */
	bool prepared;    /* here: an abort must undo it */
	bool spoken;      /* has said yes for itself alone: what is said below is not its vote */
	bool left_out;    /* whoever asked is to serve the others in the range itself */
	bool unsent;      /* some of the awaited could not be sent to */
	uint8_t subject;  /* enum subject */
	uint8_t scheme;   /* enum mon_dissemination */
	uint8_t state;    /* enum round_state */
	uint8_t kind;     /* enum agree_kind of the last request: what is acknowledged */
	uint8_t record;   /* the parent's */
	uint8_t next;     /* of its chain, 1 + index; 0: none */
	bool own;         /* proposed here, or settled here for a dead coordinator */
};

enum outcome { OUTCOME_UNKNOWN, OUTCOME_COMMITTED, OUTCOME_ABORTED };

/* A one-phase round that has ended here. */
struct recent {
	uint64_t id;
	uint64_t group;
	uint64_t word[PROPOSAL_WORDS];
	uint8_t subject;
	bool relay;   /* its coordinator is dead, and nobody has said that all have heard of it */
	bool relayed; /* all have: this core has asked them */
};

extern struct round rounds[ROUNDS_MAX];

void rounds_init(void);
/*
 * A record for a round, its sets empty, or NULL. Some are kept for what makes others end: exclusions, and
 * what settles the rounds of the dead.
 */
struct round *round_new(uint64_t id, unsigned subject);
#define ROUND_CHAINS 64
extern uint8_t round_chain[ROUND_CHAINS]; /* 1 + index */
/* Numbers of one coordinator follow each other. */
static inline uint8_t *round_chain_of(uint64_t id) { return &round_chain[(id + (id >> 32) * 5) % ROUND_CHAINS]; }

static inline struct round *round_find(uint64_t id)
{
	for (unsigned i = *round_chain_of(id); i; i = rounds[i - 1].next)
		if (rounds[i - 1].id == id)
			return &rounds[i - 1];
	return NULL;
}
void round_free(struct round *r);
unsigned rounds_used(void);
/* Most members have nobody below: the range is their own place, and they have not proposed it. */
static inline bool round_is_leaf(const struct round *r) { return r->hi - r->lo == 1 && !r->own; }
static inline unsigned round_record(const struct round *r) { return (unsigned)(r - rounds); }

/* `word`: PROPOSAL_WORDS of the proposal. */
struct recent *recent_add(uint64_t id, uint64_t group, unsigned subject, const uint64_t *word);
struct recent *recent_find(uint64_t id);
/* All that is remembered, by index; NULL at the end. */
struct recent *recent_at(unsigned index);
/* How a two-phase round ended here; how one did, of the last some hundred. */
void outcome_note(uint64_t id, bool commit);
enum outcome outcome_noted(uint64_t id);
