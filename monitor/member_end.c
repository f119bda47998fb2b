/*
 * Processes that span cores: the end.
 *
 * All members stop, then all give their memory back, and each says so to the home, which keeps the
 * record that is waited for.  A member whose home is dead goes by itself.
 */
#include "libos/core/invoke.h"
#include "monitor/agree/membership.h"
#include "monitor/agree/places.h"
#include "monitor/member_jobs.h"

/* All members have let their memory go: only the record is left. */
static void end_done(struct process *p)
{
	group_drop(p->pid);
	process_gone(p);
}

static void end_count(struct process *p)
{
	if (p->state == PROCESS_ENDING && p->end_step == SUBJECT_LEAVE && p->released && group_count(p->pid) <= 1)
		end_done(p);
}

/* A member has gone; its group ends with the last, and each forgets it when told. */
static void leave(struct process *p, coreid_t core)
{
	struct proposal leave = { .group = p->pid, .word = { core } };

	subject_table[SUBJECT_LEAVE].commit(&leave);
	member_tell_pid(core, MEMBER_DROP, p->pid);
}

/* All have heard of the end: nobody needs the group any more to pass it on. */
static void leaves_begin(struct process *p)
{
	p->end_step = SUBJECT_LEAVE;
	for (unsigned c = set_next(p->gone, 0, MEMBER_CORES); c < MEMBER_CORES;
	     c = set_next(p->gone, c + 1, MEMBER_CORES))
		leave(p, (coreid_t)c);
	end_count(p);
}

static void dropped(struct process *p)
{
	group_drop(p->pid);
	process_table_drop(&monitor.processes, p);
}

static void end_agreed(uint64_t pid, err_t err, const struct proposal *proposal);

void end_agree(struct process *p)
{
	struct proposal proposal = { .group = p->pid, .subject = p->end_step };
	err_t err = ERR_AGAIN;

	/* One that joins while its home dies may run already: others' memory must not go before it is among them. */
	if (!group_changes(p->pid))
		err = one_phase(&proposal, end_agreed, p->pid);

	member_agains += (err == ERR_AGAIN) - p->end_again;
	p->end_again = err == ERR_AGAIN;
	/* No group: it was made, and is in none yet. */
	if (err && err != ERR_AGAIN)
		end_agreed(p->pid, err, &proposal);
}

static void end_agreed(uint64_t pid, err_t err, const struct proposal *proposal)
{
	struct process *p = member_find(pid);

	(void)err;
	if (!member_at_home(p)) {
		p->end_step = SUBJECT_END;
		member_release(p, dropped);
	} else if (proposal->subject == SUBJECT_STOP) {
		p->end_step = SUBJECT_END;
		end_agree(p);
	} else {
		leaves_begin(p);
	}
}

void end_begin(struct process *p)
{
	p->end_step = SUBJECT_STOP;
	end_agree(p);
}

void member_end(struct process *p, unsigned cause, uint64_t status)
{
	p->state = PROCESS_ENDING;
	member_watch();
	disp_stop(p->slots + SLOT_DISPATCHER);
	if (!member_at_home(p)) {
		member_tell((coreid_t)(p->pid >> 32), MEMBER_END,
			    &(struct mon_message){ .word = { p->pid, cause, status } });
		return;
	}
	p->cause = (uint8_t)cause;
	p->status = status;
	if (!p->jobs)
		end_begin(p);
}

void member_stop_commit(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (!p)
		return;
	p->state = PROCESS_ENDING;
	member_watch();
	disp_stop(p->slots + SLOT_DISPATCHER);
}

static void released(struct process *p)
{
	uint64_t pid = p->pid;

	p->released = true;
	if (member_at_home(p)) {
		end_count(p);
		return;
	}
	process_table_drop(&monitor.processes, p);
	member_tell_pid((coreid_t)(pid >> 32), MEMBER_GONE, pid);
}

void member_end_commit(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (p && !p->releasing)
		member_release(p, released);
}

void member_gone(struct process *p, coreid_t core)
{
	if (p->end_step != SUBJECT_LEAVE) {
		set_add(p->gone, core);
		return;
	}
	leave(p, core);
	end_count(p);
}

/* From the home: it never began to run, or all of it is over. */
void member_drop(uint64_t pid)
{
	struct process *p = member_find(pid);

	if (!p)
		group_drop(pid);
	else if (!p->joined && !p->releasing)
		member_release(p, dropped);
}

/* Its home is dead: it goes by itself, but not before the others have stopped, who may use its memory and tables. */
static void orphan_end(struct process *p)
{
	if (p->releasing || p->end_step)
		return;
	disp_stop(p->slots + SLOT_DISPATCHER);
	p->state = PROCESS_ENDING;
	end_begin(p);
}

void members_core_stop(coreid_t core)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (p->state == PROCESS_LIVE && member_spans(p) && group_holds(p->pid, core))
			disp_stop(p->slots + SLOT_DISPATCHER);
	}
}

void members_core_gone(coreid_t core)
{
	members_core_stop(core);
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (p->state != PROCESS_LIVE && p->state != PROCESS_ENDING)
			continue;
		if (p->pid >> 32 == core) {
			orphan_end(p);
		} else if (member_at_home(p) && group_holds(p->pid, core)) {
			subject_table[SUBJECT_LEAVE].commit(&(struct proposal){ .group = p->pid, .word = { core } });
			if (p->state == PROCESS_LIVE)
				process_end(p, MON_FAULTED, ERR_CORE_DOWN);
			else
				end_count(p);
		}
	}
}

/* The home for its members, when its own part is over; a member for the home's word, that it joins or that all end. */
static bool waits(const struct process *p)
{
	if (p->state == PROCESS_LIVE)
		return !member_at_home(p) && !p->joined;
	return p->state == PROCESS_ENDING && (member_at_home(p) ? p->released : !p->releasing);
}

bool member_wait_watch(const struct process *p)
{
	if (!waits(p))
		return false;
	if (!member_at_home(p))
		membership_doubt((coreid_t)(p->pid >> 32));
	else
		for (coreid_t c = group_next(p->pid, CORES_MAX); c != CORES_MAX; c = group_next(p->pid, c))
			membership_doubt(c);
	return true;
}
