/*
 * Work for the engine of agreement: rounds of one and two phases, by every scheme, to all cores and to
 * groups that cores join and leave meanwhile; some are refused.
 *
 * A token in the proposal's last word names the round here.  What became of it on each core is noted
 * as it happens, and compared at the end: round_check().
 */
#include "tools/sim/rounds.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/agree/agreement.h"

#define GROUPS 4 /* besides GROUP_ALL */
#define TOKEN_MARK UINT64_C(0x746f6b656e000000)
#define REFUSAL ERR_DENIED
#define RETRY_IN (20 * MICROSECOND)
#define TRIES_MAX 20

/* What a core has done for a round. */
struct part {
	uint8_t prepared, refused, committed, aborted;
	bool wanted; /* a member as the proposer knew it */
};
struct token {
	uint8_t phases, scheme, subject, group; /* group: index; 0: all */
	coreid_t proposer;
	coreid_t subject_core;  /* that joins or leaves */
	uint64_t round;         /* the engine's name for it */
	uint64_t refusing;      /* seed of who refuses; 0: nobody */
	bool begun, done, dead; /* dead: its proposer is */
	uint8_t tries;
	err_t err;
	struct part *part; /* by core */
};
static struct token *tokens;
static unsigned token_count, token_room, unfinished;

static struct group {
	uint64_t name;
	bool left[CORES_MAX];
} groups[GROUPS + 1];
static bool anyone_died;

/* --- proposing -------------------------------------------------------------------------- */

static uint64_t token_word(const struct token *t) { return TOKEN_MARK | (uint64_t)(t - tokens); }

static struct token *token_of(const uint64_t word[3])
{
	uint64_t n = word[2] ^ TOKEN_MARK;

	return n < token_count ? &tokens[n] : NULL;
}

static coreid_t core_draw(void)
{
	coreid_t core = (coreid_t)random_below(&dice, options.cores);

	while (!core_alive(core))
		core = (core + 1) % options.cores;
	return core;
}

/* A core that is a member of the group by its own knowledge; CORES_MAX: not found. */
static coreid_t member_draw(unsigned group)
{
	coreid_t core = core_draw();

	for (unsigned i = 0; i < options.cores; i++, core = (core + 1) % options.cores)
		if (core_alive(core) && cores[core].island.isle_group_holds(groups[group].name, core))
			return core;
	return CORES_MAX;
}

static struct token *token_new(void)
{
	struct token *t = &tokens[token_count++];

	if (token_count > token_room)
		errx(2, "more rounds than operations");
	t->part = calloc(options.cores, sizeof *t->part);
	if (!t->part)
		err(2, "rounds");
	return t;
}

static void token_begin(struct token *t)
{
	uint64_t word[3] = { t->subject == SUBJECT_NOTHING ? random_next(&dice) : t->subject_core, 0, token_word(t) };
	struct island *island = &cores[t->proposer].island;
	struct event again = { .kind = EVENT_ACT, .process = ACT_ROUND_AGAIN | (uint32_t)(t - tokens) };

	/* Between two tries. */
	if (t->dead)
		return;
	for (coreid_t core = 0; core < options.cores; core++)
		t->part[core].wanted = island->isle_group_holds(groups[t->group].name, core);
	t->begun = true;
	trace_model("propose %u %u %lx %u", t->proposer, t->phases, groups[t->group].name, t->subject);
	t->err = island->isle_propose(t->phases, t->scheme, groups[t->group].name, t->subject, word);
	fabric_soon(t->proposer);
	if (!t->err)
		return;
	t->begun = false;
	if (t->err == ERR_AGAIN && t->tries++ < TRIES_MAX) {
		fabric_post(RETRY_IN, &again);
		return;
	}
	if (t->err != ERR_AGAIN && t->err != ERR_NOT_FOUND)
		sim_violation(t->proposer, "a round cannot be proposed: error %d", (int)t->err);
	t->done = true;
	unfinished--;
}

void round_again(uint32_t token) { token_begin(&tokens[token]); }

static unsigned group_draw(void) { return random_one_in(&dice, 2) ? 0 : 1 + (unsigned)random_below(&dice, GROUPS); }

