/*
 * The process's side of the talk with its monitor.
 *
 * A call puts itself in a list, sends, and blocks its thread; the handler of
 * endpoint 0 finds it by its sequence number when the reply comes.  Text and the
 * request it belongs to are sent under one mutex, for they must not be mixed with
 * those of another thread.  The list and the queue of incoming connections are
 * changed in disabled mode only.
 */
#include "libos/core/monitor_client.h"
#include "kernel/abi/cap.h"
#include "kernel/abi/dispatcher.h"
#include "kernel/abi/error.h"
#include "kernel/abi/syscall.h"
#include "libos/core/arrival.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/lmp.h"
#include "libos/core/ram.h"
#include "libos/core/span.h"
#include "libos/core/stay.h"
#include "libos/core/syscall.h"
#include "libos/thread/cpu.h"
#include "libos/thread/errand.h"
#include "libos/thread/thread.h"

#include <string.h>

#define INCOMING_MAX 64 /* connections that wait to be accepted; a power of two */

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

static CORE_LOCAL struct mon_incoming incoming[INCOMING_MAX];
static CORE_LOCAL uint32_t incoming_put, incoming_taken;
static CORE_LOCAL struct thread_queue incoming_waiting;
static void (*incoming_handler)(void);
static void (*closed_handler)(uint32_t channel);

static CORE_LOCAL char log_text[MON_TEXT_MAX];
static CORE_LOCAL uint32_t log_length;
static void (*log_handler)(const char *text, size_t length);
static void (*power_handler)(unsigned how, unsigned code);
static struct mon_watcher *watchers;
static void (*signal_handler)(const struct mon_signal *s);
static uint64_t signals_early; /* a bit for each that came before there was one */
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

static void incoming_arrived(const struct mon_message *m)
{
	if (incoming_put - incoming_taken == INCOMING_MAX)
		return; /* the monitor keeps fewer than this per service open */
	incoming[incoming_put++ % INCOMING_MAX] = (struct mon_incoming){ .channel = (uint32_t)m->word[0],
									 .service = (uint32_t)m->word[1],
									 .peer = m->word[2] };
	thread_wake(&incoming_waiting);
	if (incoming_handler)
		incoming_handler();
}

static void log_arrived(const struct mon_message *m)
{
	char chunk[MON_CHUNK];
	size_t n = mon_text_unpack(m, chunk);

	if (log_length + n <= sizeof log_text) {
		memcpy(log_text + log_length, chunk, n);
		log_length += (uint32_t)n;
	}
}

static void log_complete(void)
{
	if (log_handler && log_length)
		log_handler(log_text, log_length);
	log_length = 0;
}

static void gone_arrived(const struct mon_message *m)
{
	for (struct mon_watcher *w = watchers; w; w = w->next)
		w->gone(w, m->word[0], (unsigned)m->word[1], m->word[2]);
	mail_sender_gone((uint32_t)m->word[0] ? m->word[4] : m->word[0]);
}

static void state_arrived(const struct mon_message *m)
{
	for (struct mon_watcher *w = watchers; w; w = w->next)
		if (w->state)
			w->state(w, m->word[0], (unsigned)m->word[1]);
}

