/*
 * From a message to its handler: one table says for each operation who may ask
 * and which core answers.
 *
 * A request that another core is to answer is forwarded with a sequence number of
 * ours; its answer is sent on to who asked.  A message that fits no row does nothing: a process's
 * gets ERR_MESSAGE, a monitor's is counted, and reported with whose it was.
 */
#include "monitor/monitor.h"
#include "libos/x86/context.h"
#include "monitor/agree/membership.h"
#include "monitor/members.h"
#include "monitor/caps/caps.h"

#include <string.h>

#define ANSWER_SECONDS 10
#define ANSWER_SECONDS_GUEST 40

enum { FROM_PROCESS = 1, FROM_MONITOR = 2, FROM_BOTH = 3 };
enum answerer { HERE, CORE_IN_WORD0, PID_IN_WORD0, FIRST_CORE, FIRST_CORE_OR_HERE };

struct handler {
	void (*run)(struct request *r);
	uint8_t from;
	uint8_t route;
	bool silent; /* takes no reply */
	bool quick;  /* the other monitor answers at once, or something is wrong with it */
	bool right;  /* for services only; w5 says which process asks */
};

static unsigned senseless;

static void request_text(struct request *r) { text_append(&monitor.texts, r->from, &r->m); }

static const struct handler handlers[MON_OPS] = {
	[MON_TEXT] = { request_text, FROM_BOTH, HERE, true, false, false },
	[MON_EXIT] = { process_exit, FROM_PROCESS, HERE, true, false, false },
	[MON_RAM] = { memory_ram, FROM_PROCESS, HERE, false, false, false },
	[MON_RAM_FREE] = { memory_ram_free, FROM_PROCESS, HERE, false, false, false },
	[MON_SPAWN] = { process_spawn_request, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_WAIT] = { process_wait, FROM_BOTH, PID_IN_WORD0, false, false, false },
	[MON_KILL] = { process_kill, FROM_BOTH, PID_IN_WORD0, false, true, false },
	[MON_MIGRATE] = { process_migrate, FROM_BOTH, PID_IN_WORD0, false, false, false },
	[MON_MIGRATED] = { process_migrated, FROM_PROCESS, HERE, false, false, false },
	[MON_PS] = { process_ps, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_CORE] = { core_describe, FROM_BOTH, HERE, false, true, false },
	[MON_STAT] = { core_stat, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_CHECK] = { core_check, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_CORE_CONTROL] = { core_control, FROM_BOTH, FIRST_CORE_OR_HERE, false, false, false },
	[MON_ISLAND] = { core_island, FROM_MONITOR, HERE, false, true, false },
	[MON_EXPORT] = { name_export, FROM_BOTH, HERE, false, false, false },
	[MON_CONNECT] = { connection_connect, FROM_PROCESS, HERE, false, false, false },
	[MON_CONNECT_AT] = { connection_connect_at, FROM_PROCESS, HERE, false, false, false },
	[MON_WATCH] = { watch_request, FROM_BOTH, HERE, false, true, false },
	[MON_GONE] = { watch_gone, FROM_MONITOR, HERE, true, false, false },
	[MON_UNWATCH] = { watch_forget, FROM_MONITOR, HERE, true, false, false },
	[MON_ACCEPT] = { connection_accept, FROM_PROCESS, HERE, false, false, false },
	[MON_REJECT] = { connection_reject, FROM_PROCESS, HERE, false, false, false },
	[MON_CLOSE] = { connection_close, FROM_PROCESS, HERE, false, false, false },
	[MON_BOARD] = { board_make, FROM_PROCESS, HERE, false, false, false },
	[MON_BOARD_CLOSE] = { board_give_back, FROM_PROCESS, HERE, false, false, false },
	[MON_FAULT] = { process_fault, FROM_PROCESS, HERE, true, false, false },
	[MON_POWER] = { power_request, FROM_BOTH, FIRST_CORE, false, false, false },
	[MON_LOG] = { report_log, FROM_BOTH, HERE, true, false, false },
	[MON_CLOSED] = { connection_closed, FROM_MONITOR, HERE, true, false, false },
	[MON_HELLO] = { link_hello, FROM_MONITOR, HERE, true, false, false },
	[MON_INTRODUCE] = { link_introduce, FROM_MONITOR, HERE, false, false, false },
	[MON_LOOKUP] = { name_lookup, FROM_BOTH, FIRST_CORE, false, true, false },
	[MON_FORGET] = { name_forget, FROM_MONITOR, HERE, true, false, false },
	[MON_UNWAIT] = { process_unwait, FROM_MONITOR, HERE, true, false, false },
	[MON_ROUNDS] = { measure_request, FROM_PROCESS, HERE, false, false, false },
	[MON_SPAN] = { member_span, FROM_PROCESS, HERE, false, false, false },
	[MON_ROOT_SLOT] = { member_root_slot, FROM_PROCESS, HERE, false, false, false },
	[MON_UNMAP] = { member_unmap, FROM_PROCESS, HERE, false, false, false },
	[MON_PROTECT] = { member_protect, FROM_PROCESS, HERE, false, false, false },
	[MON_MEMBERS] = { members_message, FROM_MONITOR, HERE, true, false, false },
	[MON_CAP_COPY] = { caps_copy_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAP_FETCH] = { caps_fetch_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAP_SEND] = { caps_send_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAP_RECEIVE] = { caps_receive_request, FROM_PROCESS, HERE, false, false, false },
	[MON_PROGRAM] = { program_send_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAP_RETYPE] = { caps_retype_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAP_DELETE] = { caps_delete_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAP_REVOKE] = { caps_revoke_request, FROM_PROCESS, HERE, false, false, false },
	[MON_WALK] = { caps_walk_request, FROM_PROCESS, HERE, false, false, false },
	[MON_CAPS] = { caps_message, FROM_MONITOR, HERE, true, false, false },
	[MON_REGION] = { region_make, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_REGION_FREE] = { region_give_back, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_REGION_OWN] = { region_own, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_REGIONS] = { region_list, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_GRANT] = { region_grant, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_GRANTED] = { region_granted, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_RETURNED] = { region_returned, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_QUOTA] = { region_quota, FROM_BOTH, CORE_IN_WORD0, false, true, true },
	[MON_BACK] = { region_back, FROM_MONITOR, HERE, true, false, false },
	[MON_ALIVE] = { alive_said, FROM_PROCESS, HERE, true, false, false },
	[MON_MAIL] = { mail_request, FROM_BOTH, HERE, false, true, false },
	[MON_MAIL_TAKEN] = { mail_taken, FROM_PROCESS, HERE, true, false, false },
	[MON_SIGNAL] = { signal_request, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_RELATE] = { signal_relate, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_DEBUG] = { debug_request, FROM_BOTH, CORE_IN_WORD0, false, true, false },
	[MON_STATE] = { watch_state, FROM_MONITOR, HERE, true, false, false },
	[MON_BEGUN] = { watch_begun, FROM_PROCESS, HERE, true, false, false },
	[MON_SUCCEED] = { succession_take, FROM_BOTH, PID_IN_WORD0, false, true, false },
	[MON_PLACE] = { succession_place, FROM_PROCESS, HERE, false, false, false },
	[MON_HEIR] = { memory_heir, FROM_PROCESS, HERE, false, false, false },
	[MON_HEIR_WAIT] = { memory_heir_wait, FROM_PROCESS, HERE, false, false, false },
	[MON_SOLE] = { memory_sole, FROM_PROCESS, HERE, false, false, false },
	[MON_OPEN] = { connection_open, FROM_MONITOR, HERE, false, false, false },
};