/* A member proposes that somebody joins, or that it or another leaves. */
static void change_draw(struct token *t)
{
	t->group = (uint8_t)(1 + random_below(&dice, GROUPS));
	t->subject_core = core_draw();
	t->subject = random_one_in(&dice, 4) ? SUBJECT_LEAVE : SUBJECT_JOIN;
	if (groups[t->group].left[t->subject_core])
		t->subject = SUBJECT_NOTHING;
	if (t->subject == SUBJECT_LEAVE)
		groups[t->group].left[t->subject_core] = true;
}

void round_act(void)
{
	struct token *t = token_new();

	if (random_one_in(&dice, 3))
		change_draw(t);
	else
		t->group = (uint8_t)group_draw();
	t->phases = t->subject == SUBJECT_JOIN ? 2 : t->subject == SUBJECT_LEAVE ? 1 : 1 + random_one_in(&dice, 2);
	t->scheme = (uint8_t)random_below(&dice, DISSEMINATIONS);
	if (t->phases == 2 && random_one_in(&dice, 4))
		t->refusing = random_next(&dice) | 1;
	t->proposer = member_draw(t->group);
	unfinished++;
	if (t->proposer < CORES_MAX) {
		token_begin(t);
		return;
	}
	t->done = true;
	t->err = ERR_NOT_FOUND;
	unfinished--;
}

void round_begin_all(unsigned count)
{
	token_room = count;
	tokens = calloc(count, sizeof *tokens);
	if (!tokens)
		err(2, "rounds");
	groups[0].name = GROUP_ALL;
	for (unsigned g = 1; g <= GROUPS; g++) {
		coreid_t core = core_draw();

		groups[g].name = (uint64_t)core << 32 | (0x70000000 + g);
		if (cores[core].island.isle_group_make(groups[g].name))
			sim_violation(core, "a group cannot be made");
	}
}

void round_core_gone(coreid_t core)
{
	anyone_died = true;
	for (unsigned i = 0; i < token_count; i++) {
		if (tokens[i].proposer != core || tokens[i].done || tokens[i].dead)
			continue;
		tokens[i].dead = true;
		unfinished--;
	}
}

unsigned round_unfinished(void) { return unfinished; }

/* --- what the islands say ------------------------------------------------------------------- */

/* About one core in eight refuses a round that is to be refused at all; among many, few. */
static bool refuses(const struct token *t, coreid_t core)
{
	uint64_t x = t->refusing + core;

	return t->refusing && random_mix(&x) % (options.cores < 16 ? 4 : options.cores / 4) == 0;
}

err_t sim_vote(coreid_t core, uint64_t round, unsigned subject, const uint64_t word[3])
{
	const struct token *t = token_of(word);

	(void)round;
	return t && t->subject == subject && refuses(t, core) ? REFUSAL : ERR_OK;
}

static void prepared(struct part *p, coreid_t core, err_t err)
{
	if (p->prepared)
		sim_violation(core, "asked twice for its vote");
	p->prepared = err == ERR_OK;
	p->refused = err != ERR_OK;
}

static void committed(const struct token *t, struct part *p, coreid_t core)
{
	if (p->committed && !anyone_died)
		sim_violation(core, "a round reaches it twice");
	if (t->phases == 2 && (p->aborted || !p->prepared))
		sim_violation(core, "commits what it %s", p->aborted ? "aborted" : "did not vote for");
	p->committed = 1;
}

