/*
 * The text that a child inherits, and its way from the parent: inherit.h.
 *
 * It goes over a channel as lines: the first says how long it is. One child at a time is handed something; the
 * mailbox is made at the first and stays.
 */
#include "libos/posix/inherit.h"

#include <errno.h>
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
#include "libos/posix/signals.h"
#include "libos/posix/spawn_actions.h"
#include "libos/thread/thread.h"

#define LINE_BYTES sizeof(((struct urpc_message *)0)->word)
#define BATCH 8
#define STATUS_FAILED 127 /* exit status of who could not take it; the parent has its errno */
#define LOOKS_A_SECOND 20 /* at whether a child lives that has not asked yet */

struct section {
	uint32_t tag, bytes;
};

/* --- the text ------------------------------------------------------------------------------ */

static bool room_make(struct inherit *i, size_t bytes)
{
	size_t room = i->room ? i->room : 1024;
	char *data;

	if (i->error)
		return false;
	if (bytes > INHERIT_MAX - i->bytes) {
		i->error = E2BIG;
		return false;
	}
	while (room < i->bytes + bytes)
		room *= 2;
	if (room == i->room)
		return true;
	data = realloc(i->data, room);
	if (!data) {
		i->error = ENOMEM;
		return false;
	}
	i->data = data;
	i->room = room;
	return true;
}

static void append(struct inherit *i, const void *data, size_t bytes)
{
	if (!room_make(i, bytes))
		return;
	memcpy(i->data + i->bytes, data, bytes);
	i->bytes += bytes;
}

/* The section at an offset, as far as the text holds one. */
static bool section_at(const struct inherit *i, size_t at, struct section *out)
{
	if (i->bytes - at < sizeof *out)
		return false;
	memcpy(out, i->data + at, sizeof *out);
	return out->bytes <= i->bytes - at - sizeof *out;
}

static size_t last_section(const struct inherit *i)
{
	struct section s;
	size_t at = 0, last = 0;

	for (; at < i->bytes && section_at(i, at, &s); at += sizeof s + s.bytes)
		last = at;
	return last;
}

void inherit_section(struct inherit *i, enum inherit_section tag)
{
	const struct section s = { .tag = tag };

	append(i, &s, sizeof s);
}

void inherit_add(struct inherit *i, const void *data, size_t bytes)
{
	size_t last = last_section(i);
	struct section s;

	append(i, data, bytes);
	if (i->error)
		return;
	memcpy(&s, i->data + last, sizeof s);
	s.bytes += (uint32_t)bytes;
	memcpy(i->data + last, &s, sizeof s);
}

void inherit_strings(struct inherit *i, char *const *strings)
{
	for (; strings && *strings; strings++)
		inherit_add(i, *strings, strlen(*strings) + 1);
}

void inherit_free(struct inherit *i)
{
	free(i->data);
	*i = (struct inherit){ 0 };
}

