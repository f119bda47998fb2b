/*
 * The process's side of the talk with its monitor.
 *
 * A call puts itself in a list, sends, and blocks its thread; the handler of
 * endpoint 0 finds it by its sequence number when the reply comes.  Text and the
 * request it belongs to are sent under one mutex, for they must not be mixed with
 * those of another thread.  The list is changed in disabled mode only.  The calls
 * themselves are in monitor_{memory,process,cores,connect,mail}.c.
 */
#include "libos/core/monitor_client.h"
#include "kernel/abi/dispatcher.h"
#include "kernel/abi/error.h"
#include "libos/core/arrival.h"
#include "libos/core/fault.h"
#include "libos/core/local.h"
#include "libos/core/lmp.h"
#include "libos/core/ram.h"
#include "libos/core/span.h"
#include "libos/core/stay.h"
#include "libos/thread/cpu.h"
#include "libos/thread/errand.h"
#include "libos/thread/thread.h"

#include <string.h>

struct mon_call {
	struct mon_call *next;
	uint32_t sequence;
	bool done;
	struct mon_message *reply;
	struct thread_queue waiting;
};

static CORE_LOCAL struct mon_call *calls;
static CORE_LOCAL uint32_t last_sequence;
static CORE_LOCAL struct mutex send_lock;

static void (*closed_handler)(uint32_t channel);

static void (*power_handler)(unsigned how, unsigned code);
static void (*back_handler)(coreid_t core, paddr_t base);

/* --- replies and events; in disabled mode --------------------------------------- */

static void call_finish(const struct mon_message *m)
{
	for (struct mon_call *c = calls; c; c = c->next) {
		if (c->sequence != mon_sequence(m->header) || c->done)
			continue;
		*c->reply = *m;
		c->done = true;
		thread_wake(&c->waiting);
		return;
	}
}

static void message_arrived(const struct mon_message *m)
{
	if (mon_flags(m->header) & MON_REPLY) {
		if (mon_op(m->header) != MON_MAIL || !mail_answered(m))
			call_finish(m);
		return;
	}
	switch (mon_op(m->header)) {
	case MON_INCOMING:
		incoming_arrived(m);
		break;
	case MON_CLOSED:
		if (closed_handler)
			closed_handler((uint32_t)m->word[0]);
		break;
	case MON_MAIL:
	case MON_MAIL_AHEAD:
		mail_arrived(m);
		break;
	case MON_MIGRATE:
		errand_raise(span_move, m->word[0]); /* one at a time comes, and others leave room */
		break;
	case MON_TEXT:
		log_arrived(m);
		break;
	case MON_LOG:
		log_complete();
		break;
	case MON_GONE:
		gone_arrived(m);
		break;
	case MON_SIGNAL:
		signal_arrived(m);
		break;
	case MON_STATE:
		state_arrived(m);
		break;
	case MON_BACK:
		if (back_handler)
			back_handler((coreid_t)m->word[0], m->word[1]);
		break;
	case MON_POWER:
		if (power_handler)
			power_handler((unsigned)m->word[0], (unsigned)m->word[1]);
		break;
	default:
		break;
	}
}

/* Others than the monitor may hold capabilities to endpoint 0, minted with a badge of their own. */
static void monitor_messages(void *arg)
{
	struct lmp_message in;

	(void)arg;
	while (lmp_poll(&lmp_self, &in)) {
		struct mon_message m;

		if (in.badge != MON_BADGE || LMP_LENGTH(in.header) < MON_WORDS)
			continue;
		memcpy(&m, in.words, sizeof m);
		message_arrived(&m);
	}
}

/* --- calls ------------------------------------------------------------------------ */

static err_t message_send(const struct mon_message *m)
{
	uint64_t words[LMP_WORDS] = { 0 };

	memcpy(words, m, sizeof *m);
	return lmp_send_wait(TASK_MONITOR_EP, MON_WORDS, words, 0);
}

static err_t text_send(const char *text, size_t length)
{
	err_t err = ERR_OK;

	while (length && !err) {
		struct mon_message m;
		size_t n = mon_text_pack(&m, text, length);

		err = message_send(&m);
		text += n;
		length -= n;
	}
	return err;
}

err_t mon_request_send(const struct mon_message *m, const char *text, size_t length)
{
	err_t err;

	if (length > MON_TEXT_MAX)
		return ERR_TOO_LONG;
	core_stay();
	mutex_lock(&send_lock);
	err = text_send(text, length);
	if (!err)
		err = message_send(m);
	mutex_unlock(&send_lock);
	core_go();
	return err;
}

static void call_begin(struct mon_call *c, struct mon_message *m, unsigned op)
{
	*c = (struct mon_call){ .reply = m };
	dispatcher_disable();
	cpu_asked++;
	c->sequence = ++last_sequence;
	c->next = calls;
	calls = c;
	dispatcher_enable();
	m->header = mon_header(op, 0, 0, c->sequence);
}

static void call_end(struct mon_call *c, bool wait)
{
	struct mon_call **at = &calls;

	dispatcher_disable();
	while (wait && !c->done)
		thread_block(&c->waiting, 0);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	cpu_asked--;
	dispatcher_enable();
}

err_t mon_call_text(unsigned op, struct mon_message *m, const char *text, size_t length)
{
	struct mon_message request;
	struct mon_call c;
	err_t err;

	/* The answer comes to this core, and slots in the request are this core's. */
	core_stay();
	call_begin(&c, m, op);
	request = *m; /* the reply may come before the send has returned */
	err = mon_request_send(&request, text, length);
	call_end(&c, !err);
	core_go();
	return err ? err : (err_t)mon_aux(m->header);
}

err_t mon_call(unsigned op, struct mon_message *m) { return mon_call_text(op, m, NULL, 0); }

/* --- the rest ---------------------------------------------------------------------- */

void mon_set_closed_handler(void (*closed)(uint32_t channel)) { closed_handler = closed; }
void mon_set_back_handler(void (*back)(coreid_t core, paddr_t base)) { back_handler = back; }
void mon_set_power_handler(void (*handler)(unsigned how, unsigned code)) { power_handler = handler; }

static void __attribute__((noreturn)) fault_to_monitor(const struct fault_info *info)
{
	mon_fault_report((unsigned)info->vector, info->error | (info->stack_overflow ? FAULT_STACK_OVERFLOW : 0),
			 info->address, info->rip);
}

err_t mon_init(void)
{
	lmp_endpoint_handle(&lmp_self, monitor_messages, NULL);
	if (!ram_source) {
		ram_source = mon_ram_alloc;
		ram_source_back = mon_ram_free;
	}
	fault_report = fault_to_monitor;
	return ERR_OK;
}
