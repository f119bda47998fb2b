/*
 * Cores, by way of the monitors: what they are and count, their start and stop, the machine's power, the log.
 */
#include "libos/core/monitor_client.h"
#include "kernel/abi/error.h"

#include <string.h>

#include "libos/core/arrival.h"
#include "libos/core/local.h"

static CORE_LOCAL char log_text[MON_TEXT_MAX];
static CORE_LOCAL uint32_t log_length;
static void (*log_handler)(const char *text, size_t length);

static err_t core_parts(coreid_t core, unsigned parts, struct mon_core *out)
{
	struct mon_core c = { 0 };

	for (unsigned part = 0; part < parts; part++) {
		struct mon_message m = { .word = { core, part } };
		err_t err = mon_call(MON_CORE, &m);

		if (err)
			return err;
		mon_core_unpack(&c, part, &m);
		if (c.state != MON_CORE_UP)
			break;
	}
	*out = c;
	return ERR_OK;
}

err_t mon_core(coreid_t core, struct mon_core *out) { return core_parts(core, MON_CORE_PARTS, out); }
err_t mon_core_brief(coreid_t core, struct mon_core *out) { return core_parts(core, 1, out); }

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
	err_t err = mon_call(MON_STAT, &m);

	if (!err)
		*value = m.word[0];
	return err;
}

err_t mon_check(coreid_t core, uint64_t *violations)
{
	struct mon_message m = { .word = { core } };
	err_t err = mon_call(MON_CHECK, &m);

	if (!err)
		*violations = m.word[0];
	return err;
}

err_t mon_rounds(struct mon_rounds *r)
{
	struct mon_message m = { .word = { r->kind, r->scheme, r->cores, r->count, r->in_flight } };
	err_t err = mon_call(MON_ROUNDS, &m);

	r->cycles = m.word[0];
	r->messages = m.word[1];
	r->lines = m.word[2];
	return err;
}

err_t mon_core_control(coreid_t core, unsigned control, coreid_t onto)
{
	struct mon_message m = { .word = { core, control, onto } };

	return mon_call(MON_CORE_CONTROL, &m);
}

err_t mon_power(unsigned how, unsigned code)
{
	struct mon_message m = { .word = { how, code } };

	return mon_call(MON_POWER, &m);
}

/* --- the log ------------------------------------------------------------------------ */

void mon_log(const char *text)
{
	struct mon_message m = { .header = mon_header(MON_LOG, 0, 0, 0) };

	mon_request_send(&m, text, strnlen(text, MON_TEXT_MAX));
}

void mon_set_log_handler(void (*handler)(const char *text, size_t length)) { log_handler = handler; }

/* In disabled mode: a part of what was logged. */
void log_arrived(const struct mon_message *m)
{
	char chunk[MON_CHUNK];
	size_t n = mon_text_unpack(m, chunk);

	if (log_length + n <= sizeof log_text) {
		memcpy(log_text + log_length, chunk, n);
		log_length += (uint32_t)n;
	}
}

void log_complete(void)
{
	if (log_handler && log_length)
		log_handler(log_text, log_length);
	log_length = 0;
}