static void signal_arrived(const struct mon_message *m)
{
	const struct mon_signal s = { .signal = (m->word[1] >> 8) % MON_SIGNALS,
				      .code = (uint8_t)(m->word[1] >> 16),
				      .value = m->word[3],
				      .sender = (uint32_t)m->word[4] };

	if (signal_handler)
		signal_handler(&s);
	else
		signals_early |= UINT64_C(1) << s.signal;
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

/* Sends `m` with text ahead, waits for the reply, which replaces it. */
static err_t call_text(unsigned op, struct mon_message *m, const char *text, size_t length)
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

err_t mon_call(unsigned op, struct mon_message *m) { return call_text(op, m, NULL, 0); }

static err_t call(unsigned op, struct mon_message *m) { return call_text(op, m, NULL, 0); }

/* --- memory ----------------------------------------------------------------------- */

err_t mon_ram_alloc(unsigned bits, cptr_t slot)
{
	struct mon_message m = { .word = { bits, slot } };

	return call(MON_RAM, &m);
}

err_t mon_ram_free(cptr_t slot)
{
	struct mon_message m = { .word = { slot } };

	return call(MON_RAM_FREE, &m);
}

/* --- memory of a core, for the page service ------------------------------------------ */

err_t mon_region(coreid_t core, unsigned bits, struct mon_region *out)
{
	struct mon_message m = { .word = { core, bits } };
	err_t err = call(MON_REGION, &m);

	if (!err)
		*out = (struct mon_region){ .base = m.word[1], .number = (uint32_t)m.word[0], .bits = bits };
	return err;
}

err_t mon_region_free(coreid_t core, paddr_t base)
{
	struct mon_message m = { .word = { core, base } };

	return call(MON_REGION_FREE, &m);
}

err_t mon_region_own(coreid_t core, paddr_t base, uint64_t owner, struct mon_region *out)
{
	struct mon_message m = { .word = { core, base, owner } };
	err_t err = call(MON_REGION_OWN, &m);

	if (!err)
		*out = (struct mon_region){ .base = base, .number = (uint32_t)m.word[0], .granted = m.word[1] };
	return err;
}

err_t mon_regions(coreid_t core, unsigned from, struct mon_region *out)
{
	struct mon_message m = { .word = { core, from } };
	err_t err = call(MON_REGIONS, &m);

	if (!err)
		*out = (struct mon_region){ .base = m.word[0],
					    .bits = (uint32_t)m.word[1],
					    .number = (uint32_t)(m.word[1] >> 32),
					    .owner = m.word[2],
					    .granted = m.word[3] };
	return err;
}

err_t mon_grant(coreid_t core, uint64_t pid, const struct mon_grant *g, paddr_t *there)
{
	struct mon_message m = {
		.word = { core, pid, (uint32_t)g->slot | (uint64_t)g->bits << 32 | (uint64_t)g->type << 40, g->base,
			  g->number },
	};
	err_t err = call(MON_GRANT, &m);

	if (!err || err == ERR_EXISTS)
		*there = m.word[0];
	return err;
}

err_t mon_granted(coreid_t core, paddr_t region, uint64_t first, uint64_t map[MON_GRANTED_PAGES / 64])
{
	struct mon_message m = { .word = { core, region, first } };
	err_t err = call(MON_GRANTED, &m);

	if (!err)
		memcpy(map, m.word, MON_GRANTED_PAGES / 8);
	return err;
}

err_t mon_returned(coreid_t core, paddr_t region, struct mon_returned out[MON_RETURNED_PART], unsigned *count)
{
	struct mon_message m = { .word = { core, region } };
	err_t err = call(MON_RETURNED, &m);

	for (*count = 0; !err && *count < MON_RETURNED_PART && m.word[*count]; ++*count) {
		out[*count].base = m.word[*count] & ~(uint64_t)(PAGE_SIZE - 1);
		out[*count].bits = m.word[*count] & (PAGE_SIZE - 1);
	}
	return err;
}

static err_t quota(uint64_t pid, uint64_t bytes, bool set, uint64_t *most, uint64_t *has)
{
	struct mon_message m = { .word = { (coreid_t)(pid >> 32), pid, bytes, set } };
	err_t err = call(MON_QUOTA, &m);

	if (!err && most)
		*most = m.word[0];
	if (!err && has)
		*has = m.word[1];
	return err;
}

err_t mon_quota_set(uint64_t pid, uint64_t bytes) { return quota(pid, bytes, true, NULL, NULL); }
err_t mon_quota(uint64_t pid, uint64_t *most, uint64_t *has) { return quota(pid, 0, false, most, has); }

void mon_set_back_handler(void (*back)(coreid_t core, paddr_t base)) { back_handler = back; }

/* --- processes --------------------------------------------------------------------- */

void mon_exit(uint64_t status)
{
	struct mon_message m = { .header = mon_header(MON_EXIT, 0, 0, 0), .word = { status } };
	struct thread_queue never = { NULL, NULL };

	mon_request_send(&m, NULL, 0);
	dispatcher_disable();
	for (;;)
		thread_block(&never, 0);
}

void mon_exit_disabled(uint64_t status)
{
	uint64_t words[LMP_WORDS] = { mon_header(MON_EXIT, 0, 0, 0), status };

	while (sys_lmp_send8(TASK_MONITOR_EP, MON_WORDS, words, 0) == ERR_OK)
		disp_stop(TASK_DISPATCHER);
}

/* Joins strings, each with its NUL, behind what is there; false when they do not fit. */
static bool strings_join(char *out, size_t size, size_t *at, const char *const *strings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		size_t n = strlen(strings[i]) + 1;

		if (n > size - *at)
			return false;
		memcpy(out + *at, strings[i], n);
		*at += n;
	}
	return true;
}

