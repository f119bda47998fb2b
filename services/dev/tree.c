/*
 * The files of the dev service.
 *
 *     null    takes everything, has nothing
 *     zero    takes everything, has zeroes
 *     random  bits from the processor (EIO when it has none just now)
 *     time    seconds and nanoseconds since the start, the time stamp counter and how fast it goes, as text
 *     event   a read waits until something is written, and gives that
 *     stop    a write ends the service
 */
#include "services/dev/tree.h"

#include <stdio.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/x86/context.h"
#include "libos/x86/random.h"

#define READERS NINEP_PENDING_MAX
#define EVENT_MAX 4096
#define NANOSECONDS 1000000000u

static struct ninep_pending *readers[READERS]; /* of event, oldest first */
static unsigned waiting;

/* --- null, zero, random ----------------------------------------------------------------------- */

static unsigned write_all(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *count)
{
	(void)c, (void)f, (void)offset, (void)from, (void)count;
	return 0;
}

static unsigned read_nothing(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	(void)c, (void)f, (void)offset, (void)into;
	*count = 0;
	return 0;
}

static unsigned read_zeroes(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	(void)c, (void)f, (void)offset;
	memset(into, 0, *count);
	return 0;
}

static unsigned read_random(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	uint64_t word;
	uint32_t some;

	(void)c, (void)f, (void)offset;
	for (uint32_t at = 0; at < *count; at += some) {
		if (!random_word(&word))
			return NINEP_EIO;
		some = *count - at < sizeof(word) ? *count - at : sizeof(word);
		memcpy((char *)into + at, &word, some);
	}
	return 0;
}

/* --- time -------------------------------------------------------------------------------------- */

static unsigned time_text(const struct ninep_file *f, char *into, size_t room, size_t *length)
{
	uint64_t hz = dispatcher_tsc_hz(), now = context_now();

	(void)f;
	*length = (size_t)snprintf(into, room, "%llu.%09llu %llu %llu\n", (unsigned long long)(now / hz),
				   (unsigned long long)((unsigned __int128)(now % hz) * NANOSECONDS / hz),
				   (unsigned long long)now, (unsigned long long)hz);
	return 0;
}

/* --- event ------------------------------------------------------------------------------------- */

static void reader_remove(unsigned index)
{
	waiting--;
	memmove(&readers[index], &readers[index + 1], (waiting - index) * sizeof(*readers));
}

static void reader_cancel(struct ninep_pending *p, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < waiting; i++)
		if (readers[i] == p) {
			reader_remove(i);
			return;
		}
}

static unsigned event_read(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count)
{
	struct ninep_pending *p;

	(void)f, (void)offset, (void)into, (void)count;
	if (waiting == READERS)
		return NINEP_EAGAIN;
	p = ninep_later(c, reader_cancel, NULL);
	if (!p)
		return NINEP_EAGAIN;
	readers[waiting++] = p;
	return NINEP_LATER;
}

/* For the one that has waited longest; without anybody EAGAIN: nothing is kept. */
static unsigned event_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			    uint32_t *count)
{
	struct ninep_pending *p = readers[0];
	char event[EVENT_MAX];

	(void)c, (void)f, (void)offset;
	if (!waiting)
		return NINEP_EAGAIN;
	if (*count > EVENT_MAX)
		return NINEP_EMSGSIZE;
	memcpy(event, from, *count);
	reader_remove(0);
	ninep_answer(p, 0, event, *count);
	return 0;
}

/* --- stop -------------------------------------------------------------------------------------- */

static unsigned stop_write(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			   uint32_t *count)
{
	(void)f, (void)offset, (void)from, (void)count;
	c->from->server->stop = true;
	return 0;
}

static const struct ninep_handlers null_handlers = { .read = read_nothing, .write = write_all };
static const struct ninep_handlers zero_handlers = { .read = read_zeroes, .write = write_all };
static const struct ninep_handlers random_handlers = { .read = read_random };
static const struct ninep_handlers time_handlers = { .text = time_text };
static const struct ninep_handlers event_handlers = { .read = event_read, .write = event_write };
static const struct ninep_handlers stop_handlers = { .write = stop_write };

static const struct ninep_node files[] = {
	{ "null", NINEP_FILE | 0666, &null_handlers, NULL, NULL },
	{ "zero", NINEP_FILE | 0666, &zero_handlers, NULL, NULL },
	{ "random", NINEP_FILE | 0444, &random_handlers, NULL, NULL },
	{ "time", NINEP_FILE | 0444, &time_handlers, NULL, NULL },
	{ "event", NINEP_FILE | 0666, &event_handlers, NULL, NULL },
	{ "stop", NINEP_FILE | 0222, &stop_handlers, NULL, NULL },
	{ NULL, 0, NULL, NULL, NULL },
};

const struct ninep_node dev_root = { "/", NINEP_DIR | 0555, NULL, files, NULL };