const char *inherit_find(const struct inherit *i, enum inherit_section tag, size_t *bytes)
{
	struct section s;

	for (size_t at = 0; at < i->bytes && section_at(i, at, &s); at += sizeof s + s.bytes)
		if (s.tag == tag) {
			*bytes = s.bytes;
			return i->data + at + sizeof s;
		}
	return NULL;
}

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
static err_t child_await(uint64_t pid, struct channel *c)
{
	cycles_t pause = dispatcher_tsc_hz() / LOOKS_A_SECOND;
	struct channel *ready;
	err_t err;

	for (;;) {
		err = wait_set_wait(&nursery.set, &ready, fabric_now(nursery.fabric) + pause);
		if (err == ERR_TIMEOUT && child_ended(pid))
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

/* Hands it over; the errno that the child answers. */
static int child_serve(uint64_t pid, const struct inherit *text)
{
	struct urpc_message answer;
	struct channel c;

	if (child_await(pid, &c))
		return ECHILD;
	if (text_send(&c, text) || (text->forks && fork_send(&c)) || channel_receive_wait(&c, &answer, 0))
		answer.word[0] = ECHILD;
	channel_close(&c);
	return (int)answer.word[0];
}

int inherit_start(const struct executable *program, uint32_t core, const struct inherit *text, struct program *out)
{
	const char *const argv[] = { program->name, NULL };
	struct program_heir heir = { .frame = program->frame };
	err_t err;
	int answer;

	if (text->error)
		return text->error;
	mutex_lock(&nursery.lock);
	err = nursery_open();
	heir.mailbox = nursery.service.mailbox;
	if (text->forks)
		heir.heap = (uint32_t)heap_chunks();
	if (!err)
		err = program_start_heir(argv, core, &heir, out);
	if (!err)
		err = child_add(out);
	/* Of processes, of those that are watched, of memory there are so many, and later there may be more. */
	if (err == ERR_NO_MEMORY || err == ERR_WATCHERS)
		answer = EAGAIN;
	else
		answer = err ? errno_from(err) : child_serve(out->pid, text);
	if (answer && !err)
		child_drop(out->pid);
	else if (!err)
		child_known(out->pid);
	mutex_unlock(&nursery.lock);
	if (answer)
		inherit_undo(text);
	return answer;
}

/* In a process that waits for its successor nothing else is done; what fails leaves it as it was. */
int inherit_become(const struct executable *program, const struct inherit *text)
{
	const char *const argv[] = { program->name, NULL };
	struct program_heir heir = { .frame = program->frame };
	struct program next = { 0 };
	int answer = text->error;
	err_t err;

	if (answer)
		return answer;
	mutex_lock(&nursery.lock);
	err = nursery_open();
	heir.mailbox = nursery.service.mailbox;
	if (!err)
		err = program_start_successor(argv, &heir, &next.pid);
	if (!err)
		err = child_add(&next);
	answer = err ? errno_from(err) : child_serve(next.pid, text);
	if (!answer && program_become(next.pid)) {
		mon_kill(next.pid);
		answer = EIO;
	}
	if (!answer)
		mon_exit(EXIT_REPLACED | next.pid);
	if (!err)
		child_drop(next.pid);
	mutex_unlock(&nursery.lock);
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

/* Pointers to the strings of a section, which stay where they are; NULL: no memory. */
static char **strings_find(const char *data, size_t bytes, int *count)
{
	char **out;
	int n = 0;

	for (size_t at = 0; at < bytes; at += strlen(data + at) + 1)
		n++;
	out = malloc(((size_t)n + 1) * sizeof *out);
	if (!out)
		return NULL;
	*count = n;
	n = 0;
	for (size_t at = 0; at < bytes; at += strlen(data + at) + 1)
		out[n++] = (char *)(uintptr_t)data + at;
	out[n] = NULL;
	return out;
}

static int strings_take(const struct inherit *text, int *argc, char ***argv)
{
	size_t bytes;
	const char *args = inherit_find(text, INHERIT_ARGS, &bytes);
	char **found;
	int envc;

	if (!args || (bytes && args[bytes - 1]))
		return EPROTO;
	found = strings_find(args, bytes, argc);
	if (!found)
		return ENOMEM;
	*argv = found;
	args = inherit_find(text, INHERIT_ENV, &bytes);
	if (!args || (bytes && args[bytes - 1]))
		return EPROTO;
	found = strings_find(args, bytes, &envc);
	if (!found)
		return ENOMEM;
	environ = found;
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

void inherit_take(int *argc, char ***argv)
{
	const struct process_args *a = process_args();
	const struct mailbox parent = { .pid = a->heir_pid,
					.service = (uint32_t)a->heir_service,
					.secret = a->heir_secret };
	struct urpc_message answer = { 0 };
	struct inherit text = { 0 };
	struct fabric *f;
	static struct channel c; /* a fork's child keeps it, and goes on on another stack */
	err_t err;

	if (!parent.pid)
		return;
	err = fabric_here(&f);
	if (!err)
		err = channel_open_at(f, &parent, NULL, &c);
	if (err)
		mon_exit(STATUS_FAILED);
	err = text_receive(&c, &text);
	if (!err && a->heir_heap)
		err = fork_receive(&c, &text);
	answer.word[0] = err ? (uint64_t)errno_from(err) : (uint64_t)take(&text, argc, argv);
	channel_send_lines(&c, &answer, 1, 0, NULL);
	/* What was allocated before the parent's memory came is in nobody's books, and must not be freed. */
	if (!a->heir_heap)
		channel_close(&c);
	if (answer.word[0])
		mon_exit(STATUS_FAILED);
	if (a->heir_heap)
		fork_go_on();
}
