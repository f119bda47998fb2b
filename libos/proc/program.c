/*
 * The client of the process service: program.h.
 *
 * One client for all threads of the process, connected when it is first used.
 */
#include "libos/proc/program.h"

#include "libos/core/monitor_client.h"
#include "libos/fabric/fabric.h"
#include "libos/fleet/client.h"
#include "libos/proc/survey.h"
#include "services/proc/proc_client.h"

#include <string.h>

uint32_t program_most;

static struct fleet_client service;
static struct mutex lock = MUTEX_INIT;
static bool connected;

static err_t client_get(struct rpc_client **out)
{
	struct fabric *f;
	err_t err = ERR_OK;

	mutex_lock(&lock);
	if (!connected) {
		err = fabric_here(&f);
		if (!err)
			err = fleet_connect(&service, f, NULL, "proc");
		/* The nearest member may just come or go: the first call looks for another. */
		if (err == ERR_CLOSED)
			err = fleet_client_init(&service, f, NULL, "proc");
		if (!err) {
			rpc_client_share(&service.rpc);
			connected = true;
		}
	}
	mutex_unlock(&lock);
	*out = &service.rpc;
	return err;
}

/* Adds strings to a text; their count, or -1 when they do not fit. */
static int strings_add(char *text, uint32_t *bytes, const char *const *strings)
{
	int count = 0;

	for (; strings && strings[count]; count++) {
		size_t n = strlen(strings[count]) + 1;

		if (n > PROC_TEXT_MAX - *bytes)
			return -1;
		memcpy(text + *bytes, strings[count], n);
		*bytes += (uint32_t)n;
	}
	return count;
}

static err_t start_without(const char *const *argv, const char *const *envp, const struct proc_start *how,
			   const void *letter, struct program *out)
{
	uint32_t core = how->core;
	const struct mon_start s = { .argc = how->argc,
				     .argv = argv,
				     .envc = how->envc,
				     .envp = envp,
				     .heir = { how->heir_pid, how->heir_secret, how->heir_service },
				     .heir_heap = how->heir_heap,
				     .letter = letter,
				     .letter_bytes = how->letter,
				     .program = how->program };

	out->id = 0;
	return mon_start(core == PROC_ANYWHERE ? process_self_core() : (coreid_t)core, &s, &out->pid);
}

static err_t start(const char *const *argv, const char *const *envp, uint32_t core, const struct program_heir *heir,
		   uint32_t program, struct program *out)
{
	static uint32_t starts;
	struct proc_start how = { .core = core,
				  .parent = process_self_id(),
				  .heir_pid = heir->mailbox.pid,
				  .heir_secret = heir->mailbox.secret,
				  .heir_service = heir->mailbox.service,
				  .heir_heap = heir->heap,
				  .letter = heir->letter_bytes,
				  .program = program,
				  .most = program_most };
	char text[PROC_TEXT_MAX];
	uint32_t bytes = 0;
	int argc = strings_add(text, &bytes, argv), envc = argc < 0 ? -1 : strings_add(text, &bytes, envp);
	struct rpc_client *c;
	err_t err;

	if (envc < 0 || heir->letter_bytes > PROC_TEXT_MAX - bytes)
		return ERR_TOO_LONG;
	memcpy(text + bytes, heir->letter, heir->letter_bytes);
	bytes += heir->letter_bytes;
	if (core != PROC_ANYWHERE && core >= CORES_MAX)
		return ERR_CORE_ID;
	how.argc = (uint32_t)argc;
	how.envc = (uint32_t)envc;
	err = client_get(&c);
	if (err == ERR_NOT_FOUND)
		return start_without(argv, envp, &how, heir->letter, out);
	if (err)
		return err;
	how.ticket = proc_ticket(process_self_pid(), __atomic_add_fetch(&starts, 1, __ATOMIC_RELAXED));
	return proc_start(c, &how, text, bytes, &out->id, &out->pid);
}

