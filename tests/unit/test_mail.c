/*
 * Mail at a monitor: what it refuses, and why; that a line arrives whole; that nobody has more than he may leave
 * unread. The monitor around it is played by the functions below.
 */
/* needs: monitor/mail.c monitor/text.c monitor/process_table.c libos/core/monitor_proto.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/connections.h"
#include "monitor/secret.h"

#define HERE 1
#define SERVICE 5
#define ANSWERS (MON_MAIL_ANSWERS | 7)

struct monitor monitor;

static struct {
	unsigned replies, forwards, sent;
	err_t err;
	coreid_t core;
	struct mon_message forwarded, line[2];
	uint64_t ahead[MON_PAYLOAD];
	bool room, allowed, watchers;
} seen;

/* --- the monitor around it ------------------------------------------------------------ */

uint64_t secret_of(uint32_t process, uint32_t service) { return (uint64_t)process << 32 ^ service ^ 0x5ec2e7; }
cycles_t request_deadline(void) { return 1; }
bool process_room(const struct process *p, unsigned messages) { return (void)p, (void)messages, seen.room; }
err_t watch_mail(struct origin who, struct process *p)
{
	(void)who, (void)p;
	return seen.watchers ? ERR_OK : ERR_WATCHERS;
}

err_t connection_allowed(const struct process *p, coreid_t core)
{
	(void)p, (void)core;
	return seen.allowed ? ERR_OK : ERR_DENIED;
}

void request_reply(const struct request *r, err_t err, const uint64_t *words)
{
	(void)r, (void)words;
	seen.replies++;
	seen.err = err;
}

err_t request_forward(coreid_t core, const struct mon_message *m, const struct text *text, struct pending *template)
{
	(void)text, (void)template;
	seen.forwards++;
	seen.core = core;
	seen.forwarded = *m;
	return ERR_OK;
}

void process_send(struct process *p, const struct mon_message *m)
{
	(void)p;
	seen.line[seen.sent++ % 2] = *m;
}

/* --- the test's side ------------------------------------------------------------------- */

static struct process *sender, *receiver;

static int begin(void **state)
{
	static const struct boot_info info = { .cores = 4 };

	(void)state;
	memset(&monitor, 0, sizeof monitor);
	memset(&seen, 0, sizeof seen);
	monitor.core = HERE;
	monitor.info = &info;
	sender = process_table_new(&monitor.processes, "sender");
	receiver = process_table_new(&monitor.processes, "receiver");
	seen.room = seen.allowed = seen.watchers = true;
	return 0;
}

/* A line of `words` words, 1, 2, ..., from the sender, with as much text ahead as belongs to it and `more` bytes. */
static err_t mail(coreid_t core, uint32_t number, uint64_t secret, unsigned words, unsigned more)
{
	struct origin from = { HERE, sender->number };
	struct request r = { .from = from };
	uint64_t word[MON_WORDS + 2] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	size_t ahead = words > 2 ? (words - 2) * sizeof(uint64_t) : 0;
	struct mon_message text;

	for (size_t at = 0; at < ahead + more;) {
		at += mon_text_pack(&text, (const char *)&word[2] + at, ahead + more - at);
		text_append(&monitor.texts, from, &text);
	}
	r.m = (struct mon_message){ .header = mon_header(MON_MAIL, 0, words, 9),
				    .word = { number | (uint64_t)SERVICE << 32, secret, core | (uint64_t)ANSWERS << 32,
					      0, word[0], word[1] } };
	seen.err = ERROR_COUNT;
	mail_request(&r);
	text_release(text_take(&monitor.texts, from));
	return seen.err;
}

static err_t to_receiver(unsigned words)
{
	return mail(HERE, receiver->number, secret_of(receiver->number, SERVICE), words, 0);
}

static void a_line_arrives_whole(void **state)
{
	const struct mon_message *m = &seen.line[1];

	(void)state;
	assert_int_equal(to_receiver(7), ERR_OK);
	assert_int_equal(seen.sent, 2);
	assert_int_equal(mon_op(seen.line[0].header), MON_MAIL_AHEAD);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(seen.line[0].word[i], 3 + i);
	assert_int_equal(mon_op(m->header), MON_MAIL);
	assert_int_equal(mon_aux(m->header), 7);
	assert_int_equal(m->word[0], SERVICE | (uint64_t)ANSWERS << 32);
	assert_int_equal(m->word[1], (uint64_t)HERE << 32 | sender->number);
	assert_int_equal(m->word[2], secret_of(sender->number, ANSWERS));
	assert_int_equal(m->word[4], 1);
	assert_int_equal(m->word[5], 2);
	assert_true(sender->watches);
}