static coreid_t request_core(const struct handler *h, const struct request *r)
{
	switch (h->route) {
	case CORE_IN_WORD0:
		return r->m.word[0] < CORES_MAX ? (coreid_t)r->m.word[0] : CORES_MAX;
	case PID_IN_WORD0:
		return (coreid_t)(r->m.word[0] >> 32);
	case FIRST_CORE:
		return 0;
	case FIRST_CORE_OR_HERE: /* monitor 0 asks the others */
		return origin_is_monitor(r->from) ? monitor.core : 0;
	default:
		return monitor.core;
	}
}

void reply_to(struct origin to, unsigned op, uint32_t sequence, err_t err, const uint64_t *words)
{
	struct mon_message m = { .header = mon_header(op, MON_REPLY, (unsigned)err, sequence) };

	if (words)
		memcpy(m.word, words, sizeof m.word);
	if (origin_is_monitor(to)) {
		link_send(to.core, &m);
	} else {
		struct process *p = origin_process(to);

		if (process_alive(p))
			process_send(p, &m);
	}
}

void request_reply(const struct request *r, err_t err, const uint64_t *words)
{
	reply_to(r->from, mon_op(r->m.header), mon_sequence(r->m.header), err, words);
}

cycles_t request_deadline(void)
{
	return context_now() + (monitor.guest ? ANSWER_SECONDS_GUEST : ANSWER_SECONDS) * monitor.info->tsc_hz;
}

/* The usual end of a forwarded request: whoever asked gets what came. */
static void reply_relay(struct pending *p, const struct mon_message *reply)
{
	err_t err = (err_t)mon_aux(reply->header);

	if (err == ERR_TIMEOUT && p->unanswered)
		membership_doubt(p->core);
	reply_to(p->origin, p->op, p->origin_sequence, err, reply->word);
}

