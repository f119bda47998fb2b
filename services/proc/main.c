/*
 * The process service: starts programs, tells how they end, lists them.
 *
 * A member of the fleet serves whoever asks; what it must know of a process is in the shared records
 * (records.h). The monitors start and end processes; a start carries the caller's ticket down to
 * the monitor, so that it happens once however often it is asked for, and whoever of the members has died.
 */
#include <stdlib.h>
#include <string.h>

#include "libos/core/monitor_client.h"
#include "kernel/abi/boot.h"
#include "libos/fleet/fleet.h"
#include "libos/proc/survey.h"
#include "services/proc/ids.h"
#include "services/proc/place.h"
#include "services/proc/process.h"

static struct fleet *fleet;
static struct proc_statistics refused;

/* --- start ------------------------------------------------------------------------------------- */

/* Pointers to the strings of a text that holds exactly so many; false when it does not. */
static bool strings_find(const char *text, uint32_t bytes, const char **out, uint32_t count)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		const char *end = at < bytes ? memchr(text + at, 0, bytes - at) : NULL;

		if (!end)
			return false;
		out[i] = text + at;
		at = (uint32_t)(end - text) + 1;
	}
	return at == bytes;
}

/* A number, a core and the ticket for a new one; or the record that the ticket has already. */
static err_t record_make(struct rpc_call *call, const struct proc_start *how, struct record *r)
{
	coreid_t core = (coreid_t)how->core;
	uint32_t id = 0;
	err_t err = ERR_OK;

	if (how->core == PROC_ANYWHERE)
		err = core_choose(fleet, rpc_call_core(call), &core);
	else if (how->core >= CORES_MAX)
		err = ERR_CORE_ID;
	if (!err)
		err = id_take(&id);
	if (err)
		return err;
	*r = (struct record){
		.ticket = how->ticket, .id = id, .watcher = fleet->number, .core = core, .parent = how->parent
	};
	err = record_put(r);
	if (!err)
		err = ticket_take(how->ticket, &id);
	if (err) {
		/* Another member was quicker: what we have made of it goes again. */
		record_drop(r->id);
		id_give(r->id);
	} else {
		id_settle(r->id);
	}
	return err == ERR_EXISTS ? record_get(id, r) : err;
}

#define CORES_TRIED 4

/* Where there is no memory for it, another core may have some, if any will do. */
static err_t start_somewhere(struct record *r, const struct mon_start *start, bool anywhere)
{
	err_t err = mon_start((coreid_t)r->core, start, &r->pid);

	for (unsigned i = 1; i < CORES_TRIED && anywhere && err == ERR_NO_MEMORY; i++) {
		coreid_t other;

		core_is_full((coreid_t)r->core);
		if (core_choose(fleet, (coreid_t)r->core, &other))
			break;
		/* On the core before it was not started: nobody asks there again. */
		r->core = other;
		err = record_put(r);
		if (!err)
			err = mon_start(other, start, &r->pid);
	}
	return err;
}

static err_t start_at(struct record *r, const struct mon_start *start, bool anywhere)
{
	err_t err = start_somewhere(r, start, anywhere);

	if (err == ERR_CORE_TIMEOUT || err == ERR_CORE_DOWN || err == ERR_NO_MEMORY)
		core_is_full((coreid_t)r->core); /* nothing goes there again before all cores are asked */
	if (!err) {
		core_count_change((coreid_t)r->core, 1);
		err = process_watch(r);
	}
	return err;
}

/* A start that came to nothing. */
static void record_give_up(const struct record *r)
{
	if (!id_keep(r->id))
		return;
	if (record_remove(r))
		id_give(r->id);
	else
		id_settle(r->id);
}

/* What asks under a number was started by this service, and may be one of ever more. */
static err_t quota_check(const struct proc_start *how)
{
	uint32_t count = how->parent ? processes_in_all(fleet) : 0, most = processes_allowed();

	if (how->most && how->most < most)
		most = how->most;
	return how->parent && count >= most ? ERR_PROCESSES : ERR_OK;
}

static err_t start(struct rpc_call *call, const struct proc_start *how, const char *text, uint32_t bytes, uint32_t *id,
		   uint64_t *pid)
{
	const char *string[PROCESS_ARGS_MAX];
	struct record r;
	err_t err;

	if (how->letter > bytes || proc_ticket(call->peer, (uint32_t)how->ticket) != how->ticket || how->argc < 1 ||
	    how->argc > PROCESS_ARGS_MAX || how->envc > PROCESS_ARGS_MAX - how->argc ||
	    !strings_find(text, bytes - how->letter, string, how->argc + how->envc))
		return ERR_ARGUMENT;
	rpc_release(&fleet->server);
	if (!ticket_find(how->ticket, &r.id))
		err = record_get(r.id, &r);
	else if (!(err = quota_check(how)))
		err = record_make(call, how, &r);
	if (!err && !r.pid) {
		struct mon_start s = { .argc = how->argc,
				       .argv = string,
				       .envc = how->envc,
				       .envp = string + how->argc,
				       .id = r.id,
				       .heir = { how->heir_pid, how->heir_secret, how->heir_service },
				       .heir_heap = how->heir_heap,
				       .letter = text + bytes - how->letter,
				       .letter_bytes = how->letter,
				       .program = how->program,
				       .ticket = how->ticket };

		err = start_at(&r, &s, how->core == PROC_ANYWHERE);
		if (err) {
			record_give_up(&r);
		}
	}
	refused.refused += err != ERR_OK;
	refused.started += err == ERR_OK;
	*id = r.id;
	*pid = r.pid;
	return err;
}

