/*
 * Mail: lines that go from one process to a mailbox of another through their monitors, without a channel.
 *
 * The sender's monitor adds the secret of the address for answers, which is one of the sender's own; the
 * receiver's monitor checks the secret of the address written to.  So both directions are the same, and a monitor keeps
 * nothing of a line but that the process has not taken it yet: MON_MAIL_UNTAKEN of those, and the next is refused.
 * Who asks is answered when the line is at the process, or with the reason why not.
 *
 * Sender and receiver hear of each other's end as watchers do: the receiver's monitor notes it with each line.
 */
#include "monitor/connections.h"
#include "monitor/secret.h"

#include <string.h>

/* Words of the line that do not fit the request itself go ahead as text. */
#define WORDS_BESIDE 2
#define WORDS_AHEAD (MON_WORDS - WORDS_BESIDE)

_Static_assert(WORDS_AHEAD <= MON_PAYLOAD && WORDS_AHEAD * sizeof(uint64_t) <= MON_CHUNK, "they go in one message");

/* The text may have been lost to others', if very many send at once: then the sender is to try again. */
static err_t line_check(unsigned words, const struct text *text)
{
	size_t ahead = words > WORDS_BESIDE ? (words - WORDS_BESIDE) * sizeof(uint64_t) : 0;

	if (words > MON_WORDS)
		return ERR_TOO_LONG;
	if (ahead && !text)
		return ERR_AGAIN;
	return (text ? text->length : 0) == ahead ? ERR_OK : ERR_MESSAGE;
}

static void line_give(struct process *p, const struct request *r, struct origin from, const struct text *text)
{
	const uint64_t *w = r->m.word;
	struct mon_message ahead = { .header = mon_header(MON_MAIL_AHEAD, 0, 0, 0) };
	struct mon_message m = {
		.header = mon_header(MON_MAIL, 0, mon_aux(r->m.header), 0),
		.word = { w[0] >> 32 | (w[2] >> 32 << 32), (uint64_t)from.core << 32 | from.number, w[3], 0, w[4],
			  w[5] },
	};

	if (text) {
		memcpy(ahead.word, text->data, text->length);
		process_send(p, &ahead);
	}
	process_send(p, &m);
	p->mails++;
}

/* As it is between monitors; `from` is the process that sends. */
static err_t mail_deliver(const struct request *r, struct origin from, const struct text *text)
{
	uint32_t number = (uint32_t)r->m.word[0], service = (uint32_t)(r->m.word[0] >> 32);
	struct process *p = process_table_find(&monitor.processes, number);
	err_t err = line_check(mon_aux(r->m.header) & 0xff, text);

	if (err)
		return err;
	if (!process_alive(p))
		return ERR_CLOSED;
	if (r->m.word[1] != secret_of(number, service))
		return ERR_DENIED;
	if (p->mails >= MON_MAIL_UNTAKEN || !process_room(p, 2))
		return ERR_MAILBOX_FULL;
	err = watch_mail(from, p);
	if (!err)
		line_give(p, r, from, text);
	return err;
}

/* From a process of this core: to where its mailbox is. ERR_OK with *answered false: that monitor answers. */
static err_t mail_send(struct request *r, const struct text *text, bool *answered)
{
	struct pending pending = { .origin = r->from,
				   .origin_sequence = mon_sequence(r->m.header),
				   .deadline = request_deadline() };
	struct process *p = origin_process(r->from);
	coreid_t core = (coreid_t)(r->m.word[2] & 0xffff);
	err_t err = line_check(mon_aux(r->m.header) & 0xff, text);

	r->m.word[2] = r->from.number | (r->m.word[2] >> 32 << 32);
	r->m.word[3] = secret_of(r->from.number, (uint32_t)(r->m.word[2] >> 32));
	p->watches = true;
	*answered = true;
	if (!err && core >= monitor.info->cores)
		err = ERR_CORE_ID;
	/* An answer needs no right but the address that it was asked to go to. */
	if (!err && !(r->m.word[0] >> 32 & MON_MAIL_ANSWERS))
		err = connection_allowed(p, core);
	if (err || core == monitor.core)
		return err ? err : mail_deliver(r, r->from, text);
	*answered = false;
	return request_forward(core, &r->m, text, &pending);
}

void mail_request(struct request *r)
{
	struct text *text = text_take(&monitor.texts, r->from);
	struct origin from = { r->from.core, (uint32_t)r->m.word[2] };
	bool answered = true;
	err_t err;

	if (!origin_is_monitor(r->from))
		err = mail_send(r, text, &answered);
	else
		err = from.number ? mail_deliver(r, from, text) : ERR_MESSAGE;
	if (answered || err)
		request_reply(r, err, NULL);
}

void mail_taken(struct request *r)
{
	struct process *p = origin_process(r->from);

	p->mails -= r->m.word[0] < p->mails ? (uint32_t)r->m.word[0] : p->mails;
}
