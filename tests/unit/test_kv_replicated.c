/* needs: libos/fleet/kv_replicated.c libos/fleet/kv_replica.c libos/fleet/view.c */
/*
 * Replicated state under deaths: every message of a write, a recovery and a hand-over is, in one run each, the
 * last thing that its sender or its receiver does.
 *
 * The members are structs of this process; fleet_ask calls the receiver at once. One that
 * dies while it runs is left by longjmp.  The store is a list, in which a write that is done twice is
 * seen.  After each run: all survivors have the same list, with every acknowledged write in it once, and
 * nothing that was refused, and who answers questions never had less.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/abi/error.h"
#include "libos/fleet/kv_replicated.h"

#define MEMBERS 4
#define LIST 64
#define REFUSED 200 /* values from here on are refused by member value - REFUSED */

struct list {
	uint32_t number; /* of the member */
	unsigned count;
	unsigned char value[LIST];
};

static struct member {
	struct fleet fleet;
	struct kv_replicated kv;
	struct list list;
	bool alive;
	bool serves; /* it has been told a view: its clients ask it */
} members[MEMBERS];

static unsigned messages; /* sent so far */
static unsigned fatal;    /* the one at which somebody dies; 0: none */
static unsigned after;    /* so many messages after that somebody dies again; 0: nobody */
static enum { SENDER_BEFORE, SENDER_AFTER, RECEIVER_BEFORE, RECEIVER_AFTER, WAYS } way;
static uint64_t version;

/* Whose code runs, and where it goes on when that one dies. */
static struct frame {
	struct frame *below;
	uint32_t number;
	jmp_buf died;
} * running;

/* What one has that dies, nobody frees. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

/* --- the store ------------------------------------------------------------------------- */

static err_t list_check(void *store, const void *change, size_t bytes)
{
	const struct list *l = store;
	unsigned char value = *(const unsigned char *)change;

	if (bytes != 1)
		return ERR_ARGUMENT;
	return value >= REFUSED && value == REFUSED + l->number ? ERR_DENIED : ERR_OK;
}

static void list_apply(void *store, uint64_t sequence, const void *change, size_t bytes)
{
	struct list *l = store;

	assert_int_equal(bytes, 1);
	assert_int_equal(sequence, l->count + 1);
	l->value[l->count++] = *(const unsigned char *)change;
}

static size_t list_save(void *store, uint64_t *cursor, void *to, size_t room)
{
	const struct list *l = store;

	assert_true(room >= 1);
	if (*cursor == l->count)
		return 0;
	*(unsigned char *)to = l->value[(*cursor)++];
	return 1;
}

static err_t list_load(void *store, const void *from, size_t bytes)
{
	struct list *l = store;

	assert_int_equal(bytes, 1);
	l->value[l->count++] = *(const unsigned char *)from;
	return ERR_OK;
}

static err_t list_clear(void *store, uint64_t sequence)
{
	struct list *l = store;

	(void)sequence;
	assert_false(members[l->number].serves);
	l->count = 0;
	return ERR_OK;
}

static const struct kv_store list_store = { list_check, list_apply, list_save, list_load, list_clear };

/* --- the fleet --------------------------------------------------------------------------- */

/* What of it runs further out ends when it comes back there. */
static void die(uint32_t number)
{
	members[number].alive = false;
	fatal = after ? messages + after : 0;
	after = 0;
	if (running && running->number == number)
		longjmp(running->died, 1);
}

/* Runs `what` as member `number`: ERR_CLOSED when it dies. */
struct told {
	uint32_t from, what;
	const void *data;
	size_t bytes;
	void *answer;
	size_t *answered;
};
static err_t run(uint32_t number, err_t (*what)(struct member *m, const struct told *t), const struct told *t)
{
	struct frame frame = { .below = running, .number = number };
	volatile err_t err = ERR_CLOSED;

	running = &frame;
	if (!setjmp(frame.died))
		err = what(&members[number], t);
	running = frame.below;
	return err;
}

static fleet_port_fn *port_fn;

