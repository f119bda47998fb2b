/*
 * See pipe.h.
 *
 * Readers wait only while nothing is in the buffer, writers only while there is too little room, so never both. After
 * each change those that can go on are answered: readers by a writer's own data, writers when a reader has made room.
 */
#include "libos/pipe/pipe.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST PIPE_ATOMIC

enum wait_kind { WAIT_READ, WAIT_WRITE, WAIT_READY, WAIT_OPEN };

struct pipe_wait {
	struct pipe_wait *next;
	struct pipe *pipe;
	struct ninep_pending *pending;
	enum wait_kind kind;
	uint32_t flags;
	uint32_t count; /* bytes wanted, or of data; events */
	char data[];    /* of a write */
};

static bool reads(uint32_t flags) { return (flags & NINEP_ACCESS) != NINEP_WRONLY; }
static bool writes(uint32_t flags) { return (flags & NINEP_ACCESS) != NINEP_RDONLY; }

/* --- the buffer ------------------------------------------------------------------------------------ */

static uint32_t bytes_out(struct pipe *p, void *into, uint32_t count)
{
	uint32_t some = count < p->length ? count : p->length, to_end = p->room - p->first;
	uint32_t part = some < to_end ? some : to_end;

	if (!some)
		return 0;
	memcpy(into, p->buffer + p->first, part);
	memcpy((char *)into + part, p->buffer, some - part);
	p->first = some < to_end ? p->first + some : some - to_end;
	p->length -= some;
	if (!p->length)
		p->first = 0;
	return some;
}

/* Room for so many more, which are no more than PIPE_BYTES in all. */
static bool buffer_grow(struct pipe *p, uint32_t count)
{
	uint32_t room = p->room ? p->room : ROOM_FIRST, length = p->length;
	char *buffer;

	while (room < length + count)
		room *= 2;
	if (room == p->room)
		return true;
	buffer = malloc(room);
	if (!buffer)
		return false;
	bytes_out(p, buffer, length);
	free(p->buffer);
	p->buffer = buffer;
	p->room = room;
	p->first = 0;
	p->length = length;
	return true;
}

/* There is room for them. */
static void bytes_in(struct pipe *p, const void *from, uint32_t count)
{
	uint32_t behind = p->first + p->length, at = behind < p->room ? behind : behind - p->room,
		 to_end = p->room - at;
	uint32_t part = count < to_end ? count : to_end;

	memcpy(p->buffer + at, from, part);
	memcpy(p->buffer, (const char *)from + part, count - part);
	p->length += count;
}

static uint32_t space(const struct pipe *p) { return PIPE_BYTES - p->length; }

void pipe_clear(struct pipe *p)
{
	free(p->buffer);
	*p = (struct pipe){ 0 };
}

/* --- those who wait --------------------------------------------------------------------------------- */

