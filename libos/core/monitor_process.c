/*
 * Processes, by way of their monitors: start, end, watch, list, signals; and what the monitor tells of them.
 */
#include "libos/core/monitor_client.h"
#include "kernel/abi/error.h"

#include <string.h>

#include "libos/core/arrival.h"
#include "libos/core/dispatcher.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"
#include "libos/core/syscall.h"
#include "libos/thread/thread.h"
#include "libos/x86/context.h"

static struct mon_watcher *watchers;
static void (*signal_handler)(const struct mon_signal *s);
static uint64_t signals_early; /* a bit for each that came before there was one */

/* --- what comes; in disabled mode ---------------------------------------------------- */

void gone_arrived(const struct mon_message *m)
{
	for (struct mon_watcher *w = watchers; w; w = w->next)
		w->gone(w, m->word[0], (unsigned)m->word[1], m->word[2]);
	mail_sender_gone((uint32_t)m->word[0] ? m->word[4] : m->word[0]);
}

void state_arrived(const struct mon_message *m)
{
	for (struct mon_watcher *w = watchers; w; w = w->next)
		if (m->word[1] & MON_STATE_BEGUN) {
			if (w->begun)
				w->begun(w, m->word[0], (uint32_t)m->word[1]);
		} else if (w->state) {
			w->state(w, m->word[0], (unsigned)m->word[1]);
		}
}

void signal_arrived(const struct mon_message *m)
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

/* --- processes --------------------------------------------------------------------- */

static void __attribute__((noreturn)) end_await(void)
{
	struct thread_queue never = { NULL, NULL };

	dispatcher_disable();
	for (;;)
		thread_block(&never, 0);
}

void mon_exit(uint64_t status)
{
	struct mon_message m = { .header = mon_header(MON_EXIT, 0, 0, 0), .word = { status } };

	mon_request_send(&m, NULL, 0);
	end_await();
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
	struct mon_message m = { .word = { core, s->ticket,
					   s->id | (uint64_t)s->argc << 32 | (uint64_t)s->heir_heap << 40 |
						   (s->succeeds ? MON_SPAWN_SUCCEEDS : 0),
					   (uint64_t)s->heir.service << 32 | s->letter_bytes << 16 | s->program << 1,
					   s->heir.pid, s->heir.secret } };
	char text[MON_TEXT_MAX];
	size_t length = 0;
	err_t err;

	if (s->argc < 1 || s->argc + s->envc > PROCESS_ARGS_MAX)
		return ERR_ARGUMENT;
	if (!strings_join(text, sizeof text, &length, s->argv, s->argc) ||
	    !strings_join(text, sizeof text, &length, s->envp, s->envc) || s->letter_bytes > sizeof text - length)
		return ERR_TOO_LONG;
	memcpy(text + length, s->letter, s->letter_bytes);
	length += s->letter_bytes;
	err = mon_call_text(MON_SPAWN, &m, text, length);
	if (!err && pid)
		*pid = m.word[0];
	return err;
}

err_t mon_program(coreid_t core, cptr_t frame, uint32_t *number)
{
	struct mon_message m = { .word = { core, frame } };
	err_t err = mon_call(MON_PROGRAM, &m);

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
	err_t err = mon_call(MON_WAIT, &m);

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

	return mon_call(MON_KILL, &m);
}

err_t mon_kill_hung(uint64_t pid, unsigned ms)
{
	struct mon_message m = { .word = { pid, ms } };

	return mon_call(MON_KILL, &m);
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

	while ((err = mon_call(MON_WATCH, &m)) == ERR_AGAIN || err == ERR_TIMEOUT) {
		m.word[0] = pid;
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / 1000);
	}
	return err;
}

void mon_begun(uint32_t word)
{
	const struct mon_message m = { .header = mon_header(MON_BEGUN, 0, 0, 0), .word = { word } };

	mon_request_send(&m, NULL, 0);
}

err_t mon_succeed(uint64_t pid, uint64_t pending)
{
	struct mon_message m = { .word = { pid, pending } };

	err_t err = mon_call(MON_SUCCEED, &m);

	if (err)
		return err;
	end_await();
}

void mon_place(void)
{
	struct mon_message m = { 0 };

	(void)mon_call(MON_PLACE, &m); /* it has no reason to fail */
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
	err_t err = mon_call(MON_SIGNAL, &m);

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
	err_t err = mon_call(MON_RELATE, &m);

	if (!err)
		*r = (struct mon_relation){ .pid = m.word[0],
					    .group = (uint32_t)m.word[1],
					    .session = (uint32_t)(m.word[1] >> 32),
					    .parent = (uint32_t)m.word[2],
					    .number = (uint32_t)(m.word[2] >> 32) };
	return err;
}

err_t mon_relate_say(unsigned set, const struct mon_relation *r)
{
	const struct mon_message m = { .header = mon_header(MON_RELATE, 0, 0, 0),
				       .word = { process_self_core(), MON_TO_PID, process_self_pid(),
						 r->group | (uint64_t)r->session << 32, r->parent,
						 set | MON_SET_UNANSWERED } };

	return mon_request_send(&m, NULL, 0);
}

err_t mon_ps(coreid_t core, unsigned index, struct mon_process *out)
{
	struct mon_message m = { .word = { core, index } };
	err_t err = mon_call(MON_PS, &m);

	if (!err)
		mon_process_unpack(out, 0, &m);
	return err;
}

err_t mon_ps_id(coreid_t core, unsigned index, struct mon_process *out)
{
	struct mon_message m = { .word = { core, index, 1 } };
	err_t err = mon_call(MON_PS, &m);

	if (!err)
		mon_process_unpack(out, 1, &m);
	return err;
}

err_t mon_migrate(uint64_t pid, coreid_t core)
{
	struct mon_message m = { .word = { pid, core } };

	return mon_call(MON_MIGRATE, &m);
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

uint64_t process_self_pid(void) { return process_args()->pid; }
coreid_t process_self_core(void) { return dispatcher_core(); }
uint32_t process_self_id(void) { return (uint32_t)process_args()->id; }

uint64_t process_self_cycles(void)
{
	struct disp_state state = { 0 };

	disp_inspect(TASK_DISPATCHER, &state);
	return state.cycles;
}
