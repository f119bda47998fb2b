/*
 * Mail at a process: lines sent by way of its monitor, and those that come.
 *
 * Sending does not wait: the answer of the receiver's monitor finds its letter by the sequence
 * number, in disabled mode.  A line that comes is handed to the one handler at once.
 */
#include "kernel/abi/error.h"
#include "libos/core/arrival.h"
#include "libos/core/dispatcher.h"
#include "libos/core/local.h"
#include "libos/core/monitor_client.h"
#include "libos/core/stay.h"
#include "libos/core/syscall.h"
#include "libos/thread/cpu.h"

#include <string.h>

#define LETTER (UINT32_C(1) << 31) /* in the sequence numbers of mail; calls' do not get so far */
#define WORDS_BESIDE 2             /* of a line, in the request itself; the others go ahead */

static CORE_LOCAL struct mon_letter *letters;
static CORE_LOCAL uint32_t last_sequence;
static CORE_LOCAL uint64_t ahead[MON_PAYLOAD]; /* came last */
static CORE_LOCAL uint32_t untold;             /* lines taken that the monitor does not know of */
static void (*arrived_handler)(const struct mon_mail *m);
static void (*gone_handler)(uint64_t pid);

void mon_set_mail_handlers(void (*arrived)(const struct mon_mail *m), void (*gone)(uint64_t pid))
{
	arrived_handler = arrived;
	gone_handler = gone;
}

/* --- what comes; in disabled mode ----------------------------------------------------- */

static void line_arrived(const struct mon_message *m)
{
	struct mon_mail mail = {
		.at = { .pid = m->word[1], .secret = m->word[2], .service = (uint32_t)(m->word[0] >> 32) },
		.service = (uint32_t)m->word[0],
		.words = mon_aux(m->header) & 0xff,
		.opens = mon_aux(m->header) >> 8
	};

	if (mail.words > MON_WORDS)
		return;
	memcpy(mail.word, &m->word[MON_PAYLOAD - WORDS_BESIDE], WORDS_BESIDE * sizeof(uint64_t));
	if (mail.words > WORDS_BESIDE)
		memcpy(&mail.word[WORDS_BESIDE], ahead, (mail.words - WORDS_BESIDE) * sizeof(uint64_t));
	for (unsigned i = mail.words; i < MON_WORDS; i++)
		mail.word[i] = 0;
	if (arrived_handler)
		arrived_handler(&mail);
}

static bool letter_remove(struct mon_letter *l)
{
	struct mon_letter **at = &letters;

	while (*at && *at != l)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = l->next;
	cpu_asked--;
	return true;
}

bool mail_answered(const struct mon_message *m)
{
	struct mon_letter *l = letters;

	while (l && l->sequence != mon_sequence(m->header))
		l = l->next;
	if (l && letter_remove(l))
		l->done(l, (err_t)mon_aux(m->header));
	return mon_sequence(m->header) & LETTER;
}

void mail_arrived(const struct mon_message *m)
{
	if (mon_op(m->header) == MON_MAIL)
		line_arrived(m);
	else
		memcpy(ahead, m->word, sizeof ahead);
}

void mail_sender_gone(uint64_t pid)
{
	if (gone_handler)
		gone_handler(pid);
}

/* --- sending ------------------------------------------------------------------------------ */

err_t mon_mail(struct mon_letter *l, const struct mon_mail *mail)
{
	struct mon_message m = { .word = { (uint32_t)mail->at.pid | (uint64_t)mail->at.service << 32, mail->at.secret,
					   mail->at.pid >> 32 | (uint64_t)mail->service << 32 } };
	size_t more = mail->words > WORDS_BESIDE ? (mail->words - WORDS_BESIDE) * sizeof(uint64_t) : 0;
	uint32_t sequence = LETTER;
	err_t err;

	memcpy(&m.word[MON_PAYLOAD - WORDS_BESIDE], mail->word, WORDS_BESIDE * sizeof(uint64_t));
	core_stay();
	dispatcher_disable();
	if (l) {
		/* LETTER alone is that of a line whose answer nobody waits for. */
		last_sequence = (last_sequence & ~LETTER) + 1;
		l->sequence = sequence = last_sequence | LETTER;
		l->next = letters;
		letters = l;
		cpu_asked++;
	}
	dispatcher_enable();
	m.header = mon_header(MON_MAIL, 0, mail->words | (unsigned)mail->opens << 8, sequence);
	err = mon_request_send(&m, (const char *)&mail->word[WORDS_BESIDE], more);
	if (err && l)
		mon_mail_forget(l);
	core_go();
	return err;
}

void mon_mail_forget(struct mon_letter *l)
{
	dispatcher_disable();
	letter_remove(l);
	dispatcher_enable();
}

/* Half of what may be untaken is left to come while the other half is being told. */
void mon_mail_taken(unsigned lines)
{
	uint64_t words[LMP_WORDS] = { mon_header(MON_MAIL_TAKEN, 0, 0, 0) };

	untold += lines;
	words[1] = untold;
	if (untold >= MON_MAIL_UNTAKEN / 2 && !lmp_send(TASK_MONITOR_EP, MON_WORDS, words, 0))
		untold = 0;
}