static err_t deliver(struct member *m, const struct told *t)
{
	size_t none = 0;

	return port_fn(&m->kv, t->from, t->what, t->data, t->bytes, t->answer, t->answered ? t->answered : &none);
}

void fleet_listen(struct fleet *f, enum fleet_port port, fleet_port_fn *fn, void *arg)
{
	assert_int_equal(port, FLEET_PORT_REPLICA);
	assert_ptr_equal(arg, &members[f->number].kv);
	port_fn = fn;
}

err_t fleet_ask(struct fleet *f, uint32_t number, enum fleet_port port, uint32_t what, const void *data, size_t bytes,
		void *answer, size_t *answered)
{
	struct told t = { f->number, what, data, bytes, answer, answered };
	bool now = ++messages == fatal;
	err_t err;

	assert_true(port == FLEET_PORT_REPLICA && !answer == !answered && bytes <= FLEET_WORDS);
	if (!view_get(&f->view, number))
		return ERR_NOT_FOUND;
	if (now && way == SENDER_BEFORE)
		die(f->number);
	if (now && way == RECEIVER_BEFORE)
		die(number);
	if (!members[number].alive)
		return ERR_CLOSED;
	err = run(number, deliver, &t);
	if (!members[f->number].alive || (now && way == SENDER_AFTER))
		die(f->number);
	if (now && way == RECEIVER_AFTER)
		die(number);
	return members[number].alive ? err : ERR_CLOSED;
}

void fleet_fence(struct fleet *f, uint32_t number)
{
	(void)f;
	if (members[number].alive)
		die(number);
}

bool fleet_lives(const struct fleet *f, uint32_t number) { return members[number].alive || view_get(&f->view, number); }

void fleet_wait_view(struct fleet *f, uint64_t v) { assert_true(f->view.head.version >= v); }

static err_t changed(struct member *m, const struct told *t)
{
	(void)t;
	kv_changed(&m->kv);
	return ERR_OK;
}

/* All survivors get a view of the survivors, the coordinator first; those who die of it, another. */
static void views(uint32_t joining)
{
	unsigned alive, before;

	do {
		struct fleet_view v = { .head.version = ++version };

		alive = before = 0;
		for (uint32_t i = 0; i < MEMBERS; i++) {
			struct fleet_member m = { .number = i, .state = i == joining ? FLEET_JOINING : FLEET_SERVING };

			if (members[i].alive)
				view_add(&v, &m);
		}
		before = v.count;
		for (uint32_t i = 0; i < MEMBERS; i++) {
			if (!members[i].alive)
				continue;
			members[i].fleet.view = v;
			run(i, changed, NULL);
		}
		for (uint32_t i = 0; i < MEMBERS; i++)
			alive += members[i].alive;
	} while (alive != before);
}

void fleet_wait_change(struct fleet *f, uint64_t old)
{
	(void)f;
	if (version == old)
		views(UINT32_MAX);
}

/* One thread: a lock is free, or the one who held it died. */
void mutex_init(struct mutex *m, bool recursive) { *m = (struct mutex){ .word = recursive }; }
bool mutex_try(struct mutex *m) { return !m->word++; }
void mutex_lock(struct mutex *m) { fail_msg("nobody would give %p back", (void *)m); }
void mutex_unlock(struct mutex *m) { m->word = 0; }

void rpc_release(struct rpc_server *s)
{
	(void)s;
	fail_msg("nobody waits here");
}

static void start(unsigned count)
{
	memset(members, 0, sizeof members);
	messages = fatal = after = 0;
	running = NULL;
	for (uint32_t i = 0; i < MEMBERS; i++) {
		members[i].fleet.number = i;
		members[i].list.number = i;
		kv_init(&members[i].kv, &members[i].fleet, &list_store, &members[i].list);
	}
	members[0].alive = true;
	views(UINT32_MAX);
	assert_int_equal(kv_start(&members[0].kv), ERR_OK);
	for (uint32_t i = 1; i < count; i++) {
		members[i].alive = true;
		assert_int_equal(kv_start(&members[i].kv), ERR_CLOSED);
		views(i);
		assert_int_equal(kv_start(&members[i].kv), ERR_OK);
		members[i].serves = true;
	}
	views(UINT32_MAX);
}

