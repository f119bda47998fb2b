/*
 * The way of what a child inherits from its parent to it: inherit.h.
 *
 * As a letter it goes along with the start; else over a channel as lines: the first says how long it is. One child at a
 * time is handed something so; the mailbox is made at the first and stays.
 */
#include "libos/posix/inherit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/vspace.h"
#include "libos/fabric/fabric.h"
#include "libos/posix/children.h"
#include "libos/posix/errno.h"
#include "libos/posix/executable.h"
#include "libos/posix/fork.h"
#include "libos/posix/process.h"
#include "libos/posix/signals.h"
#include "libos/posix/spawn_actions.h"
#include "libos/thread/thread.h"

#define LINE_BYTES sizeof(((struct urpc_message *)0)->word)
#define BATCH 8
#define STATUS_FAILED 127 /* exit status of who could not take it; the parent has its errno */
#define LOOKS_A_SECOND 20 /* at whether a child lives that has not asked yet */

/* --- the parent's side ------------------------------------------------------------------------ */

static struct {
	struct mutex lock; /* held while a child is served */
	struct fabric *fabric;
	struct service service;
	struct wait_set set;
	bool open;
} nursery = { .lock = MUTEX_INIT };

static err_t nursery_open(void)
{
	err_t err;

	if (nursery.open)
		return ERR_OK;
	err = fabric_here(&nursery.fabric);
	if (!err)
		err = wait_set_init(&nursery.set, nursery.fabric);
	if (err)
		return err;
	err = service_export_as(nursery.fabric, NULL, SERVICE_SHARED, &nursery.service);
	if (err) {
		wait_set_destroy(&nursery.set);
		return err;
	}
	wait_set_serve(&nursery.set, &nursery.service);
	nursery.open = true;
	return ERR_OK;
}

/* The channel that the child opens; strangers' are closed. */
static err_t channel_await(uint64_t pid, pid_t number, struct channel *c)
{
	cycles_t pause = dispatcher_tsc_hz() / LOOKS_A_SECOND;
	struct channel *ready;
	err_t err;

	for (;;) {
		err = wait_set_wait(&nursery.set, &ready, fabric_now(nursery.fabric) + pause);
		if (err == ERR_TIMEOUT && child_ended(number))
			return ERR_CLOSED;
		if (err == ERR_TIMEOUT)
			continue;
		if (err)
			return err;
		err = service_accept(&nursery.service, NULL, c);
		if (!err && c->peer == pid)
			return ERR_OK;
		if (!err)
			channel_close(c);
	}
}

static err_t text_send(struct channel *c, const struct inherit *text)
{
	struct urpc_message m[BATCH] = { { .word = { text->bytes } } };
	err_t err = channel_send_lines(c, m, 1, 0, NULL);

	for (size_t at = 0; at < text->bytes && !err;) {
		unsigned lines = 0;

		for (; lines < BATCH && at < text->bytes; lines++) {
			size_t n = text->bytes - at < LINE_BYTES ? text->bytes - at : LINE_BYTES;

			memcpy(m[lines].word, text->data + at, n);
			at += n;
		}
		err = channel_send_lines(c, m, lines, 0, NULL);
	}
	return err;
}

/*
 * Hands over by a channel what the child has not got yet: the text, unless that was a letter, and memory. The errno
 * that it answers.
 */
static int child_serve(const struct program *child, pid_t number, const struct inherit *text,
		       const struct program_heir *heir)
{
	struct urpc_message answer;
	struct channel c;
	err_t err;

	if (channel_await(child->pid, number, &c))
		return ECHILD;
	err = heir->letter_bytes ? ERR_OK : text_send(&c, text);
	if (!err && text->forks)
		err = fork_shares(text, child->pid) ? fork_share_give(text, child, heir->heap)
						    : fork_copy_send(text, &c);
	if (err || channel_receive_wait(&c, &answer, 0))
		answer.word[0] = ECHILD;
	channel_close(&c);
	return (int)answer.word[0];
}

/* --- a start ---------------------------------------------------------------------------------- */

/* A short text goes along with the start: then nobody has to be asked for it. */
static bool letter_will_do(const char *name, const struct inherit *text)
{
	return text->bytes + strlen(name) + 1 <= PROC_TEXT_MAX;
}

static err_t hand_over_begin(const char *name, const struct inherit *text, struct program_heir *heir)
{
	err_t err;

	heir->mailbox.pid = process_self_pid();
	if (letter_will_do(name, text)) {
		heir->letter = text->data;
		heir->letter_bytes = (uint32_t)text->bytes;
		if (!text->forks)
			return ERR_OK;
	}
	mutex_lock(&nursery.lock);
	err = nursery_open();
	heir->mailbox = nursery.service.mailbox;
	if (text->forks)
		heir->heap = (uint32_t)heap_chunks();
	return err;
}

