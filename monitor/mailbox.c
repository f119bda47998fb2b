/*
 * Messages to the processes of this core.
 *
 * A process that does not empty its endpoint's ring costs its own messages only:
 * they wait in a queue of a bounded length and are tried again each turn.
 */
#include "libos/core/lmp.h"
#include "monitor/monitor.h"

#include <string.h>

#define MAILBOX_MAX 320   /* messages waiting for one process; what comes on top is lost to it */
#define MAILBOXES_MAX 768 /* for all; nobody may have more than are left, so some always are */
_Static_assert(MAILBOX_MAX > PROCESS_MAX, "the ends of all processes of a core find room");

static unsigned waiting;

static err_t mailbox_try(const struct process *p, const struct mon_message *m)
{
	uint64_t words[LMP_WORDS] = { 0 };

	memcpy(words, m, sizeof *m);
	return lmp_send(p->slots + SLOT_ENDPOINT, MON_WORDS, words, 0);
}

static bool mailbox_room(const struct process *p)
{
	return p->out_count < MAILBOX_MAX && p->out_count < MAILBOXES_MAX - waiting;
}

bool process_room(const struct process *p, unsigned messages)
{
	unsigned queued = p->out_count + messages;

	return queued <= MAILBOX_MAX && queued + waiting <= MAILBOXES_MAX && outgoing_left() >= messages;
}

void process_send(struct process *p, const struct mon_message *m)
{
	struct outgoing *o;

	/* Any other error says that the process has destroyed its endpoint: its own loss. */
	if (!p->out_head && mailbox_try(p, m) != ERR_EP_FULL)
		return;
	o = mailbox_room(p) ? outgoing_new(m, mon_flags(m->header) & MON_REPLY) : NULL;
	if (!o)
		return;
	if (p->out_head)
		p->out_tail->next = o;
	else
		p->out_head = o;
	p->out_tail = o;
	p->out_count++;
	waiting++;
	monitor.pressing = true; /* what waits is looked at */
}

static void mailbox_drop_first(struct process *p)
{
	struct outgoing *o = p->out_head;

	p->out_head = o->next;
	p->out_count--;
	waiting--;
	outgoing_free(o);
}

bool mailboxes_retry(void)
{
	struct process *p;

	if (!waiting)
		return false;
	for (unsigned i = 0; (p = process_table_live(&monitor.processes, i)); i++) {
		while (p->out_head && mailbox_try(p, &p->out_head->m) != ERR_EP_FULL)
			mailbox_drop_first(p);
	}
	return waiting != 0;
}

void mailbox_forget(struct process *p)
{
	while (p->out_head)
		mailbox_drop_first(p);
}
