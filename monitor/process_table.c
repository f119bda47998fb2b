/*
 * The table of a core's processes: numbers, records, who is alive.
 *
 * A process of number n is in entry n % PROCESS_MAX, so a number is found without
 * a search; a new number is the next one whose entry can be had.  Portable, and
 * tested on the host.
 */
#include "monitor/process_table.h"

#include <string.h>

static struct process *process_entry(struct process_table *t, uint32_t number)
{
	return &t->entry[number % PROCESS_MAX];
}

/* First pass takes entries that nobody will ask for; the second forgets an uncollected record. */
static bool process_entry_usable(const struct process *p, bool forget)
{
	return p->state == PROCESS_FREE || (p->state == PROCESS_DEAD && (p->collected || forget));
}

static uint32_t process_number_next(struct process_table *t)
{
	for (int forget = 0; forget < 2; forget++) {
		uint32_t number = t->last;

		for (unsigned i = 0; i < PROCESS_MAX; i++) {
			if (++number == 0)
				number =
					1; /* 0 means a monitor; PROCESS_MAX divides 2^32, so the entries still match */
			if (process_entry_usable(process_entry(t, number), forget))
				return number;
		}
	}
	return 0;
}

struct process *process_table_new(struct process_table *t, const char *name)
{
	uint32_t number = process_number_next(t);
	struct process *p;

	if (number == 0)
		return NULL;
	p = process_entry(t, number);
	memset(p, 0, sizeof *p);
	p->number = number;
	p->state = PROCESS_LIVE;
	strncpy(p->name, name, sizeof p->name - 1);
	t->last = number;
	t->live++;
	return p;
}

struct process *process_table_ticket(struct process_table *t, uint64_t ticket)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++)
		if (t->entry[i].state != PROCESS_FREE && t->entry[i].ticket == ticket)
			return &t->entry[i];
	return NULL;
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
	t->live--;
}

void process_table_drop(struct process_table *t, struct process *p)
{
	if (p->state == PROCESS_LIVE || p->state == PROCESS_ENDING)
		t->live--;
	memset(p, 0, sizeof *p);
}