/* Does the child ask for nothing, having the text, and gets its memory by the monitor? */
static bool all_by_monitor(const struct program *child, const struct inherit *text, const struct program_heir *heir)
{
	return heir->letter_bytes && text->forks && fork_shares(text, child->pid);
}

static int share(const struct program *child, pid_t number, const struct inherit *text, const struct program_heir *heir)
{
	if (!fork_share_give(text, child, heir->heap))
		return child_await(number, CHILD_BEGUN);
	mon_kill(child->pid);
	return ECHILD;
}

static int hand_over(const struct program *child, pid_t number, const struct inherit *text,
		     const struct program_heir *heir)
{
	if (all_by_monitor(child, text, heir))
		return share(child, number, text, heir);
	return heir->letter_bytes && !text->forks ? child_await(number, CHILD_BEGUN)
						  : child_serve(child, number, text, heir);
}

static void hand_over_end(const struct inherit *text, const struct program_heir *heir)
{
	if (!heir->letter_bytes || text->forks)
		mutex_unlock(&nursery.lock);
}

/* Of processes, of those that are watched, of memory there are so many, and later there may be more. */
static int start_errno(err_t err) { return err == ERR_NO_MEMORY || err == ERR_WATCHERS ? EAGAIN : errno_from(err); }

int inherit_start(const struct executable *program, uint32_t core, const struct inherit *text, struct program *out)
{
	const char *const argv[] = { program->name, NULL };
	struct program_heir heir = { .frame = program->frame };
	pid_t number;
	err_t err;
	int answer;

	if (text->error)
		return text->error;
	err = hand_over_begin(program->name, text, &heir);
	if (!err)
		err = program_start_heir(argv, core, &heir, out);
	if (!err)
		err = child_add(out, text->group, all_by_monitor(out, text, &heir));
	number = err ? 0 : process_number(out->id, out->pid);
	answer = err ? start_errno(err) : hand_over(out, number, text, &heir);
	if (answer && !err)
		child_drop(number);
	else if (!err)
		child_known(number);
	hand_over_end(text, &heir);
	if (answer)
		inherit_undo(text);
	return answer;
}

/*
 * What came before the successor was started is pending here, or stops this process, which is then on its way to the
 * monitor; what came since, that has. One that dies now has taken the number with it.
 */
void inherit_place_give(uint64_t pid)
{
	signal_stop_settled();
	(void)mon_succeed(pid, signals_pending());
	mon_exit(EXIT_SIGNAL | SIGKILL);
}

/* In a process that waits for its successor nothing else is done; what fails leaves it as it was. */
int inherit_become(const struct executable *program, const struct inherit *text)
{
	const char *const argv[] = { program->name, NULL };
	struct program_heir heir = { .frame = program->frame };
	struct program next = { 0 };
	pid_t number;
	int answer = text->error;
	err_t err;

	if (answer)
		return answer;
	err = hand_over_begin(program->name, text, &heir);
	if (!err)
		err = program_start_successor(argv, &heir, &next.pid);
	if (!err)
		err = child_add(&next, text->group, false);
	number = process_number(0, next.pid);
	answer = err ? errno_from(err) : hand_over(&next, number, text, &heir);
	if (!answer && program_become(next.pid))
		answer = EIO;
	if (!answer)
		inherit_place_give(next.pid);
	if (next.pid)
		(void)mon_kill(next.pid); /* it may have ended by itself */
	if (!err)
		child_drop(number);
	hand_over_end(text, &heir);
	if (answer)
		inherit_undo(text);
	return answer;
}

/* --- the child's side ------------------------------------------------------------------------ */

static err_t text_receive(struct channel *c, struct inherit *text)
{
	struct urpc_message m;
	err_t err = channel_receive_wait(c, &m, 0);

	if (err)
		return err;
	if (m.word[0] > INHERIT_MAX)
		return ERR_TOO_LONG;
	text->bytes = m.word[0];
	text->data = malloc(text->bytes + LINE_BYTES);
	if (!text->data)
		return ERR_NO_MEMORY;
	for (size_t at = 0; at < text->bytes && !err; at += LINE_BYTES) {
		err = channel_receive_wait(c, &m, 0);
		memcpy(text->data + at, m.word, LINE_BYTES);
	}
	return err;
}

static int strings_count(const char *data, size_t bytes)
{
	int n = 0;

	for (size_t at = 0; at < bytes; at += strlen(data + at) + 1)
		n++;
	return n;
}