static err_t text_forward(coreid_t core, const struct text *text)
{
	for (size_t at = 0; at < text->length;) {
		struct mon_message m;
		err_t err;

		at += mon_text_pack(&m, text->data + at, text->length - at);
		err = link_send(core, &m);
		if (err)
			return err;
	}
	return ERR_OK;
}

err_t request_forward(coreid_t core, const struct mon_message *m, const struct text *text, struct pending *template)
{
	struct mon_message out = *m;
	struct pending *p;
	uint32_t sequence;
	err_t err;

	template->core = core;
	template->op = (uint8_t)mon_op(m->header);
	if (!template->done)
		template->done = reply_relay;
	/* All of it or nothing: a request without its text would be another request. */
	if (outgoing_left() < MON_TEXT_MAX / MON_CHUNK + 1 || !pending_room(&monitor.pendings, template->origin))
		return ERR_AGAIN;
	p = pending_new(&monitor.pendings, template);
	if (!p)
		return ERR_AGAIN;
	sequence = p->sequence;
	out.header = mon_header(mon_op(m->header), 0, mon_aux(m->header), sequence);
	err = text ? text_forward(core, text) : ERR_OK;
	if (!err)
		err = link_send(core, &out);
	/* A link that came to nothing has ended all that waited for it, this too. */
	if (err && p->sequence != sequence)
		return ERR_OK;
	if (err)
		pending_drop(&monitor.pendings, p);
	return err;
}

static void request_elsewhere(const struct handler *h, struct request *r, struct text *text, coreid_t core)
{
	struct pending pending = { .origin = r->from,
				   .origin_sequence = mon_sequence(r->m.header),
				   .deadline = h->quick ? request_deadline() : 0,
				   .context = r->m.word[0] };
	err_t err = h->route == PID_IN_WORD0 ? ERR_NO_PROCESS : ERR_CORE_ID;

	/* A monitor asks the right one; a second hop could go on for ever. */
	if (text && text->overflow)
		err = ERR_TOO_LONG;
	else if (core < monitor.info->cores && !origin_is_monitor(r->from))
		err = request_forward(core, &r->m, text, &pending);
	if (err)
		request_reply(r, err, NULL);
}

/* False: nothing else is to be done because of it. */
static bool request_route(const struct handler *h, struct request *r, struct text *text)
{
	coreid_t core = request_core(h, r);

	if (mon_op(r->m.header) == MON_SPAWN && !origin_is_monitor(r->from))
		process_spawn_right(r, text);
	if (h->right && !origin_is_monitor(r->from) && !region_right(r)) {
		request_reply(r, ERR_DENIED, NULL);
		return false;
	}
	if (core == monitor.core) {
		h->run(r);
		return !h->right; /* what the page service asks for starts nothing */
	}
	request_elsewhere(h, r, text, core);
	return true;
}

unsigned requests_senseless(void) { return senseless; }

/* Reported at the first, and each time that the count has doubled. */
static void request_drop(const struct request *r)
{
	senseless++;
	if ((senseless & (senseless - 1)) == 0)
		report("monitor %u: dropped a senseless message of type %u from core %u (%u so far)", monitor.core,
		       mon_op(r->m.header), r->from.core, senseless);
}

static __attribute__((noinline)) void request_take(struct origin from, const struct mon_message *m)
{
	struct request r = { .from = from, .m = *m };
	unsigned op = mon_op(m->header);
	const struct handler *h = op < MON_OPS && handlers[op].run ? &handlers[op] : NULL;
	struct pending p;
	struct text *text;

	/* It may have ended while its messages were in the queue. */
	if (!origin_is_monitor(from) && !process_alive(origin_process(from)))
		return;
	if (mon_flags(m->header) & MON_REPLY) {
		monitor.pressing = true;
		if (origin_is_monitor(from) && pending_take(&monitor.pendings, from.core, m, &p))
			p.done(&p, m);
		return;
	}
	/* With its request it goes. */
	text = op == MON_TEXT ? NULL : text_take(&monitor.texts, from);
	if (!h || !(h->from & (origin_is_monitor(from) ? FROM_MONITOR : FROM_PROCESS))) {
		if (origin_is_monitor(from))
			request_drop(&r);
		else if (!h || !h->silent)
			request_reply(&r, ERR_MESSAGE, NULL);
	} else if (request_route(h, &r, text)) {
		monitor.pressing = true;
	}
	text_release(text);
}

void request_hear(coreid_t from, const struct mon_message *m)
{
	monitor.messages++;
	if (!membership_hear(from))
		return;
	/* Agreement goes around the table: it has to be quick. */
	if (mon_op(m->header) == MON_AGREE)
		agree_message(from, m);
	else
		request_take((struct origin){ .core = from }, m);
}

void request_handle(struct origin from, const struct mon_message *m)
{
	if (origin_is_monitor(from)) {
		request_hear(from.core, m);
		return;
	}
	monitor.messages++;
	request_take(from, m);
}
