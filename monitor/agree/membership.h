/*
 * Which cores are up, and what happens when one does not answer: membership.c.
 */
#pragma once

#include "libos/core/monitor_proto.h"
#include "monitor/agree/agreement.h"
#include "libos/x86/context.h"
#include "monitor/agree/round.h"

void membership_init(void);
/* Lines about membership; false: one makes no sense. */
bool membership_message(coreid_t from, const struct mon_message *m);
extern uint16_t membership_heard[CORES_MAX]; /* when, in units of 2^HEARD_SHIFT cycles */
extern uint64_t membership_out[SET_WORDS_MAX];
extern bool membership_lost; /* some core was excluded */
#define HEARD_SHIFT 22

/* Was it excluded, and has not come back? */
static inline bool membership_gone(coreid_t core)
{
	unsigned place = core_place(core);

	return place == places || set_has(membership_out, place);
}

/* The same of a core that there is. */
static inline bool membership_dead(coreid_t core) { return membership_lost && membership_gone(core); }

/* A core has said something. False: it was excluded, and is not to be listened to. */
static inline bool membership_hear(coreid_t from)
{
	if (membership_dead(from))
		return false;
	membership_heard[from] = (uint16_t)(context_now() >> HEARD_SHIFT);
	return true;
}
/* It has left somebody waiting for too long. */
void membership_doubt(coreid_t core);
/* It is started anew. */
void membership_return(coreid_t core);
/* It has said hello: all members are asked to take it in. Calls core_joined() on each of them. */
void membership_admit(coreid_t core);
/* Was it passed over by an exclusion, and not told yet? */
bool membership_missed(unsigned place);

/* For doubt.c. It has been silent for the silence time; it has been heard of. */
void membership_suspect(unsigned place);
void membership_trust(unsigned place);
void membership_say(coreid_t to, unsigned kind, uint64_t word);

/* SUBJECT_EXCLUDE. `decided`: on the proposer alone, before anybody hears that it is committed. */
err_t membership_exclude_prepare(const struct proposal *p);
void membership_exclude_decided(const struct proposal *p);
void membership_exclude_commit(const struct proposal *p);
/* All that are not in the set were excluded while this core was not asked. */
void membership_exclude_others(const uint64_t *members);
/* A core has joined GROUP_ALL. */
void membership_joined(coreid_t core);

/* resolve.c: how rounds end whose coordinator is dead. */

/* A coordinator is dead: what this core knows of its rounds is to be settled. */
void resolve_coordinator(coreid_t dead);
/* Asks, again, about all that is not settled. */
void resolve_step(void);
/* Is there something that no round's record says? */
bool resolve_busy(void);
/* A one-phase round of a dead coordinator has ended here; this core has asked all members about one. */
void resolve_ended(struct recent *e);
void resolve_relayed(const struct round *r);
bool resolve_message(coreid_t from, const struct mon_message *m);
/* SUBJECT_KNOWN: the answer is the error. SUBJECT_DECIDE. */
err_t resolve_known(const struct proposal *p);
void resolve_decide(const struct proposal *p);
