/*
 * The table of a core's processes: numbers, records, who is alive.
 *
 * A process of number n is in entry n % PROCESS_MAX, so a number is found without
 * a search; a new one gets the next free entry, or that of the record that has been kept longest.  A
 * record whose status somebody has is not forgotten at once: a service that has it may die with it, and
 * another asks again, for the end or by the ticket.  Portable, and tested on the host.
 */
#include "monitor/process_table.h"

#include <string.h>

static struct process *process_entry(struct process_table *t, uint32_t number)
{
	return &t->entry[number % PROCESS_MAX];
}

/* Deaths since its own; more, so that it goes before others, if somebody has its status. */
static uint64_t process_age(const struct process_table *t, const struct process *p)
{
	return t->deaths - p->death + (p->collected ? PROCESS_KEPT : 0);
}

static uint32_t process_number_next(struct process_table *t)
{
	uint32_t number = t->last, best = 0;
	uint64_t oldest = 0;

	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		const struct process *p;

		if (++number == 0)
			number = 1; /* 0 means a monitor; PROCESS_MAX divides 2^32, so the entries still match */
		p = process_entry(t, number);
		if (p->state == PROCESS_FREE)
			return number;
		if (p->state != PROCESS_DEAD || (best && process_age(t, p) <= oldest))
			continue;
		oldest = process_age(t, p);
		best = number;
	}
	return best;
}

static uint16_t *ticket_chain(struct process_table *t, uint64_t ticket)
{
	return &t->ticket_chain[(ticket ^ ticket >> 22) % TICKET_CHAINS];
}

void process_table_name(struct process_table *t, struct process *p, uint64_t ticket)
{
	uint16_t *chain = ticket_chain(t, ticket);

	p->ticket = ticket;
	p->ticket_next = *chain;
	*chain = (uint16_t)(p - t->entry + 1);
}

/* The record is for another process now. */
static void record_clear(struct process_table *t, struct process *p)
{
	uint16_t *at = ticket_chain(t, p->ticket);

	if (p->ticket) {
		while (*at != p - t->entry + 1)
			at = &t->entry[*at - 1].ticket_next;
		*at = p->ticket_next;
	}
	memset(p, 0, sizeof *p);
}

struct process *process_table_new(struct process_table *t, const char *name)
{
	uint32_t number = process_number_next(t);
	struct process *p;

	if (number == 0)
		return NULL;
	p = process_entry(t, number);
	record_clear(t, p);
	p->number = number;
	p->state = PROCESS_LIVE;
	strncpy(p->name, name, sizeof p->name - 1);
	t->last = number;
	t->live++;
	return p;
}

struct process *process_table_ticket(struct process_table *t, uint64_t ticket)
{
	unsigned i = *ticket_chain(t, ticket);

	while (i && t->entry[i - 1].ticket != ticket)
		i = t->entry[i - 1].ticket_next;
	return i ? &t->entry[i - 1] : NULL;
}

struct process *process_table_find(struct process_table *t, uint32_t number)
{
	struct process *p = process_entry(t, number);

	return number && p->state != PROCESS_FREE && p->number == number ? p : NULL;
}

struct process *process_table_live(struct process_table *t, unsigned index)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &t->entry[i];

		if (p->state == PROCESS_LIVE && index-- == 0)
			return p;
	}
	return NULL;
}

struct process *process_table_home(struct process_table *t, coreid_t core, unsigned index)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &t->entry[i];

		if (p->state == PROCESS_LIVE && p->pid >> 32 == core && index-- == 0)
			return p;
	}
	return NULL;
}

void process_table_end(struct process_table *t, struct process *p, unsigned cause, uint64_t status)
{
	if (p->state != PROCESS_LIVE && p->state != PROCESS_ENDING)
		return;
	p->state = PROCESS_DEAD;
	p->cause = (uint8_t)cause;
	p->status = status;
	p->death = ++t->deaths;
	t->live--;
}

void process_table_drop(struct process_table *t, struct process *p)
{
	if (p->state == PROCESS_LIVE || p->state == PROCESS_ENDING)
		t->live--;
	record_clear(t, p);
}