static err_t writing(struct member *m, const struct told *t)
{
	struct kv_tag tag = { .who = 7, .which = t->what };
	unsigned char value = (unsigned char)t->what;

	return kv_write(&m->kv, &tag, &value, 1);
}

/* Writes through member `via`, and through the next living one when that dies, as a client does. */
static err_t client_write(uint32_t via, unsigned value)
{
	struct told t = { .what = value };

	for (;;) {
		while (!members[via].alive)
			via = (via + 1) % MEMBERS;
		err_t err = run(via, writing, &t);

		if (members[via].alive)
			return err;
		views(UINT32_MAX);
	}
}

static unsigned times_in(const struct list *l, unsigned char value)
{
	unsigned times = 0;

	for (unsigned i = 0; i < l->count; i++)
		times += l->value[i] == value;
	return times;
}

static const struct list *survivors_agree(void)
{
	const struct list *first = NULL;

	views(UINT32_MAX);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		const struct list *l = &members[i].list;

		if (!members[i].alive)
			continue;
		first = first ? first : l;
		assert_int_equal(l->count, first->count);
		assert_memory_equal(l->value, first->value, l->count);
		assert_int_equal(members[i].kv.sequence, l->count);
		assert_int_equal(members[i].kv.prepared.sequence, 0);
	}
	assert_non_null(first);
	return first;
}

/* --- tests --------------------------------------------------------------------------------- */

static void writes_are_everywhere(void **state)
{
	(void)state;
	start(3);
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(client_write(i % 3, i), ERR_OK);
	assert_int_equal(client_write(1, 8), ERR_OK); /* again: the tag is known */
	assert_int_equal(survivors_agree()->count, 10);
	for (uint32_t refuser = 0; refuser < 3; refuser++)
		assert_int_equal(client_write(1, REFUSED + refuser), ERR_DENIED);
	assert_int_equal(client_write(2, 11), ERR_OK);
	assert_int_equal(survivors_agree()->count, 11);
	assert_int_equal(kv_write(&members[1].kv, NULL, members, KV_CHANGE_MAX + 1), ERR_TOO_LONG);
}

static err_t nothing_check(void *store, const void *change, size_t bytes)
{
	(void)store, (void)change, (void)bytes;
	return ERR_OK;
}

static void nothing_apply(void *store, uint64_t sequence, const void *change, size_t bytes)
{
	(void)store, (void)sequence, (void)change, (void)bytes;
}

/* However many others write between a write and its repetition, and as long as those are not too many. */
static void a_write_is_remembered(void **state)
{
	struct kv_tag tag = { .who = 1000, .which = 1 };
	const struct kv_store nothing = { .check = nothing_check, .apply = nothing_apply };
	unsigned char value = 1;

	(void)state;
	start(1);
	members[0].kv.ops = &nothing; /* the list has no room for so many */
	assert_int_equal(kv_write(&members[0].kv, &tag, &value, 1), ERR_OK);
	for (unsigned i = 0; i < 2 * KV_TAGS; i++) {
		struct kv_tag other = { .who = i % (KV_TAGS / KV_TAGS_OF_ONE - 1), .which = i + 1 };

		assert_int_equal(kv_write(&members[0].kv, &other, &value, 1), ERR_OK);
		assert_true(kv_seen(&members[0].kv, &tag) && kv_seen(&members[0].kv, &other));
	}
	/* Now they are. */
	for (unsigned i = 0; i < KV_TAGS; i++) {
		struct kv_tag other = { .who = 2000 + i, .which = 1 };

		assert_int_equal(kv_write(&members[0].kv, &other, &value, 1), ERR_OK);
	}
	assert_false(kv_seen(&members[0].kv, &tag));
}

