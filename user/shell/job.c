/*
 * Waiting for programs, in the foreground and in the background.
 *
 * A program in the foreground is lent the terminal's input; the interrupt key
 * then comes to the shell, which kills what it waits for.  Each process in the
 * background has a thread here that says when it has ended.
 */
#include "user/shell/job.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "libos/core/error_text.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/children.h"
#include "libos/posix/console.h"
#include "libos/posix/process.h"
#include "libos/proc/program.h"
#include "libos/thread/thread.h"
#include "user/shell/shell.h"

#define END_TEXT 128

struct background {
	struct background *next;
	struct program program;
	char name[MON_PROCESS_NAME];
};

static struct background *running; /* threads of the shell are cooperative: no lock */
static struct mutex said_lock = MUTEX_INIT;
static struct cond said = COND_INIT;

struct job *job_new(const char *name, unsigned count)
{
	struct job *j = calloc(1, sizeof(*j) + count * sizeof(*j->program));

	if (j)
		snprintf(j->name, sizeof(j->name), "%s", name);
	return j;
}

/* --- ends ------------------------------------------------------------------------ */

static int signal_text(const char *name, const char *pid, int signal, char out[END_TEXT])
{
	if (signal == SIGINT || signal == SIGTERM)
		snprintf(out, END_TEXT, "%s (%s) was killed", name, pid);
	else
		snprintf(out, END_TEXT, "%s (%s) was ended by signal %d", name, pid, signal);
	return STATUS_SIGNAL + signal;
}

/* What is worth saying about an end; empty for exit status 0. Returns the status as shells count it. */
static int end_text(const char *name, const struct program *p, const struct proc_end *end, char out[END_TEXT])
{
	uint64_t status = end->status;
	char text[PID_TEXT];

	program_text(p, text);
	out[0] = '\0';
	switch (end->cause) {
	case MON_EXITED:
		if (status & EXIT_SIGNAL)
			return signal_text(name, text, (int)(status & ~(uint64_t)EXIT_SIGNAL), out);
		if (status)
			snprintf(out, END_TEXT, "%s (%s): exit status %" PRIu64, name, text, status);
		return (int)(status & 0xff);
	case MON_KILLED:
		snprintf(out, END_TEXT, "%s (%s) was killed", name, text);
		return STATUS_KILLED;
	default:
		snprintf(out, END_TEXT, "%s (%s) was stopped by a fault", name, text);
		return STATUS_FAULT;
	}
}

static int end_wait(const char *name, const struct program *p, char out[END_TEXT])
{
	struct proc_end end;
	err_t err = program_wait(p, &end);

	if (!err)
		return end_text(name, p, &end, out);
	snprintf(out, END_TEXT, "%s: %s", name, error_text(err));
	return STATUS_FAILED;
}

/* --- foreground --------------------------------------------------------------------- */

/* Its process group, which those that it starts are in too, unless they are put into others. */
static pid_t group_of(const struct program *p) { return process_number(p->id, p->pid); }

static void groups_make(const struct job *j)
{
	struct mon_relation r;

	for (unsigned i = 0; i < j->count; i++) {
		r = (struct mon_relation){ .group = (uint32_t)group_of(&j->program[i]) };
		/* One that has ended has no group. */
		(void)mon_relate((coreid_t)(j->program[i].pid >> 32), MON_TO_PID, j->program[i].pid, MON_SET_GROUP, &r);
	}
}

static void *interrupts_watch(void *arg)
{
	const struct job *j = arg;
	int signal;

	/* One that has ended already is no matter. Stops are not for programs that nobody could continue. */
	while (!console_wait_interrupt(&signal))
		for (unsigned i = 0; i < j->count; i++)
			if (signal == SIGQUIT)
				mon_kill(j->program[i].pid);
			else if (signal == SIGINT)
				killpg(group_of(&j->program[i]), signal);
	return NULL;
}

int job_foreground(struct job *j)
{
	char text[END_TEXT];
	struct thread *watch = NULL;
	int status = 0;

	groups_make(j);
	if (console_lend(j->program[0].pid, (uint32_t)group_of(&j->program[0])) ||
	    thread_create(&watch, interrupts_watch, j))
		printf("%s: cannot be interrupted from here\n", j->name);
	for (unsigned i = 0; i < j->count; i++) {
		int one = end_wait(j->name, &j->program[i], text);

		if (text[0])
			printf("%s\n", text);
		if (one)
			status = one;
	}
	if (watch) {
		console_wait_end();
		thread_join(watch, NULL);
	}
	free(j);
	return status;
}

/* --- background ----------------------------------------------------------------------- */

static void background_end(struct background *b)
{
	struct background **at = &running;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	free(b);
	cond_broadcast(&said);
}

static void *background_watch(void *arg)
{
	struct background *b = arg;
	char text[END_TEXT], pid[PID_TEXT];

	end_wait(b->name, &b->program, text);
	if (text[0])
		shell_notice("%s", text);
	else
		shell_notice("%s (%s) has ended", b->name, program_text(&b->program, pid));
	background_end(b);
	return NULL;
}

static int background_add(const char *name, const struct program *p)
{
	struct background *b = malloc(sizeof(*b));
	struct thread *t;

	if (!b)
		return STATUS_FAILED;
	*b = (struct background){ .next = running, .program = *p };
	snprintf(b->name, sizeof(b->name), "%s", name);
	running = b;
	if (thread_create(&t, background_watch, b)) {
		background_end(b);
		return STATUS_FAILED;
	}
	thread_detach(t);
	return 0;
}

int job_background(struct job *j)
{
	char pid[PID_TEXT];
	int status = 0;

	for (unsigned i = 0; i < j->count; i++) {
		printf("%s runs as %s\n", j->name, program_text(&j->program[i], pid));
		if (background_add(j->name, &j->program[i])) {
			printf("%s: its end will not be noticed here\n", pid);
			status = STATUS_FAILED;
		}
	}
	free(j);
	return status;
}

static bool is_running(uint64_t pid)
{
	for (struct background *b = running; b; b = b->next)
		if (b->program.pid == pid)
			return true;
	return false;
}

void job_settle(uint64_t pid)
{
	mutex_lock(&said_lock);
	while (is_running(pid))
		cond_wait(&said, &said_lock, 0);
	mutex_unlock(&said_lock);
}
