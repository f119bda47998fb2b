/*
 * The files of the pipe service.
 *
 *     new     opened, makes a pipe and is a text: its number
 *     ring    likewise, one whose users share its memory: its ends are not read and written by requests
 *     N/r     its end to read
 *     N/w     its end to write
 *
 * A pipe lives as long as a fid stands for it or one of its ends, or what made it is open.
 */
#include "services/pipe/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "libos/pipe/pipe.h"
#include "services/pipe/ring.h"

struct held_pipe {
	bool shares; /* `ring` counts, else `pipe` */
	struct pipe pipe;
	struct ring_pipe ring;
	unsigned holds;
	uint32_t number; /* its place in the table, and one */
};

static struct held_pipe *pipes[PIPES_MAX];
static unsigned count;

unsigned pipes_count(void) { return count; }

static struct held_pipe *pipe_of(const struct ninep_file *f) { return pipes[f->key - 1]; }
static uint32_t flags_of(const struct ninep_file *f) { return (uint32_t)(uintptr_t)f->open; }

static struct held_pipe *pipe_new(void)
{
	struct held_pipe *p = count < PIPES_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	while (pipes[p->number])
		p->number++;
	pipes[p->number++] = p;
	count++;
	return p;
}

static void pipe_release(struct held_pipe *p)
{
	if (--p->holds)
		return;
	pipes[p->number - 1] = NULL;
	count--;
	if (p->shares)
		ring_pipe_free(&p->ring);
	else
		pipe_clear(&p->pipe);
	free(p);
}

/* --- new ---------------------------------------------------------------------------------------- */

static unsigned new_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	struct held_pipe *p = pipe_new();

	(void)c, (void)flags;
	if (!p)
		return NINEP_ENFILE;
	p->holds = 1;
	f->open = p;
	return 0;
}

static unsigned ring_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	unsigned error = new_open(c, f, flags);
	struct held_pipe *p = f->open;

	if (error)
		return error;
	error = ring_pipe_make(&p->ring);
	p->shares = !error;
	if (error)
		pipe_release(p);
	return error;
}

static void new_close(struct ninep_file *f) { pipe_release(f->open); }

static unsigned new_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	*length = (size_t)snprintf(into, room, "%lu\n", (unsigned long)((struct held_pipe *)f->open)->number);
	return 0;
}

/* --- N, N/r, N/w, of what `new` made ---------------------------------------------------------------- */

static void end_hold(const struct ninep_file *f) { pipe_of(f)->holds++; }
static void end_drop(const struct ninep_file *f) { pipe_release(pipe_of(f)); }

static unsigned end_attr(const struct ninep_file *f, struct ninep_attr *a)
{
	a->size = pipe_of(f)->pipe.length;
	return 0;
}

static unsigned end_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	f->open = (void *)(uintptr_t)flags;
	return pipe_open(c, &pipe_of(f)->pipe, flags, false);
}

/* Of an open file: appending, not blocking, from now on. */
static unsigned flags_change(struct ninep_file *f, uint32_t flags)
{
	f->open = (void *)(uintptr_t)((flags_of(f) & ~(NINEP_APPEND | NINEP_NONBLOCK)) | flags);
	return 0;
}

static void end_close(struct ninep_file *f) { pipe_close(&pipe_of(f)->pipe, flags_of(f)); }

static unsigned end_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *bytes)
{
	(void)offset;
	return pipe_read(c, &pipe_of(f)->pipe, flags_of(f), into, bytes);
}

static unsigned end_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *bytes)
{
	(void)offset;
	return pipe_write(c, &pipe_of(f)->pipe, flags_of(f), from, bytes);
}

static unsigned end_ready(struct ninep_call *c, struct ninep_file *f, uint32_t *events)
{
	return pipe_ready(c, &pipe_of(f)->pipe, flags_of(f), events);
}

/* --- ... of what `ring` made ------------------------------------------------------------------------- */

static const struct ninep_node ring_ends[];

static struct ring_pipe *ring_of(const struct ninep_file *f) { return &pipe_of(f)->ring; }
static enum pipe_end end_of(const struct ninep_file *f) { return f->node == ring_ends ? PIPE_READERS : PIPE_WRITERS; }

static unsigned ring_end_attr(const struct ninep_file *f, struct ninep_attr *a)
{
	a->size = pipe_ring_fill(ring_of(f)->memory.ring);
	return 0;
}

static unsigned ring_end_open(struct ninep_call *c, struct ninep_file *f, uint32_t flags)
{
	(void)c;
	f->open = (void *)(uintptr_t)flags;
	ring_pipe_open(ring_of(f), end_of(f), flags);
	return 0;
}