err_t program_start(const char *const *argv, const char *const *envp, uint32_t core, struct program *out)
{
	const struct program_heir nobody = { 0 };

	return start(argv, envp, core, &nobody, 0, out);
}

/* Its frame has to be at the core before it is started there, so that is chosen first. */
static err_t start_frame(const char *const *argv, uint32_t core, const struct program_heir *heir, struct program *out)
{
	struct rpc_client *c;
	uint32_t number;
	err_t err = ERR_OK;

	if (core == PROC_ANYWHERE) {
		err = client_get(&c);
		if (err == ERR_NOT_FOUND) {
			core = process_self_core();
			err = ERR_OK;
		} else if (!err) {
			err = proc_place(c, &core);
		}
	}
	if (!err)
		err = mon_program((coreid_t)core, heir->frame, &number);
	return err ? err : start(argv, NULL, core, heir, number, out);
}

#define TRIES 4 /* at other cores, where one has no memory, or has forgotten the frame */

err_t program_start_heir(const char *const *argv, uint32_t core, const struct program_heir *heir, struct program *out)
{
	err_t err = ERR_NO_MEMORY;

	if (!heir->frame)
		return start(argv, NULL, core, heir, 0, out);
	for (unsigned i = 0; i < TRIES && (err == ERR_NO_MEMORY || err == ERR_NOT_FOUND); i++)
		err = start_frame(argv, core, heir, out);
	return err;
}

err_t program_start_successor(const char *const *argv, const struct program_heir *heir, uint64_t *pid)
{
	const struct mailbox *m = &heir->mailbox;
	struct mon_start s = { .argc = 1,
			       .argv = argv,
			       .id = process_self_id(),
			       .heir = { m->pid, m->secret, m->service },
			       .letter = heir->letter,
			       .letter_bytes = heir->letter_bytes,
			       .succeeds = true };
	coreid_t home = (coreid_t)(process_self_pid() >> 32);
	err_t err = heir->frame ? mon_program(home, heir->frame, &s.program) : ERR_OK;

	return err ? err : mon_start(home, &s, pid);
}

err_t program_become(uint64_t pid)
{
	struct rpc_client *c;
	err_t err;

	if (!process_self_id())
		return ERR_OK;
	err = client_get(&c);
	return err ? err : proc_become(c, process_self_id(), pid);
}

err_t program_wait(const struct program *p, struct proc_end *end)
{
	struct rpc_client *c;
	unsigned cause = 0;
	err_t err;

	if (!p->id) {
		err = mon_wait(p->pid, &cause, &end->status);
		end->cause = cause;
		return err;
	}
	err = client_get(&c);
	return err ? err : proc_wait(c, p->id, end);
}

err_t program_kill(const struct program *p)
{
	struct rpc_client *c;
	err_t err;

	if (!p->id)
		return mon_kill(p->pid);
	err = client_get(&c);
	return err ? err : proc_kill(c, p->id);
}

err_t program_migrate(const struct program *p, coreid_t core)
{
	struct rpc_client *c;
	err_t err;

	if (!p->id)
		return mon_migrate(p->pid, core);
	err = client_get(&c);
	return err ? err : proc_migrate(c, p->id, core);
}

err_t program_find(uint32_t id, struct program *out)
{
	struct rpc_client *c;
	err_t err = client_get(&c);

	if (err)
		return err;
	*out = (struct program){ .id = id };
	return proc_find(c, &out->id, &out->pid);
}

err_t program_list(struct proc_cursor *at, struct proc_info *list, uint32_t *count)
{
	struct rpc_client *c;
	err_t err = client_get(&c);

	if (err == ERR_NOT_FOUND)
		return proc_survey(at, list, count);
	return err ? err : proc_list(c, at, list, count);
}

err_t program_statistics(struct proc_statistics *out)
{
	struct rpc_client *c;
	err_t err = client_get(&c);

	return err ? err : proc_statistics(c, out);
}
