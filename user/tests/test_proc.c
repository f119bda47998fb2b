/*
 * The process service: starts, ends, numbers, what is refused, and calls that come twice.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/fabric/metal.h"
#include "libos/fleet/client.h"
#include "libos/proc/program.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"
#include "services/proc/proc_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

#define MANY 60
#define STARTERS 4

static err_t start(const char *what, const char *arg, const char *const *envp, uint32_t core, struct program *p)
{
	const char *argv[] = { "tests", "--do", what, arg, NULL };

	return program_start(argv, envp, core, p);
}

static bool start_and_wait(void)
{
	struct proc_end end;
	struct program p;

	EXPECT_OK(start("exit", "42", NULL, PROC_ANYWHERE, &p));
	EXPECT(p.id != 0);
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.cause == MON_EXITED && end.status == 42 && end.id == p.id);
	/* Asked again it says the same. */
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.status == 42);
	return true;
}

static bool environment(void)
{
	static const char *const envp[] = { "HOME=/", "ANSWER=42", "EMPTY=", NULL };
	struct proc_end end;
	struct program p;

	EXPECT_OK(start("environment", "ANSWER", envp, 0, &p));
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.status == 42);
	EXPECT_OK(start("environment", "EMPTY", envp, 0, &p));
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.status == 0);
	EXPECT_OK(start("environment", "ABSENT", envp, 0, &p));
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.status == 99);
	return true;
}

static bool numbers(void)
{
	struct program p, found;
	struct proc_end end;

	EXPECT_OK(start("pid", "", NULL, PROC_ANYWHERE, &p));
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.status == p.id % 200); /* what getpid gives there */
	EXPECT_OK(start("forever", "", NULL, PROC_ANYWHERE, &p));
	EXPECT_OK(program_find(p.id, &found));
	EXPECT(found.pid == p.pid);
	EXPECT_OK(program_kill(&p));
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(end.cause == MON_KILLED);
	EXPECT_ERROR(program_kill(&p), ERR_NO_PROCESS);
	return true;
}

static bool listed(void)
{
	struct proc_cursor at = { 0 };
	struct proc_info list[3];
	uint32_t count = 3, found = 0;
	struct proc_end end;
	struct program p;
	err_t err;

	EXPECT_OK(start("forever", "", NULL, PROC_ANYWHERE, &p));
	while (!(err = program_list(&at, list, &count))) {
		for (uint32_t i = 0; i < count; i++)
			found += list[i].id == p.id && list[i].pid == p.pid && !strcmp(list[i].name, "tests");
		count = 3;
	}
	EXPECT(err == ERR_NOT_FOUND);
	EXPECT(found == 1);
	EXPECT_OK(program_kill(&p));
	EXPECT_OK(program_wait(&p, &end));
	return true;
}

static bool refused(void)
{
	static char long_text[PROC_TEXT_MAX + 2];
	const char *none[] = { "no-such-program", NULL }, *too_long[] = { "tests", long_text, NULL },
		   *empty[] = { NULL };
	const char *many[PROCESS_ARGS_MAX + 2];
	struct program p = { .id = 4000000 };
	struct proc_end end;

	memset(long_text, 'x', sizeof long_text - 1);
	for (unsigned i = 0; i <= PROCESS_ARGS_MAX; i++)
		many[i] = "tests";
	many[PROCESS_ARGS_MAX + 1] = NULL;
	EXPECT_ERROR(program_start(none, NULL, PROC_ANYWHERE, &p), ERR_NOT_FOUND);
	EXPECT_ERROR(program_start(too_long, NULL, PROC_ANYWHERE, &p), ERR_TOO_LONG);
	EXPECT_ERROR(program_start(empty, NULL, PROC_ANYWHERE, &p), ERR_ARGUMENT);
	EXPECT_ERROR(program_start(many, NULL, PROC_ANYWHERE, &p), ERR_ARGUMENT);
	EXPECT_ERROR(start("exit", "0", NULL, CORES_MAX, &p), ERR_CORE_ID);
	EXPECT(start("exit", "0", NULL, CORES_MAX - 1, &p) != ERR_OK);
	p = (struct program){ .id = 4000000 };
	EXPECT_ERROR(program_wait(&p, &end), ERR_NO_PROCESS);
	EXPECT_ERROR(program_kill(&p), ERR_NO_PROCESS);
	EXPECT_ERROR(program_migrate(&p, 0), ERR_NO_PROCESS);
	return true;
}