void sim_part(coreid_t core, enum sim_part part, uint64_t round, unsigned subject, const uint64_t word[3], err_t err)
{
	struct token *t = token_of(word);
	struct part *p = t ? &t->part[core] : NULL;

	trace_note(core, "%s round %lx of subject %u%s",
		   part == SIM_PREPARE  ? "votes on"
		   : part == SIM_COMMIT ? "does"
					: "aborts",
		   round, subject, err ? ": no" : "");
	trace_model("%s %u %lx%s",
		    part == SIM_PREPARE  ? "vote"
		    : part == SIM_COMMIT ? "commit"
					 : "abort",
		    core, round,
		    part != SIM_PREPARE ? ""
		    : err               ? " no"
					: " yes");
	if (subject == SUBJECT_EXCLUDE && part == SIM_COMMIT)
		fabric_excluded((coreid_t)word[0]);
	if (!p || t->subject != subject)
		return;
	t->round = round;
	if (part == SIM_PREPARE)
		prepared(p, core, err);
	else if (part == SIM_COMMIT)
		committed(t, p, core);
	else if (p->committed || p->aborted)
		sim_violation(core, "aborts what it has %s", p->aborted ? "aborted" : "committed");
	else
		p->aborted = 1;
}

void sim_round_done(coreid_t core, unsigned subject, const uint64_t word[3], err_t err)
{
	struct token *t = token_of(word);

	if (!t || t->subject != subject)
		return;
	if (t->done || t->proposer != core)
		sim_violation(core, "a round ends %s", t->done ? "twice" : "elsewhere than where it began");
	if (err && t->phases == 1)
		sim_violation(core, "a round of one phase ends with error %d", (int)err);
	trace_model("end %u %lx %d", core, t->round, (int)err);
	trace_note(core, "its round %lu ends with %d", (uint64_t)(t - tokens), (int)err);
	t->done = true;
	t->err = err;
	if (!t->dead)
		unfinished--;
}

/* --- comparison -------------------------------------------------------------------------------- */

/* Was it a member all the time? Who was leaving, or is gone, may or may not have been asked. */
static bool counts(const struct token *t, coreid_t core)
{
	return t->part[core].wanted && core_alive(core) && !groups[t->group].left[core];
}

static void check_one_phase(const struct token *t)
{
	for (coreid_t core = 0; core < options.cores; core++)
		if (counts(t, core) && !t->part[core].committed && t->done)
			sim_violation(core, "round %lu of one phase has ended and has not been here",
				      (uint64_t)(t - tokens));
}

static void check_two_phase(const struct token *t)
{
	coreid_t yes = CORES_MAX, no = CORES_MAX, refused = CORES_MAX;

	for (coreid_t core = 0; core < options.cores; core++) {
		const struct part *p = &t->part[core];

		if (!core_alive(core))
			continue;
		if (p->committed)
			yes = core;
		if (p->aborted || p->refused || (counts(t, core) && !p->committed))
			no = core;
		if (p->refused)
			refused = core;
		if (p->prepared && !p->committed && !p->aborted)
			sim_violation(core, "has voted on round %lu and never heard how it ended",
				      (uint64_t)(t - tokens));
	}
	if (yes < CORES_MAX && (no < CORES_MAX || refused < CORES_MAX))
		sim_violation(yes, "has committed round %lu, and core %u has not", (uint64_t)(t - tokens),
			      no < CORES_MAX ? no : refused);
	if (t->done && core_alive(t->proposer) && (t->err == ERR_OK) != (yes < CORES_MAX))
		sim_violation(t->proposer, "its round %lu ended with error %d, and was %s", (uint64_t)(t - tokens),
			      (int)t->err, yes < CORES_MAX ? "committed" : "not committed");
}

void round_check(void)
{
	for (unsigned i = 0; i < token_count; i++) {
		const struct token *t = &tokens[i];

		if (!t->begun)
			continue;
		if (t->phases == 1)
			check_one_phase(t);
		else
			check_two_phase(t);
	}
}

void round_show(void)
{
	for (unsigned i = 0; i < token_count; i++)
		if (tokens[i].begun && !tokens[i].done && !tokens[i].dead)
			trace_note(tokens[i].proposer, "waits for round %u, of %u phases, subject %u, group %lx", i,
				   tokens[i].phases, tokens[i].subject, groups[tokens[i].group].name);
}

void round_figures(struct round_figures *f)
{
	*f = (struct round_figures){ 0 };
	for (unsigned i = 0; i < token_count; i++) {
		f->ended += tokens[i].begun && tokens[i].done;
		f->refused += tokens[i].begun && tokens[i].done && tokens[i].err;
		f->not_begun += !tokens[i].begun;
	}
}
