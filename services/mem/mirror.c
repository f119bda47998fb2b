/* See mirror.h. */
#include "services/mem/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "libos/x86/barrier.h"

#define RING_BITS 18      /* longer than any record */
#define ALIGN UINT64_C(8) /* records begin so */
#define RECORD_MOST (1u << 17)

/* At the start of the shared memory; each word has one writer. */
struct mirror_ring {
	uint64_t written; /* bytes, by the sender: after them (release), before it looks (acquire) the receiver's */
	uint64_t unused[7];
	uint64_t taken;  /* ... by the receiver */
	uint64_t wanted; /* the sender waits for room: set by it, cleared by the receiver */
	uint64_t unused2[6];
	uint8_t data[];
};

static uint64_t load(const uint64_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
static void store(uint64_t *at, uint64_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }

static uint64_t rounded(uint64_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

/* How many bytes from `at` on lie in a row. */
static uint64_t in_a_row(uint64_t bytes, uint64_t at, uint64_t count)
{
	uint64_t left = bytes - at % bytes;

	return count < left ? count : left;
}

/* --- the sender ------------------------------------------------------------------------------------- */

static void ring_put(struct mirror_out *m, uint64_t at, const void *from, uint64_t count)
{
	uint64_t some = in_a_row(m->bytes, at, count);

	if (!count)
		return;
	memcpy(m->ring->data + at % m->bytes, from, some);
	memcpy(m->ring->data, (const char *)from + some, count - some);
}

/*
 * Store buffering: we write `wanted`, fence, read `taken`; the receiver writes `taken`, fences, reads `wanted`. So
 * either we see the room or it sees that we wait.
 */
static void room_wait(struct mirror_out *m, uint64_t count)
{
	struct urpc_message line;

	while (!m->lost && m->bytes - (m->written - load(&m->ring->taken)) < count) {
		store(&m->ring->wanted, 1);
		mem_fence();
		if (m->bytes - (m->written - load(&m->ring->taken)) >= count)
			return;
		m->lost = channel_receive_wait(&m->channel, &line, 0) != ERR_OK;
	}
}

/* A line that finds no room is not missed: the receiver has others to take, and looks then. */
static void ring_tell(struct mirror_out *m)
{
	struct urpc_message line = { 0 };
	err_t err;

	store(&m->ring->written, m->written);
	mem_fence(); /* before the look whether there is room for a line */
	err = channel_send(&m->channel, &line);
	m->lost |= err && err != ERR_AGAIN;
}

void mirror_put(struct ninep_log *l, struct ninep_record *r, const void *message, const void *payload)
{
	struct mirror_out *m = (struct mirror_out *)((char *)l - offsetof(struct mirror_out, log));
	uint64_t whole = rounded(sizeof(*r) + (uint64_t)r->length + r->payload);

	room_wait(m, whole);
	if (m->lost)
		return;
	ring_put(m, m->written, r, sizeof(*r));
	ring_put(m, m->written + sizeof(*r), message, r->length);
	ring_put(m, m->written + sizeof(*r) + r->length, payload, r->payload);
	m->written += whole;
	ring_tell(m);
}

err_t mirror_open(struct mirror_out *m, struct fabric *f, const struct mailbox *at)
{
	struct channel_options options = { .bulk_bits = RING_BITS };
	err_t err = channel_open_at(f, at, &options, &m->channel);

	if (err)
		return err;
	if (!m->channel.bulk || m->channel.bulk_bytes < SIZE_OF_BITS(RING_BITS)) {
		channel_close(&m->channel);
		return ERR_UNSUPPORTED;
	}
	m->ring = m->channel.bulk;
	m->bytes = m->channel.bulk_bytes - sizeof(*m->ring);
	m->bytes -= m->bytes % ALIGN;
	m->written = 0;
	m->lost = false;
	m->log.put = mirror_put;
	return ERR_OK;
}

void mirror_close(struct mirror_out *m)
{
	channel_close(&m->channel);
	m->ring = NULL;
}

/* --- the receiver ------------------------------------------------------------------------------------- */

static void ring_get(const struct mirror_in *m, uint64_t at, void *to, uint64_t count)
{
	uint64_t some = in_a_row(m->bytes, at, count);

	memcpy(to, m->ring->data + at % m->bytes, some);
	memcpy((char *)to + some, m->ring->data, count - some);
}

static bool record_room(struct mirror_in *m, uint64_t whole)
{
	uint8_t *more;

	if (whole <= m->room)
		return true;
	more = whole <= RECORD_MOST ? realloc(m->record, whole) : NULL;
	if (!more)
		return false;
	m->record = more;
	m->room = (uint32_t)whole;
	return true;
}

static void taken_tell(struct mirror_in *m)
{
	struct urpc_message line = { 0 };

	store(&m->ring->taken, m->taken);
	mem_fence(); /* pairs with room_wait's */
	if (!load(&m->ring->wanted))
		return;
	store(&m->ring->wanted, 0);
	(void)channel_send(&m->channel, &line); /* one that is there already will do */
}

/* All that has been written. */
static err_t ring_take(struct mirror_in *m,
		       unsigned (*take)(void *arg, const struct ninep_record *r, const void *message,
					const void *payload),
		       void *arg)
{
	struct ninep_record r;
	uint64_t whole;

	while (load(&m->ring->written) != m->taken) {
		ring_get(m, m->taken, &r, sizeof(r));
		whole = rounded(sizeof(r) + (uint64_t)r.length + r.payload);
		if (!record_room(m, whole))
			return ERR_MESSAGE;
		ring_get(m, m->taken, m->record, whole);
		if (take(arg, &r, m->record + sizeof(r), r.payload ? m->record + sizeof(r) + r.length : NULL))
			return ERR_MESSAGE;
		m->taken += whole;
		taken_tell(m);
	}
	return ERR_OK;
}

err_t mirror_run(struct mirror_in *m,
		 unsigned (*take)(void *arg, const struct ninep_record *r, const void *message, const void *payload),
		 void *arg)
{
	struct urpc_message line;
	err_t err = ERR_OK, ended = ERR_OK;

	while (!err && !ended) {
		ended = channel_receive_wait(&m->channel, &line, 0);
		err = ring_take(m, take, arg); /* also what was written last of all */
	}
	return err ? err : ended;
}

err_t mirror_accept(struct mirror_in *m, struct service *s, struct wait_set *set)
{
	struct channel *none;
	err_t err;

	while ((err = service_accept(s, NULL, &m->channel)) == ERR_AGAIN) {
		err = wait_set_wait(set, &none, 0);
		if (err)
			return err;
	}
	if (err)
		return err;
	if (!m->channel.bulk || m->channel.bulk_bytes < SIZE_OF_BITS(RING_BITS))
		return ERR_UNSUPPORTED;
	m->ring = m->channel.bulk;
	m->bytes = m->channel.bulk_bytes - sizeof(*m->ring);
	m->bytes -= m->bytes % ALIGN;
	m->taken = 0;
	return ERR_OK;
}

void mirror_end(struct mirror_in *m)
{
	channel_close(&m->channel);
	free(m->record);
	m->record = NULL;
	m->room = 0;
}