/* The call itself, with a ticket of ours. */
static bool asked_twice(void)
{
	static const char text[] = "tests\0--do\0exit\0"
				   "7";
	struct proc_start how = { .core = PROC_ANYWHERE, .argc = 4 };
	struct fleet_client c;
	struct fabric *f;
	uint32_t id[2];
	uint64_t pid[2];
	struct proc_end end;

	EXPECT_OK(fabric_metal(&f));
	EXPECT_OK(fleet_connect(&c, f, NULL, "proc"));
	how.ticket = proc_ticket(process_args()->pid, 3000000);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_OK(proc_start(&c.rpc, &how, text, sizeof text, &id[i], &pid[i]));
	EXPECT(id[0] == id[1] && pid[0] == pid[1]);
	EXPECT_OK(proc_wait(&c.rpc, id[0], &end));
	EXPECT(end.status == 7);
	EXPECT_OK(proc_start(&c.rpc, &how, text, sizeof text, &id[1], &pid[1]));
	EXPECT(id[0] == id[1] && pid[0] == pid[1]);
	/* Somebody else's ticket; texts that are not what they say. */
	how.ticket = proc_ticket(process_args()->pid + 1, 1);
	EXPECT_ERROR(proc_start(&c.rpc, &how, text, sizeof text, &id[1], &pid[1]), ERR_ARGUMENT);
	how.ticket = proc_ticket(process_args()->pid, 3000001);
	EXPECT_ERROR(proc_start(&c.rpc, &how, text, sizeof text - 1, &id[1], &pid[1]), ERR_ARGUMENT);
	how.argc = 5;
	EXPECT_ERROR(proc_start(&c.rpc, &how, text, sizeof text, &id[1], &pid[1]), ERR_ARGUMENT);
	how.argc = UINT32_MAX;
	how.envc = 5;
	EXPECT_ERROR(proc_start(&c.rpc, &how, text, sizeof text, &id[1], &pid[1]), ERR_ARGUMENT);
	fleet_client_close(&c);
	return true;
}

static bool migrated(void)
{
	unsigned n = 1;
	struct mon_core core;
	struct proc_end end;
	struct program p;

	while (n < 16 && !mon_core(n, &core) && core.state == MON_CORE_UP)
		n++;
	EXPECT_OK(start("move_sleep", "0", NULL, 0, &p));
	thread_sleep_until(context_now() + dispatcher_tsc_hz() / 50);
	EXPECT_OK(program_migrate(&p, (coreid_t)(n - 1)));
	if (n == 1)
		EXPECT_OK(program_kill(&p));
	EXPECT_OK(program_wait(&p, &end));
	EXPECT(n == 1 || end.status == n - 1);
	return true;
}

static void *starter(void *arg)
{
	struct program p[MANY / STARTERS];
	struct proc_end end;
	uintptr_t bad = 0;
	char text[12];

	(void)arg;
	for (unsigned i = 0; i < MANY / STARTERS; i++) {
		snprintf(text, sizeof text, "%u", i);
		if (start("exit", text, NULL, PROC_ANYWHERE, &p[i]))
			return (void *)(uintptr_t)1000;
	}
	for (unsigned i = 0; i < MANY / STARTERS; i++)
		bad += program_wait(&p[i], &end) || end.status != i;
	return (void *)bad;
}

static bool many_at_once(void)
{
	struct thread *t[STARTERS];
	void *bad;

	for (unsigned i = 0; i < STARTERS; i++)
		EXPECT_OK(thread_create(&t[i], starter, NULL));
	for (unsigned i = 0; i < STARTERS; i++) {
		EXPECT_OK(thread_join(t[i], &bad));
		EXPECT(!bad);
	}
	return true;
}

const struct test proc_tests[] = { { "a program starts and ends", start_and_wait },
				   { "its environment", environment },
				   { "numbers, and kills", numbers },
				   { "the list", listed },
				   { "what is refused", refused },
				   { "a start that is asked for twice happens once", asked_twice },
				   { "migration", migrated },
				   { "many at once", many_at_once },
				   { NULL, NULL } };
