/*
 * Packing and unpacking of the payloads that a process and a monitor exchange.
 *
 * Pure functions of their arguments, used by both ends and by the unit tests.
 * Unpacking believes nothing: lengths are checked and text is terminated.
 */
#include "libos/core/monitor_proto.h"
#include "kernel/abi/error.h"

#include <string.h>

void mon_process_pack(const struct mon_process *p, unsigned part, struct mon_message *m)
{
	if (part == 0) {
		m->word[0] = p->pid | (uint64_t)p->cores << 48;
		m->word[1] = (p->cycles << 8) | (p->state & 0xff);
		memcpy(&m->word[2], p->name, MON_PROCESS_NAME);
	} else {
		memset(m->word, 0, sizeof m->word);
		m->word[0] = p->pid;
		m->word[1] = p->id;
		m->word[2] = p->ticket;
	}
}

void mon_process_unpack(struct mon_process *p, unsigned part, const struct mon_message *m)
{
	p->pid = m->word[0] & 0xffffffffffff;
	if (part == 0) {
		p->cores = (uint32_t)(m->word[0] >> 48);
		p->state = m->word[1] & 0xff;
		p->cycles = m->word[1] >> 8;
		memcpy(p->name, &m->word[2], MON_PROCESS_NAME);
		p->name[MON_PROCESS_NAME - 1] = '\0';
	} else {
		p->id = (uint32_t)m->word[1];
		p->ticket = m->word[2];
	}
}

void mon_core_pack(const struct mon_core *c, unsigned part, struct mon_message *m)
{
	if (part == 0) {
		m->word[0] = c->core | (uint64_t)c->apic_id << 32;
		m->word[1] = c->state | (uint64_t)c->at << 8 | (uint64_t)c->processes << 32;
		m->word[2] = c->uptime;
		m->word[3] = c->tsc_hz;
		m->word[4] = c->messages;
		m->word[5] = c->idle;
	} else {
		m->word[0] = c->ipis_sent;
		m->word[1] = c->ipis_received;
		m->word[2] = c->ram_total;
		m->word[3] = c->ram_free;
		m->word[4] = 0;
		m->word[5] = 0;
	}
}

void mon_core_unpack(struct mon_core *c, unsigned part, const struct mon_message *m)
{
	if (part == 0) {
		c->core = (uint32_t)m->word[0];
		c->apic_id = (uint32_t)(m->word[0] >> 32);
		c->state = m->word[1] & 0xff;
		c->at = m->word[1] >> 8 & 0xffffff;
		c->processes = (uint32_t)(m->word[1] >> 32);
		c->uptime = m->word[2];
		c->tsc_hz = m->word[3];
		c->messages = m->word[4];
		c->idle = m->word[5];
	} else {
		c->ipis_sent = m->word[0];
		c->ipis_received = m->word[1];
		c->ram_total = m->word[2];
		c->ram_free = m->word[3];
	}
}

size_t mon_text_pack(struct mon_message *m, const char *text, size_t length)
{
	size_t n = length < MON_CHUNK ? length : MON_CHUNK;

	m->header = mon_header(MON_TEXT, 0, (unsigned)n, 0);
	memset(m->word, 0, sizeof m->word);
	memcpy(m->word, text, n);
	return n;
}

size_t mon_text_unpack(const struct mon_message *m, char *out)
{
	unsigned n = mon_aux(m->header);

	if (n == 0 || n > MON_CHUNK)
		return 0;
	memcpy(out, m->word, n);
	return n;
}

err_t mon_name_pack(const char *name, uint64_t words[2])
{
	size_t n = strnlen(name, MON_NAME + 1);

	if (n == 0)
		return ERR_ARGUMENT;
	if (n > MON_NAME)
		return ERR_TOO_LONG;
	words[0] = words[1] = 0;
	memcpy(words, name, n);
	return ERR_OK;
}

void mon_name_unpack(const uint64_t words[2], char out[MON_NAME + 1])
{
	memcpy(out, words, MON_NAME);
	out[MON_NAME] = '\0';
}

void mon_debug_state_pack(const struct mon_debug_state *s, uint64_t words[MON_PAYLOAD])
{
	words[0] = s->state | (uint64_t)s->area << 8 | (uint64_t)s->vector << 16 | (uint64_t)s->stopped << 24 |
		   (uint64_t)s->attached << 25 | (uint64_t)s->trapped << 26;
	words[1] = s->error;
	words[2] = s->address;
	words[3] = s->memory;
}

void mon_debug_state_unpack(struct mon_debug_state *s, const uint64_t words[MON_PAYLOAD])
{
	*s = (struct mon_debug_state){ .state = (uint8_t)words[0],
				       .area = (uint8_t)(words[0] >> 8),
				       .vector = (uint8_t)(words[0] >> 16),
				       .stopped = words[0] >> 24 & 1,
				       .attached = words[0] >> 25 & 1,
				       .trapped = words[0] >> 26 & 1,
				       .error = words[1],
				       .address = words[2],
				       .memory = words[3] };
}