err_t mon_start(coreid_t core, const struct mon_start *s, uint64_t *pid)
{
	struct mon_message m = {
		.word = { core, s->ticket, s->id | (uint64_t)s->argc << 32 | (uint64_t)s->heir_heap << 40,
			  (uint64_t)s->heir.service << 32 | s->program << 1, s->heir.pid, s->heir.secret }
	};
	char text[MON_TEXT_MAX];
	size_t length = 0;
	err_t err;

	if (s->argc < 1 || s->argc + s->envc > PROCESS_ARGS_MAX)
		return ERR_ARGUMENT;
	if (!strings_join(text, sizeof text, &length, s->argv, s->argc) ||
	    !strings_join(text, sizeof text, &length, s->envp, s->envc))
		return ERR_TOO_LONG;
	err = call_text(MON_SPAWN, &m, text, length);
	if (!err && pid)
		*pid = m.word[0];
	return err;
}

err_t mon_program(coreid_t core, cptr_t frame, uint32_t *number)
{
	struct mon_message m = { .word = { core, frame } };
	err_t err = call(MON_PROGRAM, &m);

	if (!err)
		*number = (uint32_t)m.word[0];
	return err;
}

err_t mon_spawn(coreid_t core, int argc, const char *const *argv, uint64_t *pid)
{
	const struct mon_start s = { .argc = argc < 1 ? 0 : (unsigned)argc, .argv = argv };

	return mon_start(core, &s, pid);
}

err_t mon_wait(uint64_t pid, unsigned *cause, uint64_t *status)
{
	struct mon_message m = { .word = { pid } };
	err_t err = call(MON_WAIT, &m);

	if (err)
		return err;
	if (cause)
		*cause = (unsigned)m.word[0];
	if (status)
		*status = m.word[1];
	return ERR_OK;
}

err_t mon_kill(uint64_t pid)
{
	struct mon_message m = { .word = { pid } };

	return call(MON_KILL, &m);
}

err_t mon_kill_hung(uint64_t pid, unsigned ms)
{
	struct mon_message m = { .word = { pid, ms } };

	return call(MON_KILL, &m);
}

void mon_alive(unsigned ms)
{
	const struct mon_message m = { .header = mon_header(MON_ALIVE, 0, 0, 0), .word = { ms } };

	mon_request_send(&m, NULL, 0);
}

/* A word that is late may still arrive: who gave up would be told of an end that came before it by nobody. */
err_t mon_watch(uint64_t pid)
{
	struct mon_message m = { .word = { pid } };
	err_t err;

	while ((err = call(MON_WATCH, &m)) == ERR_AGAIN || err == ERR_TIMEOUT) {
		m.word[0] = pid;
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	}
	return err;
}

void mon_watcher_add(struct mon_watcher *w)
{
	dispatcher_disable();
	w->next = watchers;
	watchers = w;
	dispatcher_enable();
}

err_t mon_signal(coreid_t core, const struct mon_signal *s, unsigned *count)
{
	struct mon_message m = { .word = { core, s->to | (uint64_t)s->signal << 8 | (uint64_t)s->code << 16, s->who,
					   s->value, s->sender } };
	err_t err = call(MON_SIGNAL, &m);

	if (!err)
		*count = (unsigned)m.word[0];
	return err;
}

void mon_set_signal_handler(void (*handler)(const struct mon_signal *s))
{
	dispatcher_disable();
	signal_handler = handler;
	while (signals_early) {
		const struct mon_signal s = { .signal = (unsigned)__builtin_ctzll(signals_early) };

		signals_early &= signals_early - 1;
		handler(&s);
	}
	dispatcher_enable();
}

err_t mon_relate(coreid_t core, enum mon_signal_to by, uint64_t who, unsigned set, struct mon_relation *r)
{
	struct mon_message m = { .word = { core, by, who, r->group | (uint64_t)r->session << 32, r->parent, set } };
	err_t err = call(MON_RELATE, &m);

	if (!err)
		*r = (struct mon_relation){ .pid = m.word[0],
					    .group = (uint32_t)m.word[1],
					    .session = (uint32_t)(m.word[1] >> 32),
					    .parent = (uint32_t)m.word[2],
					    .number = (uint32_t)(m.word[2] >> 32) };
	return err;
}

err_t mon_ps(coreid_t core, unsigned index, struct mon_process *out)
{
	struct mon_message m = { .word = { core, index } };
	err_t err = call(MON_PS, &m);

	if (!err)
		mon_process_unpack(out, 0, &m);
	return err;
}