static err_t where(struct rpc_call *call, uint32_t *core)
{
	coreid_t chosen;
	err_t err = core_choose(fleet, rpc_call_core(call), &chosen);

	if (!err)
		*core = chosen;
	return err;
}

/* --- the rest ------------------------------------------------------------------------------------ */

static err_t find(uint32_t id, struct record *r) { return record_get(id, r) ? ERR_NO_PROCESS : ERR_OK; }

static err_t await(struct rpc_call *call, uint32_t id, struct proc_end *end)
{
	struct record r;
	err_t err;

	for (;;) {
		if (find(id, &r))
			return ERR_NO_PROCESS;
		if (r.state == PROC_ENDED) {
			*end = (struct proc_end){ .status = r.status, .cause = r.cause, .id = id };
			return ERR_OK;
		}
		if (r.watcher != fleet->number && view_get(&fleet->view, r.watcher))
			return fleet_redirect(fleet, call, r.watcher);
		if (r.watcher == fleet->number) {
			err = process_await(id, call);
			if (err != ERR_NO_PROCESS)
				return err;
			if (r.state != PROC_RUNNING)
				return ERR_AGAIN;
			continue; /* it has ended since that was read */
		}
		/* Its watcher has died since it wrote that. */
		process_adopt(&r);
	}
}

static err_t kill(struct rpc_call *call, uint32_t id)
{
	unsigned cause = MON_EXITED;
	struct record r;
	err_t err = find(id, &r);

	if (err)
		return err;
	if (r.state == PROC_ENDED)
		return rpc_call_repeated(call) && r.cause == MON_KILLED ? ERR_OK : ERR_NO_PROCESS;
	rpc_release(&fleet->server);
	err = mon_kill(r.pid);
	/* A member that has died may have done it, and could not say so. */
	if (err == ERR_NO_PROCESS && rpc_call_repeated(call) && !mon_wait(r.pid, &cause, NULL) && cause == MON_KILLED)
		err = ERR_OK;
	return err;
}

static err_t become(struct rpc_call *call, uint32_t id, uint64_t pid)
{
	struct record r;
	err_t err = find(id, &r);

	if (err || r.pid == pid)
		return err;
	if (r.pid != call->peer || r.state != PROC_RUNNING)
		return ERR_DENIED;
	/* One member knows it as watched, and would take the former's end for that of both. */
	if (r.watcher != fleet->number && view_get(&fleet->view, r.watcher))
		return fleet_redirect(fleet, call, r.watcher);
	rpc_release(&fleet->server);
	r.pid = pid;
	return process_watch(&r);
}

static err_t migrate(struct rpc_call *call, uint32_t id, uint32_t core)
{
	struct record r;
	err_t err = find(id, &r);

	(void)call;
	if (err)
		return err;
	if (core >= CORES_MAX)
		return ERR_CORE_ID;
	rpc_release(&fleet->server);
	return mon_migrate(r.pid, (coreid_t)core);
}

static err_t identify(struct rpc_call *call, uint32_t *id, uint64_t *pid)
{
	struct mon_process p;
	struct record r;

	(void)call;
	if (*id) {
		if (find(*id, &r))
			return ERR_NO_PROCESS;
		*pid = r.pid;
		return ERR_OK;
	}
	rpc_release(&fleet->server);
	for (unsigned i = 0; !mon_ps_id((coreid_t)(*pid >> 32), i, &p); i++)
		if (p.pid == *pid) {
			*id = p.id;
			return ERR_OK;
		}
	return ERR_NO_PROCESS;
}

static err_t list(struct rpc_call *call, struct proc_cursor *cursor, struct proc_info *list, uint32_t *count)
{
	(void)call;
	rpc_release(&fleet->server);
	return proc_survey(cursor, list, count);
}

static err_t statistics(struct rpc_call *call, struct proc_statistics *out)
{
	(void)call;
	processes_count(out);
	out->started = refused.started;
	out->refused = refused.refused;
	return ERR_OK;
}

/* --- the fleet ------------------------------------------------------------------------------------- */

static err_t init(struct fleet *f)
{
	err_t err;

	fleet = f;
	err = records_open(f);
	return err ? err : ids_init(f);
}

static err_t begin(struct fleet *f)
{
	err_t err = processes_open(f);

	/* The first: numbers of an earlier fleet's processes are in use. */
	if (!err && f->view.count == 1)
		err = processes_find();
	return err ? err : ids_start(f);
}

static void changed(struct fleet *f, const struct fleet_view *old)
{
	(void)f;
	ids_changed(old); /* first: that something is lost is known before anything waits */
	records_changed(old);
	processes_adopt();
}

static const struct proc_handlers handlers = { .start = start,
					       .wait = await,
					       .kill = kill,
					       .migrate = migrate,
					       .find = identify,
					       .list = list,
					       .statistics = statistics,
					       .become = become,
					       .place = where };

static const struct fleet_interface interfaces[] = { { &proc_service, &handlers }, { 0 } };

static const struct fleet_ops ops = {
	.name = "proc", .interface = interfaces, .init = init, .start = begin, .changed = changed
};

int main(int argc, char **argv) { return fleet_main(argc, argv, &ops); }
