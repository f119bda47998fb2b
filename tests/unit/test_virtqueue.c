/*
 * Virtqueues against a device that keeps to the rules, and against ones that do not.
 *
 * Oracle: the device, written here after the specification's structures alone, sees each request once, with its
 * pieces in order; each token comes back once; after any number of rounds all descriptors are free. A device that
 * breaks a rule is ERR_MESSAGE, and nothing is read outside of the queue's memory (ASan).
 */
/* needs: libos/device/virtqueue.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/device/virtqueue.h"

#define SIZE 16
#define ROUNDS 100000

struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
struct used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[];
};

struct world {
	struct virtqueue q;
	char *memory;
	struct descriptor *descriptor;
	uint16_t *available; /* flags, idx, ring */
	struct used *used;
	uint16_t seen;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->memory = aligned_alloc(VIRTQUEUE_ALIGN, virtqueue_bytes(SIZE));
	memset(w->memory, 0, virtqueue_bytes(SIZE));
	w->descriptor = (struct descriptor *)w->memory;
	w->available = (uint16_t *)(w->memory + virtqueue_available_at(SIZE));
	w->used = (struct used *)(w->memory + virtqueue_used_at(SIZE));
	assert_int_equal(virtqueue_init(&w->q, SIZE, w->memory), ERR_OK);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	virtqueue_destroy(&w->q);
	free(w->memory);
	free(w);
	return 0;
}

/* The device takes the next request: its head, and the sum of what it may read and write; false: there is none. */
static bool device_next(struct world *w, uint16_t *head, uint32_t *out, uint32_t *in)
{
	bool writing = false;
	uint16_t at;

	if (w->seen == w->available[1])
		return false;
	*head = at = w->available[2 + w->seen++ % SIZE];
	*out = *in = 0;
	for (unsigned n = 0; n < SIZE; n++) {
		const struct descriptor *d = &w->descriptor[at];

		assert_true(!writing || d->flags & 2);
		writing = d->flags & 2;
		*(writing ? in : out) += d->len;
		if (!(d->flags & 1))
			return true;
		at = d->next;
		assert_true(at < SIZE);
	}
	fail_msg("a chain without an end");
	return false;
}

static void device_return(struct world *w, uint32_t id, uint32_t written)
{
	w->used->ring[w->used->idx % SIZE].id = id;
	w->used->ring[w->used->idx % SIZE].len = written;
	w->used->idx++;
}

static void layout_is_the_specifications(void **state)
{
	(void)state;
	/* 2.7.2: 256 descriptors: 4,096 bytes, then 518, the used ring at the next page, 2,054 bytes. */
	assert_int_equal(virtqueue_available_at(256), 4096);
	assert_int_equal(virtqueue_used_at(256), 8192);
	assert_int_equal(virtqueue_bytes(256), 12288);
}

static void sizes_are_checked(void **state)
{
	struct virtqueue q;

	(void)state;
	assert_int_equal(virtqueue_init(&q, 0, NULL), ERR_ARGUMENT);
	assert_int_equal(virtqueue_init(&q, 12, NULL), ERR_ARGUMENT);
	assert_int_equal(virtqueue_init(&q, 2048, NULL), ERR_ARGUMENT);
}

/* Requests of 1 to 4 pieces, finished in any order; the counters wrap. */
static void requests_come_back_once(void **state)
{
	struct world *w = *state;
	uint32_t token[SIZE] = { 0 }, heads[SIZE], rooms[SIZE], waiting = 0, with = 0, random = 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct virtqueue_piece p[4] = { { 1, 10 }, { 2, 200 }, { 3, 3000 }, { 4, 40000 } };
		uint32_t out, in, written;
		uint16_t head;
		void *back;

		random = random * 1103515245 + 12345;
		if (random >> 16 & 1) {
			unsigned n = 1 + (random >> 17) % 4, slot = 0;

			while (slot < SIZE && token[slot])
				slot++;
			if (slot < SIZE && !virtqueue_add(&w->q, p, 1, n - 1, &token[slot])) {
				token[slot] = n;
				with++;
				assert_true(virtqueue_publish(&w->q) && !virtqueue_publish(&w->q));
				assert_true(device_next(w, &head, &out, &in));
				assert_int_equal(out, 10);
				assert_int_equal(in, n == 1 ? 0 : n == 2 ? 200 : n == 3 ? 3200 : 43200);
				heads[waiting] = head;
				rooms[waiting++] = in;
			}
		} else if (waiting) {
			unsigned which = (random >> 17) % waiting;

			device_return(w, heads[which], rooms[which]);
			assert_int_equal(virtqueue_take(&w->q, &back, &written), ERR_OK);
			assert_int_equal(written, rooms[which]);
			assert_int_not_equal(*(uint32_t *)back, 0);
			*(uint32_t *)back = 0;
			heads[which] = heads[--waiting];
			rooms[which] = rooms[waiting];
			with--;
		}
		assert_int_equal(virtqueue_pending(&w->q), with);
	}
	while (waiting--) {
		uint32_t written;
		void *back;

		device_return(w, heads[waiting], 0);
		assert_int_equal(virtqueue_take(&w->q, &back, &written), ERR_OK);
	}
	assert_int_equal(w->q.free_count, SIZE);
}

