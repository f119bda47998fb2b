/*
 * Moving a process: its monitor passes the wish on, and the answer back.
 *
 * What moves are its threads, and the libOS moves them (libos/core/span.c): it has the
 * process span the other core and all of them go on there.  The home, the pid and the channels stay.
 * One move at a time.  Services stay: their channels and devices are of their core (a fleet moves a member by
 * a new one, libos/fleet).
 */
#include "monitor/cores.h"
#include "monitor/monitor.h"

static void answer(struct process *p, err_t err)
{
	p->moving = false;
	reply_to(p->mover, MON_MIGRATE, p->move_sequence, err, NULL);
}

void process_migrate(struct request *r)
{
	struct process *p = process_table_find(&monitor.processes, (uint32_t)r->m.word[0]);
	struct mon_message m = { .header = mon_header(MON_MIGRATE, 0, 0, 0), .word = { r->m.word[1] } };
	err_t err = ERR_OK;

	if (!process_alive(p) || p->pid != r->m.word[0])
		err = ERR_NO_PROCESS;
	else if (p->stays)
		err = ERR_DENIED;
	else if (r->m.word[1] >= CORES_MAX)
		err = ERR_CORE_ID;
	else if (p->moving)
		err = ERR_AGAIN;
	if (err) {
		request_reply(r, err, NULL);
		return;
	}
	p->moving = true;
	p->mover = r->from;
	p->move_sequence = mon_sequence(r->m.header);
	process_send(p, &m);
}

void process_migrated(struct request *r)
{
	struct process *p = origin_process(r->from);

	request_reply(r, ERR_OK, NULL);
	if (p->moving)
		answer(p, r->m.word[0] < ERROR_COUNT ? (err_t)r->m.word[0] : ERR_MESSAGE);
}

void process_migrate_forget(struct process *p)
{
	if (p->moving)
		answer(p, ERR_NO_PROCESS);
}