static unsigned ring_end_flags(struct ninep_file *f, uint32_t flags)
{
	ring_pipe_flags(ring_of(f), end_of(f), flags);
	return flags_change(f, flags);
}

static void ring_end_close(struct ninep_file *f) { ring_pipe_close(ring_of(f), end_of(f)); }

static unsigned ring_end_join(struct ninep_call *c, const struct ninep_file *f, uint64_t ticket, struct ninep_ring *out)
{
	return ring_pipe_join(ring_of(f), c, ticket, out);
}

static unsigned ring_end_peer(struct ninep_call *c, const struct ninep_file *f, uint32_t number, uint64_t *ticket)
{
	return ring_pipe_peer(ring_of(f), c, number, ticket);
}

static void ring_end_poke(const struct ninep_file *f, uint64_t sleepers) { ring_pipe_poke(ring_of(f), sleepers); }

static void ring_end_left(const struct ninep_connection *n, const struct ninep_file *f, uint32_t fid)
{
	ring_pipe_left(ring_of(f), n, fid);
}

static unsigned ring_end_ready(struct ninep_call *c, struct ninep_file *f, uint32_t *events)
{
	return ring_pipe_ready(ring_of(f), c, end_of(f), events);
}

static const struct ninep_handlers ring_handlers = {
	.hold = end_hold,
	.drop = end_drop,
	.attr = ring_end_attr,
	.open = ring_end_open,
	.close = ring_end_close,
	.ready = ring_end_ready,
	.flags = ring_end_flags,
	.ring = ring_end_join,
	.peer = ring_end_peer,
	.poke = ring_end_poke,
	.left = ring_end_left,
};

/* --- the tree ----------------------------------------------------------------------------------------- */

static const struct ninep_handlers end_handlers = {
	.hold = end_hold,
	.drop = end_drop,
	.attr = end_attr,
	.open = end_open,
	.close = end_close,
	.read = end_read,
	.write = end_write,
	.ready = end_ready,
	.flags = flags_change,
};
static const struct ninep_handlers dir_handlers = { .hold = end_hold, .drop = end_drop };

static const struct ninep_node ends[] = {
	{ "r", NINEP_FIFO | 0444, &end_handlers, NULL, NULL },
	{ "w", NINEP_FIFO | 0222, &end_handlers, NULL, NULL },
	{ NULL, 0, NULL, NULL, NULL },
};
static const struct ninep_node ring_ends[] = {
	{ "r", NINEP_FIFO | 0444, &ring_handlers, NULL, NULL },
	{ "w", NINEP_FIFO | 0222, &ring_handlers, NULL, NULL },
	{ NULL, 0, NULL, NULL, NULL },
};
static const struct ninep_node ring_dir = { "N", NINEP_DIR | 0555, &dir_handlers, ring_ends, NULL };
static const struct ninep_node pipe_dir = { "N", NINEP_DIR | 0555, &dir_handlers, ends, NULL };

static unsigned root_lookup(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out)
{
	uint32_t number = 0;

	(void)dir;
	for (uint32_t i = 0; i < name.length && number <= PIPES_MAX; i++) {
		if (name.at[i] < '0' || name.at[i] > '9')
			return NINEP_ENOENT;
		number = number * 10 + (uint32_t)(name.at[i] - '0');
	}
	if (!number || number > PIPES_MAX || !pipes[number - 1])
		return NINEP_ENOENT;
	*out = (struct ninep_file){ pipes[number - 1]->shares ? &ring_dir : &pipe_dir, number, NULL };
	return 0;
}

static unsigned root_entry(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name)
{
	(void)dir;
	while (*index < PIPES_MAX && !pipes[*index])
		++*index;
	if (*index >= PIPES_MAX)
		return NINEP_ENOENT;
	*out = (struct ninep_file){ pipes[*index]->shares ? &ring_dir : &pipe_dir, *index + 1, NULL };
	snprintf(name, NINEP_NAME_MAX, "%lu", (unsigned long)*index + 1);
	return 0;
}

static const struct ninep_handlers new_handlers = { .open = new_open, .close = new_close, .text = new_text };
static const struct ninep_handlers ring_new_handlers = { .open = ring_open, .close = new_close, .text = new_text };
static const struct ninep_handlers root_handlers = { .lookup = root_lookup, .entry = root_entry };

static const struct ninep_node files[] = {
	{ "new", NINEP_FILE | 0444, &new_handlers, NULL, NULL },
	{ "ring", NINEP_FILE | 0444, &ring_new_handlers, NULL, NULL },
	{ NULL, 0, NULL, NULL, NULL },
};

const struct ninep_node pipe_root = { "/", NINEP_DIR | 0555, &root_handlers, files, NULL };
