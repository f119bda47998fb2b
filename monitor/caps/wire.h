/*
 * Lines of MON_CAPS, between monitors about capabilities.
 *
 * Header: what it is in the low half of `aux`, an error in the high half; `sequence` is the number of the
 * operation that an answer belongs to, at whoever is to get that.  Words 0 and 1 name
 * the object and have room for what is small.  docs/capabilities.md, "Other cores", says what each does.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "libos/core/monitor_proto.h"

/* "asker": w2 = core that is to get DONE | slot << 32; its number is the sequence. */
enum caps_message {
	CAPS_NONE,
	CAPS_DONE,  /* error, w0 = value */
	CAPS_RETRY, /* look at the capability again, and ask again */
	/* object, rights, enum caps_target, core; asker and target slot; w3 = pid (CAPS_TO_PROGRAM: its owner's) or
	   channel there */
	CAPS_SHARE,
	CAPS_GRANT,   /* the same from the owner; w4 = a page table's place */
	CAPS_FETCH,   /* rights; w2 = slot there | slot here << 32, w3 = pid */
	CAPS_CARVE,   /* object, w3 = offset, w4 = bits -> DONE, value = base */
	CAPS_RETURN,  /* object; no answer */
	CAPS_RELEASE, /* object, w3 = copies; no answer */
	CAPS_REVOKE,  /* object -> DONE */
	CAPS_DROP,    /* object, w3 = number of the asker's operation whose capability stays, or 0 -> DROPPED */
	CAPS_DROPPED, /* object, w3 = 1: that capability is still there */
	CAPS_TAKE,    /* object -> DONE */
	CAPS_FREEZE,  /* object, core = owner to be -> FROZEN */
	CAPS_FROZEN,  /* object */
	CAPS_HEIR,    /* object, core = a sharer, w3 = its copies; no answer. Ahead of ADOPT */
	CAPS_ADOPT,   /* object, core = giver -> DONE */
	CAPS_MOVED,   /* object, core = owner; no answer */
	CAPS_TOLD,    /* object, core = owner -> DONE */
	CAPS_GONE,    /* core, object or none -> DONE: nothing of that core's is left here, nor, in the object, from it;
		       * value = 1: something else is from it */
	CAPS_WALK,    /* -> DONE, value = violations found: compare what is there with all others */
	CAPS_IS,      /* object, w2 = enum caps_question, w3 = count -> DONE, value = 0: so it is */
	CAPS_MESSAGES
};

/* What the checker asks another core. */
enum caps_question {
	CAPS_IS_HOLDER, /* I have so many copies of what you own */
	CAPS_IS_SHARED, /* you have so many copies of what I own */
	CAPS_IS_GIVEN,  /* you own what I gave away */
	CAPS_IS_GIVER,  /* you gave away what I own */
	CAPS_IS_MINE,   /* no object that you own lies around it */
	CAPS_QUESTIONS
};

enum caps_target { CAPS_TO_SLOT, CAPS_TO_CHANNEL, CAPS_TO_PROGRAM, CAPS_TARGETS };

struct object {
	uint64_t base;
	uint8_t type, bits;
};

static inline uint64_t caps_header(unsigned what, err_t err, uint32_t number)
{
	return mon_header(MON_CAPS, 0, what | (unsigned)err << 8, number);
}
static inline unsigned caps_what(uint64_t header) { return mon_aux(header) & 0xff; }
static inline err_t caps_err(uint64_t header) { return (err_t)(mon_aux(header) >> 8); }

static inline uint64_t caps_object(const struct object *o, unsigned rights, unsigned target, coreid_t core)
{
	return o->type | (uint64_t)o->bits << 8 | (uint64_t)rights << 16 | (uint64_t)target << 24 |
	       (uint64_t)core << 32;
}
static inline unsigned caps_rights(const struct mon_message *m) { return m->word[1] >> 16 & 0xff; }
static inline unsigned caps_target(const struct mon_message *m) { return m->word[1] >> 24 & 0xff; }
static inline coreid_t caps_core(const struct mon_message *m) { return (coreid_t)(m->word[1] >> 32); }
static inline struct object caps_object_of(const struct mon_message *m)
{
	return (struct object){ m->word[0], (uint8_t)m->word[1], (uint8_t)(m->word[1] >> 8) };
}
static inline bool object_same(const struct object *a, const struct object *b)
{
	return a->base == b->base && a->type == b->type && a->bits == b->bits;
}