/* The strings of a section, which stay where they are, as an array that ends with NULL. */
static void strings_point(const char *data, size_t bytes, char **out)
{
	for (size_t at = 0; at < bytes; at += strlen(data + at) + 1)
		*out++ = (char *)(uintptr_t)data + at;
	*out = NULL;
}

static const char *strings_find(const struct inherit *text, enum inherit_section tag, size_t *bytes, int *count)
{
	const char *data = inherit_find(text, tag, bytes);

	if (!data || (*bytes && data[*bytes - 1]))
		return NULL;
	*count = strings_count(data, *bytes);
	return data;
}

/* Into *argv, which has room for what an argument page can hold, if it is no more. */
static int strings_take(const struct inherit *text, int *argc, char ***argv)
{
	size_t arg_bytes, env_bytes;
	int envc;
	const char *arg = strings_find(text, INHERIT_ARGS, &arg_bytes, argc);
	const char *env = strings_find(text, INHERIT_ENV, &env_bytes, &envc);

	if (!arg || !env)
		return EPROTO;
	if (*argc + envc > PROCESS_ARGS_MAX)
		*argv = malloc(((size_t)*argc + (size_t)envc + 2) * sizeof **argv);
	if (!*argv)
		return ENOMEM;
	strings_point(arg, arg_bytes, *argv);
	environ = *argv + *argc + 1;
	strings_point(env, env_bytes, environ);
	return 0;
}

static int take(const struct inherit *text, int *argc, char ***argv)
{
	int error = process_args()->heir_heap ? 0 : strings_take(text, argc, argv);
	const char *data;
	size_t bytes;

	if (!error)
		error = inherit_unpack(text);
	data = inherit_find(text, INHERIT_PROGRAM, &bytes);
	if (!error && data)
		error = executable_unpack(data, bytes);
	data = inherit_find(text, INHERIT_ACTIONS, &bytes);
	if (!error && data)
		error = spawn_actions_do(data, bytes);
	data = inherit_find(text, INHERIT_HANDLERS, &bytes);
	if (!error && data)
		error = signals_handlers_unpack(data, bytes);
	data = inherit_find(text, INHERIT_CHILDREN, &bytes);
	if (!error && data)
		error = children_unpack(data, bytes);
	return error;
}

/* What is not had by the letter, if there is one, is had from the parent; which hears how it went. */
static void take_by_channel(struct inherit *text, const struct mailbox *parent, int *argc, char ***argv)
{
	static struct channel c; /* a fork's child keeps it, and goes on on another stack */
	bool forks = process_args()->heir_heap;
	struct urpc_message answer = { 0 };
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = channel_open_at(f, parent, NULL, &c);
	if (err)
		mon_exit(STATUS_FAILED);
	if (!text->data)
		err = text_receive(&c, text);
	if (!err && forks)
		err = fork_receive(fork_shares(text, parent->pid) ? NULL : &c, text);
	answer.word[0] = err ? (uint64_t)errno_from(err) : (uint64_t)take(text, argc, argv);
	channel_send_lines(&c, &answer, 1, 0, NULL);
	if (!answer.word[0] && inherit_succeeds)
		mon_place();
	/* What was allocated before the parent's memory came is in nobody's books, and must not be freed. */
	if (!forks)
		channel_close(&c);
	if (answer.word[0])
		mon_exit(STATUS_FAILED);
	if (forks)
		fork_go_on();
}

/* All that there is to take is the letter; and memory, from the parent's core, by the monitor. */
static void take_by_letter(const struct inherit *text, int *argc, char ***argv)
{
	bool forks = process_args()->heir_heap;
	err_t err = forks ? fork_receive(NULL, text) : ERR_OK;
	int error = err ? errno_from(err) : take(text, argc, argv);

	if (error)
		mon_exit(EXIT_UNBORN | (unsigned)error);
	if (inherit_succeeds)
		mon_place();
	else
		mon_begun(CHILD_BEGUN);
	if (forks)
		fork_go_on();
}

void inherit_take(char *letter, size_t bytes, int *argc, char ***argv)
{
	const struct process_args *a = process_args();
	const struct mailbox parent = { .pid = a->heir_pid,
					.service = (uint32_t)a->heir_service,
					.secret = a->heir_secret };
	static struct inherit text; /* what main gets points into it */

	if (!parent.pid)
		return;
	text = (struct inherit){ .data = letter, .bytes = bytes };
	if (letter && (!a->heir_heap || fork_shares(&text, parent.pid)))
		take_by_letter(&text, argc, argv);
	else
		take_by_channel(&text, &parent, argc, argv);
}
