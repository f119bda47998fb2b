/*
 * The engine of agreement in an island, and its seams: rounds are proposed from here, and what a
 * proposal does on a member passes through here. The linker puts the __wrap functions in place of
 * subject.c's for the rest of the engine (ld --wrap).
 */
#include "monitor/agree/agreement.h"
#include "monitor/agree/engine.h"
#include "monitor/monitor.h"
#include "tools/sim/island.h"

err_t __real_subject_prepare(uint64_t round, const struct proposal *p);
err_t __real_subject_commit(uint64_t round, const struct proposal *p);
void __real_subject_abort(uint64_t round, const struct proposal *p);
err_t __wrap_subject_prepare(uint64_t round, const struct proposal *p);
err_t __wrap_subject_commit(uint64_t round, const struct proposal *p);
void __wrap_subject_abort(uint64_t round, const struct proposal *p);

err_t __wrap_subject_prepare(uint64_t round, const struct proposal *p)
{
	err_t err = sim_vote(monitor.core, round, p->subject, p->word);

	if (!err)
		err = __real_subject_prepare(round, p);
	sim_part(monitor.core, SIM_PREPARE, round, p->subject, p->word, err);
	return err;
}

err_t __wrap_subject_commit(uint64_t round, const struct proposal *p)
{
	sim_part(monitor.core, SIM_COMMIT, round, p->subject, p->word, ERR_OK);
	return __real_subject_commit(round, p);
}

void __wrap_subject_abort(uint64_t round, const struct proposal *p)
{
	sim_part(monitor.core, SIM_ABORT, round, p->subject, p->word, ERR_OK);
	__real_subject_abort(round, p);
}

static void proposed_done(uint64_t context, err_t err, const struct proposal *p)
{
	(void)context;
	sim_round_done(monitor.core, p->subject, p->word, err);
}

err_t isle_propose(unsigned phases, unsigned scheme, uint64_t group, unsigned subject, const uint64_t word[3])
{
	struct proposal p = { .group = group, .subject = (uint8_t)subject, .word = { word[0], word[1], word[2] } };
	struct route route = { .scheme = (uint8_t)scheme, .lo = 0, .hi = (uint16_t)places };

	return phases == 1 ? one_phase_over(&p, &route, proposed_done, 0)
			   : two_phase_over(&p, &route, proposed_done, 0);
}

err_t isle_group_make(uint64_t group) { return group_make(group); }
bool isle_group_holds(uint64_t group, coreid_t core) { return group_holds(group, core); }
unsigned isle_malformed(void) { return agree_malformed(CORES_MAX); }