static void wait_take(struct pipe_wait *w)
{
	struct pipe_wait **at = &w->pipe->waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

static void wait_answer(struct pipe_wait *w, unsigned error, const void *data, uint32_t count)
{
	wait_take(w);
	ninep_answer(w->pending, error, data, count);
	free(w);
}

static void wait_cancel(struct ninep_pending *pending, void *arg)
{
	struct pipe_wait *w = arg;

	(void)pending;
	wait_take(w);
	if (w->kind == WAIT_OPEN)
		pipe_close(w->pipe, w->flags);
	free(w);
}

/* What the handler returns then. */
static unsigned wait_add(struct ninep_call *c, struct pipe *p, enum wait_kind kind, uint32_t flags, const void *data,
			 uint32_t count)
{
	struct pipe_wait *w = malloc(sizeof(*w) + (data ? count : 0)), **at = &p->waits;

	if (!w)
		return NINEP_ENOMEM;
	*w = (struct pipe_wait){ .pipe = p, .kind = kind, .flags = flags, .count = count };
	w->pending = ninep_later(c, wait_cancel, w);
	if (!w->pending) {
		free(w);
		return NINEP_EAGAIN;
	}
	if (data)
		memcpy(w->data, data, count);
	while (*at)
		at = &(*at)->next;
	*at = w;
	return NINEP_LATER;
}

static struct pipe_wait *wait_find(const struct pipe *p, enum wait_kind kind)
{
	struct pipe_wait *w = p->waits;

	while (w && w->kind != kind)
		w = w->next;
	return w;
}

static uint32_t events_of(const struct pipe *p, uint32_t flags)
{
	uint32_t e = 0;

	if (reads(flags))
		e |= (p->length ? NINEP_READY_IN : 0) | (!p->writers && p->hung ? NINEP_READY_HANGUP : 0);
	if (writes(flags) && !p->readers)
		e |= NINEP_READY_ERROR | NINEP_READY_OUT;
	else if (writes(flags) && space(p) >= PIPE_ATOMIC)
		e |= NINEP_READY_OUT;
	return e;
}

static uint32_t events_told(const struct pipe *p, uint32_t flags, uint32_t asked)
{
	return events_of(p, flags) & (asked | NINEP_READY_ERROR | NINEP_READY_HANGUP);
}

static void readies_answer(struct pipe *p)
{
	struct pipe_wait *w = p->waits, *next;

	for (; w; w = next) {
		uint32_t events = w->kind == WAIT_READY ? events_told(p, w->flags, w->count) : 0;

		next = w->next;
		if (events)
			wait_answer(w, 0, NULL, events);
	}
}

/* Writes that there is room for now, in their order. */
static void writes_take(struct pipe *p)
{
	struct pipe_wait *w;

	while ((w = wait_find(p, WAIT_WRITE)) && w->count <= space(p) && buffer_grow(p, w->count)) {
		bytes_in(p, w->data, w->count);
		wait_answer(w, 0, NULL, w->count);
	}
}

static void all_answer(struct pipe *p, enum wait_kind kind, unsigned error)
{
	struct pipe_wait *w;

	while ((w = wait_find(p, kind)))
		wait_answer(w, error, "", 0);
}

/* --- ends -------------------------------------------------------------------------------------------- */

/* Those that wait for an end that is open now. */
static void opens_answer(struct pipe *p)
{
	struct pipe_wait *w = p->waits, *next;

	for (; w; w = next) {
		next = w->next;
		if (w->kind == WAIT_OPEN && (reads(w->flags) ? p->writers : p->readers))
			wait_answer(w, 0, NULL, 0);
	}
}

unsigned pipe_open(struct ninep_call *c, struct pipe *p, uint32_t flags, bool waits)
{
	bool alone = (!writes(flags) && !p->writers) || (!reads(flags) && !p->readers);
	unsigned error = 0;

	if (waits && alone && writes(flags) && flags & NINEP_NONBLOCK)
		return NINEP_ENXIO;
	if (waits && alone && !(flags & NINEP_NONBLOCK))
		error = wait_add(c, p, WAIT_OPEN, flags, NULL, 0);
	if (error && error != NINEP_LATER)
		return error;
	p->readers += reads(flags);
	p->writers += writes(flags);
	p->hung &= !writes(flags);
	opens_answer(p);
	readies_answer(p);
	return error;
}

void pipe_close(struct pipe *p, uint32_t flags)
{
	p->readers -= reads(flags);
	p->writers -= writes(flags);
	if (writes(flags) && !p->writers) {
		p->hung = true;
		all_answer(p, WAIT_READ, 0); /* the end */
	}
	if (reads(flags) && !p->readers)
		all_answer(p, WAIT_WRITE, NINEP_EPIPE);
	if (!p->readers && !p->writers)
		p->first = p->length = 0;
	readies_answer(p);
}

/* --- requests ------------------------------------------------------------------------------------------ */

unsigned pipe_read(struct ninep_call *c, struct pipe *p, uint32_t flags, void *into, uint32_t *count)
{
	if (!p->length && p->writers && *count)
		return flags & NINEP_NONBLOCK ? NINEP_EAGAIN : wait_add(c, p, WAIT_READ, flags, NULL, *count);
	*count = bytes_out(p, into, *count);
	writes_take(p);
	readies_answer(p);
	return 0;
}

/* Readers that wait get it first: how much they took. */
static uint32_t readers_give(struct pipe *p, const char *from, uint32_t count)
{
	uint32_t done = 0, some;
	struct pipe_wait *w;

	while (done < count && (w = wait_find(p, WAIT_READ))) {
		some = w->count < count - done ? w->count : count - done;
		wait_answer(w, 0, from + done, some);
		done += some;
	}
	return done;
}

unsigned pipe_write(struct ninep_call *c, struct pipe *p, uint32_t flags, const void *from, uint32_t *count)
{
	uint32_t given, room = wait_find(p, WAIT_WRITE) ? 0 : space(p);

	if (!p->readers)
		return NINEP_EPIPE;
	if (*count > PIPE_BYTES)
		*count = PIPE_BYTES;
	if (*count > room && !(flags & NINEP_NONBLOCK))
		return wait_add(c, p, WAIT_WRITE, flags, from, *count);
	if (*count > room && (*count <= PIPE_ATOMIC || !room))
		return NINEP_EAGAIN;
	if (*count > room)
		*count = room;
	/* Before anybody has any of it: it shall not fail in the middle. */
	if (!wait_find(p, WAIT_READ) && !buffer_grow(p, *count))
		return NINEP_ENOMEM;
	given = readers_give(p, from, *count);
	if (given < *count && given && !buffer_grow(p, *count - given))
		*count = given;
	if (given < *count)
		bytes_in(p, (const char *)from + given, *count - given);
	readies_answer(p);
	return 0;
}

unsigned pipe_ready(struct ninep_call *c, struct pipe *p, uint32_t flags, uint32_t *events)
{
	uint32_t told = events_told(p, flags, *events);

	if (!told && !(*events & NINEP_READY_NOW))
		return wait_add(c, p, WAIT_READY, flags, NULL, *events);
	*events = told;
	return 0;
}