/* Somebody dies at message k, for all k, in all ways, whichever member the client asks. */
static unsigned deaths_in_writes(unsigned value, uint32_t via)
{
	unsigned k, last = 1;

	for (way = 0; way < WAYS; way++) {
		for (k = 1; k <= last; k++) {
			const struct list *l;
			err_t err;

			start(4);
			assert_int_equal(client_write(0, 1), ERR_OK);
			fatal = messages + k;
			err = client_write(via, value);
			if (err == ERR_OK)
				assert_int_equal(times_in(survivors_agree(), (unsigned char)value), 1);
			assert_int_equal(client_write(via, 9), ERR_OK);
			last = k + (fatal == 0); /* it happened: there may be more messages */
			fatal = 0;
			l = survivors_agree();
			assert_int_equal(times_in(l, 1), 1);
			assert_int_equal(times_in(l, 9), 1);
			/* Refused by one that died since: either way, but as it was answered. */
			assert_true(err == ERR_OK || err == ERR_DENIED);
			assert_int_equal(times_in(l, (unsigned char)value), err == ERR_OK);
		}
		last = 1;
	}
	return k;
}

static void deaths_lose_and_double_nothing(void **state)
{
	(void)state;
	for (uint32_t via = 0; via < MEMBERS; via++) {
		assert_true(deaths_in_writes(2, via) > 6);
		for (uint32_t refuser = 0; refuser < MEMBERS; refuser++)
			assert_true(deaths_in_writes(REFUSED + refuser, via) > 1);
	}
}

/* Nor when both who refused it and who told the writer so are gone. */
static void what_was_refused_stays_so(void **state)
{
	(void)state;
	for (uint32_t refuser = 0; refuser < MEMBERS; refuser++) {
		start(4);
		assert_int_equal(client_write(1, REFUSED + refuser), ERR_DENIED);
		members[0].alive = members[refuser].alive = false;
		assert_int_equal(client_write(2, 9), ERR_OK);
		assert_int_equal(survivors_agree()->count, 1);
	}
}

static void deaths_in_hand_over(void **state)
{
	unsigned k = 0, last;

	(void)state;
	for (way = 0; way < WAYS; way++)
		for (k = last = 1; k <= last; k++) {
			const struct list *l;

			start(3);
			for (unsigned i = 1; i <= 5; i++)
				assert_int_equal(client_write(0, i), ERR_OK);
			members[3].alive = true;
			fatal = messages + k;
			views(3);
			last = k + (fatal == 0);
			fatal = 0;
			assert_int_equal(members[3].alive ? kv_start(&members[3].kv) : ERR_OK, ERR_OK);
			assert_int_equal(client_write(1, 3), ERR_OK); /* the tags came along */
			assert_int_equal(client_write(1, 6), ERR_OK);
			l = survivors_agree();
			for (unsigned char i = 1; i <= 6; i++)
				assert_int_equal(times_in(l, i), 1);
		}
	assert_true(k > 7);
}

/* Two deaths, one in the recovery from the other. */
static void deaths_in_recovery(void **state)
{
	unsigned again = 0;

	(void)state;
	for (unsigned first = 1; first < 16; first++)
		for (unsigned second = 1; second < 12; second++) {
			const struct list *l;
			unsigned left = 0;

			start(4);
			assert_int_equal(client_write(0, 1), ERR_OK);
			way = second % 2 ? SENDER_BEFORE : SENDER_AFTER;
			fatal = messages + first;
			after = second;
			assert_int_equal(client_write(3, 2), ERR_OK);
			fatal = after = 0;
			assert_int_equal(client_write(3, 3), ERR_OK);
			l = survivors_agree();
			for (unsigned char i = 1; i <= 3; i++)
				assert_int_equal(times_in(l, i), 1);
			for (uint32_t i = 0; i < MEMBERS; i++)
				left += members[i].alive;
			again += left == 2;
		}
	assert_true(again > 10);
}

/* A newcomer that was told its view serves; the coordinator dies before it says so. */
static void who_serves_is_not_given_all_again(void **state)
{
	(void)state;
	start(3);
	for (unsigned i = 1; i <= 5; i++)
		assert_int_equal(client_write(0, i), ERR_OK);
	members[3].alive = true;
	views(3);
	assert_int_equal(kv_start(&members[3].kv), ERR_OK);
	members[3].serves = true;
	members[0].alive = false;
	views(3); /* list_clear would find it out */
	assert_true(members[3].alive);
	assert_int_equal(client_write(3, 6), ERR_OK);
	assert_int_equal(survivors_agree()->count, 6);
}