static void what_is_wrong_is_said(void **state)
{
	uint64_t secret = secret_of(receiver->number, SERVICE);

	(void)state;
	assert_int_equal(mail(HERE, receiver->number, secret ^ 1, 2, 0), ERR_DENIED);
	assert_int_equal(mail(HERE, receiver->number + 9, secret, 2, 0), ERR_CLOSED);
	assert_int_equal(mail(4, receiver->number, secret, 2, 0), ERR_CORE_ID);
	assert_int_equal(mail(HERE, receiver->number, secret, 8, 0), ERR_TOO_LONG);
	assert_int_equal(mail(HERE, receiver->number, secret, 2, 8), ERR_MESSAGE);
	assert_int_equal(mail(HERE, receiver->number, secret, 5, 8), ERR_MESSAGE);
	seen.watchers = false;
	assert_int_equal(to_receiver(2), ERR_WATCHERS);
	seen.allowed = false;
	assert_int_equal(to_receiver(2), ERR_DENIED);
	process_table_end(&monitor.processes, receiver, MON_KILLED, 0);
	seen.allowed = true;
	assert_int_equal(to_receiver(2), ERR_CLOSED);
	assert_int_equal(seen.sent, 0);
	assert_int_equal(seen.forwards, 0);
}

/* No more than it may leave unread; what it has taken makes room, and it cannot make more than there is. */
static void a_mailbox_gets_full(void **state)
{
	struct request taken = { .from = { HERE, 0 }, .m = { .word = { 3 } } };

	(void)state;
	for (unsigned i = 0; i < MON_MAIL_UNTAKEN; i++)
		assert_int_equal(to_receiver(2), ERR_OK);
	assert_int_equal(to_receiver(2), ERR_MAILBOX_FULL);
	taken.from.number = receiver->number;
	mail_taken(&taken);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(to_receiver(2), ERR_OK);
	assert_int_equal(to_receiver(2), ERR_MAILBOX_FULL);
	taken.m.word[0] = UINT64_MAX;
	mail_taken(&taken);
	assert_int_equal(receiver->mails, 0);
	seen.room = false;
	assert_int_equal(to_receiver(2), ERR_MAILBOX_FULL);
}

static void other_cores_get_it_by_their_monitor(void **state)
{
	(void)state;
	assert_int_equal(mail(3, 77, 88, 2, 0), ERROR_COUNT); /* nobody has answered yet */
	assert_int_equal(seen.forwards, 1);
	assert_int_equal(seen.core, 3);
	assert_int_equal((uint32_t)seen.forwarded.word[2], sender->number);
	assert_int_equal(seen.forwarded.word[3], secret_of(sender->number, ANSWERS));
}

/* From another monitor: the sender is one of its own, and it is never sent on. */
static void other_monitors_speak_for_their_processes(void **state)
{
	struct request r = { .from = { 2, 0 },
			     .m = { .header = mon_header(MON_MAIL, 0, 1, 9),
				    .word = { receiver->number | (uint64_t)SERVICE << 32,
					      secret_of(receiver->number, SERVICE), 12 | (uint64_t)ANSWERS << 32, 99,
					      1 } } };

	(void)state;
	mail_request(&r);
	assert_int_equal(seen.err, ERR_OK);
	assert_int_equal(seen.line[0].word[1], (uint64_t)2 << 32 | 12);
	assert_int_equal(seen.line[0].word[2], 99);
	r.m.word[2] = (uint64_t)ANSWERS << 32;
	mail_request(&r);
	assert_int_equal(seen.err, ERR_MESSAGE);
	assert_int_equal(seen.forwards, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_arrives_whole, begin),
		cmocka_unit_test_setup(what_is_wrong_is_said, begin),
		cmocka_unit_test_setup(a_mailbox_gets_full, begin),
		cmocka_unit_test_setup(other_cores_get_it_by_their_monitor, begin),
		cmocka_unit_test_setup(other_monitors_speak_for_their_processes, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