err_t mon_ps_id(coreid_t core, unsigned index, struct mon_process *out)
{
	struct mon_message m = { .word = { core, index, 1 } };
	err_t err = call(MON_PS, &m);

	if (!err)
		mon_process_unpack(out, 1, &m);
	return err;
}

err_t mon_migrate(uint64_t pid, coreid_t core)
{
	struct mon_message m = { .word = { pid, core } };

	return call(MON_MIGRATE, &m);
}

/*
 * In disabled mode, on the upcall stack: it cannot wait for room in the monitor's
 * queue, so when there is none it lets the CPU driver do the reporting, by a
 * second fault where none is allowed.
 */
void mon_fault_report(unsigned vector, uint64_t error, vaddr_t address, vaddr_t instruction)
{
	uint64_t words[LMP_WORDS] = { mon_header(MON_FAULT, 0, 0, 0), vector, error, address, instruction };

	/* Stopped, not asleep: an event would have the other threads go on till the monitor has come to us. */
	if (sys_lmp_send8(TASK_MONITOR_EP, MON_WORDS, words, 0) == ERR_OK)
		disp_stop(TASK_DISPATCHER);
	__builtin_trap();
}

static void __attribute__((noreturn)) fault_to_monitor(const struct fault_info *info)
{
	mon_fault_report((unsigned)info->vector, info->error | (info->stack_overflow ? FAULT_STACK_OVERFLOW : 0),
			 info->address, info->rip);
}

uint64_t process_self_pid(void) { return process_args()->pid; }
coreid_t process_self_core(void) { return dispatcher_core(); }
uint32_t process_self_id(void) { return (uint32_t)process_args()->id; }

/* --- cores -------------------------------------------------------------------------- */

err_t mon_core(coreid_t core, struct mon_core *out)
{
	struct mon_core c = { 0 };

	for (unsigned part = 0; part < MON_CORE_PARTS; part++) {
		struct mon_message m = { .word = { core, part } };
		err_t err = call(MON_CORE, &m);

		if (err)
			return err;
		mon_core_unpack(&c, part, &m);
		if (c.state != MON_CORE_UP)
			break;
	}
	*out = c;
	return ERR_OK;
}

coreid_t mon_cores_up(coreid_t most)
{
	struct mon_core c;
	coreid_t n = 1;

	while (n < most && !mon_core(n, &c) && c.state == MON_CORE_UP)
		n++;
	return n;
}

err_t mon_stat(coreid_t core, unsigned stat, uint64_t *value)
{
	struct mon_message m = { .word = { core, stat } };
	err_t err = call(MON_STAT, &m);

	if (!err)
		*value = m.word[0];
	return err;
}

err_t mon_check(coreid_t core, uint64_t *violations)
{
	struct mon_message m = { .word = { core } };
	err_t err = call(MON_CHECK, &m);

	if (!err)
		*violations = m.word[0];
	return err;
}

err_t mon_rounds(struct mon_rounds *r)
{
	struct mon_message m = { .word = { r->kind, r->scheme, r->cores, r->count, r->in_flight } };
	err_t err = call(MON_ROUNDS, &m);

	r->cycles = m.word[0];
	r->messages = m.word[1];
	r->lines = m.word[2];
	return err;
}

err_t mon_core_control(coreid_t core, unsigned control, coreid_t onto)
{
	struct mon_message m = { .word = { core, control, onto } };

	return call(MON_CORE_CONTROL, &m);
}

err_t mon_power(unsigned how, unsigned code)
{
	struct mon_message m = { .word = { how, code } };

	return call(MON_POWER, &m);
}

void mon_log(const char *text)
{
	struct mon_message m = { .header = mon_header(MON_LOG, 0, 0, 0) };

	mon_request_send(&m, text, strnlen(text, MON_TEXT_MAX));
}

/* --- services and connections ---------------------------------------------------------- */

err_t mon_export_as(const char *name, unsigned flags, struct mon_address *out)
{
	struct mon_message m = { .word = { 0, 0, flags } };
	err_t err = name ? mon_name_pack(name, m.word) : ERR_OK;

	if (!name)
		m.word[2] |= MON_EXPORT_UNNAMED;
	if (flags & MON_EXPORT_FURTHER)
		m.word[2] |= (uint64_t)out->service << 32;
	if (!err)
		err = call(MON_EXPORT, &m);
	if (!err)
		*out = (struct mon_address){ .pid = m.word[2], .secret = m.word[1], .service = (uint32_t)m.word[0] };
	return err;
}