static void room_is_bounded(void **state)
{
	const struct virtqueue_piece p[3] = { { 1, 1 }, { 2, 2 }, { 3, 3 } };
	struct world *w = *state;

	for (unsigned i = 0; i < SIZE / 3; i++)
		assert_int_equal(virtqueue_add(&w->q, p, 1, 2, w), ERR_OK);
	assert_int_equal(virtqueue_add(&w->q, p, 1, 2, w), ERR_AGAIN);
	assert_int_equal(virtqueue_add(&w->q, p, 1, 0, w), ERR_OK);
	assert_int_equal(virtqueue_add(&w->q, p, 0, 1, w), ERR_AGAIN);
	assert_int_equal(virtqueue_add(&w->q, p, 0, 0, w), ERR_ARGUMENT);
}

/* One request of 8 bytes out and 100 in; what the device then says of it is refused. */
static void refused(struct world *w, uint32_t id, uint32_t written)
{
	const struct virtqueue_piece p[2] = { { 0, 8 }, { 0, 100 } };
	uint32_t out, in, length;
	uint16_t head;
	void *back;

	assert_int_equal(virtqueue_add(&w->q, p, 1, 1, w), ERR_OK);
	virtqueue_publish(&w->q);
	assert_true(device_next(w, &head, &out, &in));
	device_return(w, id, written);
	assert_int_equal(virtqueue_take(&w->q, &back, &length), ERR_MESSAGE);
}

static void more_than_there_is_room_for(void **state) { refused(*state, 0, 101); }
static void one_that_is_none(void **state) { refused(*state, SIZE, 0); }
static void one_far_outside(void **state) { refused(*state, UINT32_MAX, 0); }
static void the_middle_of_a_chain(void **state) { refused(*state, 1, 0); }

static void the_same_twice(void **state)
{
	const struct virtqueue_piece p = { 0, 100 };
	struct world *w = *state;
	uint32_t length;
	void *back;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(virtqueue_add(&w->q, &p, 0, 1, w), ERR_OK);
	virtqueue_publish(&w->q);
	device_return(w, 0, 1);
	device_return(w, 0, 1);
	assert_int_equal(virtqueue_take(&w->q, &back, &length), ERR_OK);
	assert_int_equal(virtqueue_take(&w->q, &back, &length), ERR_MESSAGE);
}

static void more_than_were_given(void **state)
{
	struct world *w = *state;
	uint32_t length;
	void *back;

	w->used->idx = 1;
	assert_int_equal(virtqueue_take(&w->q, &back, &length), ERR_MESSAGE);
	w->used->idx = UINT16_MAX;
	assert_int_equal(virtqueue_take(&w->q, &back, &length), ERR_MESSAGE);
}

static void a_device_that_polls_is_not_told(void **state)
{
	const struct virtqueue_piece p = { 0, 100 };
	struct world *w = *state;

	w->used->flags = 1;
	assert_int_equal(virtqueue_add(&w->q, &p, 0, 1, w), ERR_OK);
	assert_false(virtqueue_publish(&w->q));
	assert_int_equal(w->available[1], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layout_is_the_specifications),
		TEST(sizes_are_checked),
		TEST(requests_come_back_once),
		TEST(room_is_bounded),
		TEST(more_than_there_is_room_for),
		TEST(one_that_is_none),
		TEST(one_far_outside),
		TEST(the_middle_of_a_chain),
		TEST(the_same_twice),
		TEST(more_than_were_given),
		TEST(a_device_that_polls_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