/* What an earlier coordinator has sent is refused once another has spoken. */
static void a_late_word_is_refused(void **state)
{
	unsigned char prepare[sizeof(uint64_t) + sizeof(struct kv_tag) + 1] = { 3 };
	size_t answered = 0;
	struct told t = { .from = 0, .what = 1, .data = prepare, .bytes = sizeof prepare, .answered = &answered };

	(void)state;
	start(3);
	assert_int_equal(client_write(0, 1), ERR_OK);
	members[0].alive = false;
	assert_int_equal(client_write(2, 2), ERR_OK);
	assert_int_equal(run(2, deliver, &t), ERR_DENIED);
	t.from = 1;
	assert_int_equal(run(2, deliver, &t), ERR_OK);
	assert_int_equal(members[2].kv.prepared.sequence, 3);
	assert_int_equal(client_write(2, 3), ERR_OK);
	assert_int_equal(survivors_agree()->count, 3);
}

/* A member that has died asked for it, too, and the coordinator sees that when the writer has gone on. */
static void a_refusal_is_remembered(void **state)
{
	unsigned char submit[sizeof(uint64_t) + sizeof(struct kv_tag) + 1] = { 0 };
	struct kv_tag tag = { .who = 7, .which = REFUSED };
	err_t result = ERR_OK;
	size_t answered = sizeof result;
	struct told t = { .from = 1, .data = submit, .bytes = sizeof submit, .answer = &result, .answered = &answered };

	(void)state;
	start(3);
	assert_int_equal(client_write(2, REFUSED), ERR_DENIED);
	memcpy(submit + sizeof(uint64_t), &tag, sizeof tag);
	submit[sizeof submit - 1] = 50; /* it could be done by now */
	assert_int_equal(run(0, deliver, &t), ERR_OK);
	assert_int_equal(result, ERR_DENIED);
	assert_int_equal(survivors_agree()->count, 0);
}

/* A replica that has missed a change is ended before the next is acknowledged. */
static void who_is_out_of_step_is_fenced(void **state)
{
	(void)state;
	start(3);
	assert_int_equal(client_write(0, 1), ERR_OK);
	members[2].kv.sequence = 0;
	assert_int_equal(client_write(0, 2), ERR_OK);
	assert_false(members[2].alive);
	assert_int_equal(members[0].kv.replicas, 1);
	assert_int_equal(survivors_agree()->count, 2);
}

static void malformed_messages_change_nothing(void **state)
{
	unsigned char junk[64] = { 0 };
	struct told t = { .data = junk };

	(void)state;
	start(2);
	assert_int_equal(client_write(0, 1), ERR_OK);
	for (t.what = 0; t.what < 8; t.what++)
		for (t.bytes = 0; t.bytes < sizeof junk; t.bytes += 7)
			deliver(&members[1], &t);
	t.what = 15;
	assert_int_equal(deliver(&members[1], &t), ERR_UNSUPPORTED);
	t.what = 1;
	t.bytes = 23;
	assert_int_equal(deliver(&members[1], &t), ERR_MESSAGE);
	assert_int_equal(client_write(1, 2), ERR_OK);
	assert_int_equal(survivors_agree()->count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_are_everywhere),
		cmocka_unit_test(a_write_is_remembered),
		cmocka_unit_test(deaths_lose_and_double_nothing),
		cmocka_unit_test(what_was_refused_stays_so),
		cmocka_unit_test(deaths_in_hand_over),
		cmocka_unit_test(deaths_in_recovery),
		cmocka_unit_test(who_serves_is_not_given_all_again),
		cmocka_unit_test(a_late_word_is_refused),
		cmocka_unit_test(a_refusal_is_remembered),
		cmocka_unit_test(who_is_out_of_step_is_fenced),
		cmocka_unit_test(malformed_messages_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
