/*
 * The pipe's buffer and those who wait at it.
 *
 * Oracle: what is read is a counting sequence, whoever wrote it, in whole writes; nobody waits who could go on; a
 * request that is given up has had no effect. ASan.
 */
/* needs: libos/pipe/pipe.c tests/unit/ninep_later.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libos/pipe/pipe.h"
#include "tests/unit/ninep_later.h"

#define STEPS 200000
#define AT_ONCE 6

static uint64_t random_state = 88172645463325252;

static unsigned below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

static struct pipe p;
static struct ninep_call call;
static uint8_t written, seen; /* the next byte of the sequence */
static uint64_t in, out;      /* bytes, by those who were told so */

/* What waits, and how much it asked for. */
static struct waiting {
	struct ninep_pending *p;
	bool writes;
} waiting[AT_ONCE];

static void bytes_seen(const char *data, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal((uint8_t)data[i], seen++);
	out += count;
}

static void note(unsigned result, bool writes)
{
	unsigned i = 0;

	if (result != NINEP_LATER)
		return;
	while (waiting[i].p)
		i++;
	waiting[i] = (struct waiting){ later_last, writes };
}

static unsigned waits(bool writes)
{
	unsigned n = 0;

	for (unsigned i = 0; i < AT_ONCE; i++)
		n += waiting[i].p && !waiting[i].p->answered && waiting[i].writes == writes;
	return n;
}

/* One writer at a time may wait here: else the order of the sequence is not known. */
static void write_some(uint32_t flags)
{
	static char bytes[PIPE_BYTES];
	uint32_t count = 1 + (below(4) ? below(PIPE_ATOMIC) : below(PIPE_BYTES)), wanted = count, room;
	unsigned error;

	for (uint32_t i = 0; i < count; i++)
		bytes[i] = (char)(written + i);
	room = PIPE_BYTES - p.length;
	error = pipe_write(&call, &p, flags, bytes, &count);
	note(error, true);
	if (error == NINEP_EAGAIN)
		assert_true(flags & NINEP_NONBLOCK && wanted > room && (wanted <= PIPE_ATOMIC || !room));
	else if (error == NINEP_LATER)
		assert_true(wanted > room && !(flags & NINEP_NONBLOCK));
	else
		assert_true(!error && (count == wanted || count == room));
	if (error == NINEP_EAGAIN)
		return;
	written = (uint8_t)(written + count);
	in += count;
}

static void read_some(uint32_t flags)
{
	static char bytes[PIPE_BYTES];
	uint32_t count = 1 + below(PIPE_BYTES), wanted = count, length = p.length;
	unsigned error = pipe_read(&call, &p, flags, bytes, &count);

	note(error, false);
	if (!error) {
		assert_int_equal(count, wanted < length ? wanted : length);
		bytes_seen(bytes, count);
	} else {
		assert_int_equal(length, 0);
		assert_int_equal(error, flags & NINEP_NONBLOCK ? NINEP_EAGAIN : NINEP_LATER);
	}
}

/* Answers that have come; one may be given up. */
static void look(void)
{
	for (unsigned i = 0; i < AT_ONCE; i++) {
		struct waiting *w = &waiting[i];

		if (w->p && !w->p->answered && !w->writes && below(20) == 0) {
			later_cancel(w->p);
			w->p = NULL;
		} else if (w->p && w->p->answered) {
			assert_int_equal(w->p->error, 0);
			w->p->used = false;
			w->p = NULL;
		}
	}
}

/* A reader's bytes, in the order in which readers waited. */
static void take_read(struct ninep_pending *r)
{
	if (r->answered)
		bytes_seen(r->data, r->count);
}

static void in_order(void **state)
{
	struct ninep_pending *reader;

	(void)state;
	assert_int_equal(pipe_open(&call, &p, NINEP_RDONLY, false), 0);
	assert_int_equal(pipe_open(&call, &p, NINEP_WRONLY, false), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t flags = below(3) ? 0 : NINEP_NONBLOCK;

		if (below(2) && !waits(true)) {
			reader = waits(false) ? later_last : NULL;
			write_some(flags | NINEP_WRONLY);
			if (reader)
				take_read(reader);
		} else if (!waits(false)) {
			read_some(flags | NINEP_RDONLY);
		}
		assert_false(waits(false) && p.length);
		look();
	}
	while (p.length)
		read_some(NINEP_RDONLY | NINEP_NONBLOCK);
	look();
	assert_int_equal(in, out);
	assert_true(in > STEPS);
	if (waits(false))
		later_cancel(later_last);
	pipe_close(&p, NINEP_RDONLY);
	pipe_close(&p, NINEP_WRONLY);
	pipe_clear(&p);
}

static void ends(void **state)
{
	static char bytes[PIPE_BYTES];
	uint32_t count = 10, events;
	struct ninep_pending *a, *b;

	(void)state;
	later_reset();
	/* A FIFO: each end waits for the other, but for one who will not. */
	assert_int_equal(pipe_open(&call, &p, NINEP_WRONLY | NINEP_NONBLOCK, true), NINEP_ENXIO);
	assert_int_equal(pipe_open(&call, &p, NINEP_WRONLY, true), NINEP_LATER);
	later_cancel(later_last);
	assert_int_equal(p.writers, 0);
	assert_int_equal(pipe_open(&call, &p, NINEP_RDONLY, true), NINEP_LATER);
	a = later_last;
	assert_int_equal(pipe_open(&call, &p, NINEP_WRONLY | NINEP_NONBLOCK, true), 0);
	assert_true(a->answered && !a->error);
	/* One end closed: who waits to write is told; then who reads sees the end. */
	assert_int_equal(pipe_write(&call, &p, NINEP_WRONLY, bytes, &count), 0);
	count = PIPE_BYTES;
	assert_int_equal(pipe_write(&call, &p, NINEP_WRONLY, bytes, &count), NINEP_LATER);
	a = later_last;
	events = NINEP_READY_OUT;
	assert_int_equal(pipe_ready(&call, &p, NINEP_WRONLY, &events), 0);
	events = NINEP_READY_IN;
	assert_int_equal(pipe_ready(&call, &p, NINEP_RDONLY, &events), 0);
	pipe_close(&p, NINEP_RDONLY);
	assert_true(a->answered && a->error == NINEP_EPIPE);
	count = 1;
	assert_int_equal(pipe_write(&call, &p, NINEP_WRONLY, bytes, &count), NINEP_EPIPE);
	events = 0;
	assert_int_equal(pipe_ready(&call, &p, NINEP_WRONLY, &events), 0);
	assert_int_equal(events, NINEP_READY_ERROR);
	assert_int_equal(pipe_open(&call, &p, NINEP_RDONLY | NINEP_NONBLOCK, true), 0);
	count = PIPE_BYTES;
	assert_int_equal(pipe_read(&call, &p, NINEP_RDONLY, bytes, &count), 0);
	assert_int_equal(count, 10);
	assert_int_equal(pipe_read(&call, &p, NINEP_RDONLY, bytes, &count), NINEP_LATER);
	a = later_last;
	events = NINEP_READY_IN;
	assert_int_equal(pipe_ready(&call, &p, NINEP_RDONLY, &events), NINEP_LATER);
	b = later_last;
	pipe_close(&p, NINEP_WRONLY);
	assert_true(a->answered && !a->error && a->count == 0);
	assert_true(b->answered && b->count == NINEP_READY_HANGUP);
	pipe_close(&p, NINEP_RDONLY);
	assert_null(p.waits);
	later_reset();
	pipe_clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(in_order), cmocka_unit_test(ends) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