err_t mon_export(const char *name, uint32_t *service)
{
	struct mon_address at;
	err_t err = mon_export_as(name, 0, &at);

	if (!err && service)
		*service = at.service;
	return err;
}

err_t mon_lookup(const char *name, struct mon_address *out)
{
	struct mon_message m;
	err_t err = mon_name_pack(name, m.word);

	if (!err)
		err = call(MON_LOOKUP, &m);
	if (!err)
		*out = (struct mon_address){ .pid = m.word[0] << 32 | (uint32_t)m.word[1],
					     .service = (uint32_t)m.word[2],
					     .secret = m.word[3] };
	return err;
}

err_t mon_incoming(struct mon_incoming *out, bool wait)
{
	err_t err = ERR_AGAIN;

	dispatcher_disable();
	while (wait && incoming_put == incoming_taken)
		thread_block(&incoming_waiting, 0);
	if (incoming_put != incoming_taken) {
		*out = incoming[incoming_taken++ % INCOMING_MAX];
		err = ERR_OK;
	}
	dispatcher_enable();
	return err;
}

static void offer_pack(const struct mon_offer *offer, struct mon_message *m)
{
	m->word[2] = (uint32_t)offer->endpoint | offer->notification << 32;
	m->word[3] = (offer->frame_bits & 0xff) | (uint64_t)(offer->shared_bits & 0xff) << 8 | offer->slot_board << 32;
	m->word[5] = offer->frame_of;
	m->word[4] = (uint32_t)offer->slot_channel | offer->slot_doorbell << 32;
}

static void binding_unpack(struct mon_binding *b, unsigned side, const struct mon_message *m)
{
	*b = (struct mon_binding){ .kind = (unsigned)m->word[0],
				   .side = side,
				   .channel = (uint32_t)m->word[1],
				   .frame_bits = (unsigned)m->word[2],
				   .peer = m->word[3],
				   .hint = (unsigned)m->word[4] };
}

err_t mon_accept(uint32_t channel, const struct mon_offer *offer, struct mon_binding *out)
{
	struct mon_message m = { .word = { channel } };
	err_t err;

	offer_pack(offer, &m);
	m.word[5] = offer->board | (uint64_t)offer->hint << 32;
	err = call(MON_ACCEPT, &m);
	if (!err)
		binding_unpack(out, 1, &m);
	return err;
}

err_t mon_reject(uint32_t channel, err_t reason)
{
	struct mon_message m = { .word = { channel, (uint64_t)reason } };

	return call(MON_REJECT, &m);
}

err_t mon_connect(const char *name, const struct mon_offer *offer, struct mon_binding *out)
{
	struct mon_message m = { 0 };
	err_t err = mon_name_pack(name, m.word);

	if (err)
		return err;
	offer_pack(offer, &m);
	err = call(MON_CONNECT, &m);
	if (!err)
		binding_unpack(out, 0, &m);
	return err;
}

err_t mon_connect_at(const struct mon_address *at, const struct mon_offer *offer, struct mon_binding *out)
{
	struct mon_message m = { .word = { (uint32_t)at->pid | (uint64_t)at->service << 32, at->secret } };
	err_t err;

	if (at->pid >> 32 >= CORES_MAX)
		return ERR_CORE_ID;
	offer_pack(offer, &m);
	m.word[3] |= (at->pid >> 32) << 16;
	err = call(MON_CONNECT_AT, &m);
	if (!err)
		binding_unpack(out, 0, &m);
	return err;
}

err_t mon_close(uint32_t channel)
{
	struct mon_message m = { .word = { channel } };

	return call(MON_CLOSE, &m);
}

err_t mon_board(cptr_t slot, uint32_t *board)
{
	struct mon_message m = { .word = { slot } };
	err_t err = call(MON_BOARD, &m);

	if (!err)
		*board = (uint32_t)m.word[0];
	return err;
}

err_t mon_board_close(uint32_t board)
{
	struct mon_message m = { .word = { board } };

	return call(MON_BOARD_CLOSE, &m);
}

void mon_set_closed_handler(void (*closed)(uint32_t channel)) { closed_handler = closed; }
void mon_set_incoming_handler(void (*handler)(void)) { incoming_handler = handler; }
void mon_set_log_handler(void (*handler)(const char *text, size_t length)) { log_handler = handler; }
void mon_set_power_handler(void (*handler)(unsigned how, unsigned code)) { power_handler = handler; }

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
