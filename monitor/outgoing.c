/*
 * A pool of messages that wait because their receiver has no room just now.
 *
 * One pool for all receivers.  Requests of processes may not use the last
 * OUTGOING_RESERVE, so that an answer always finds one unless receivers have
 * stopped taking any.
 */
#include "monitor/monitor.h"

static struct outgoing pool[OUTGOING_MAX];
static struct outgoing *free_list;
static unsigned fresh; /* of the pool that were never used */
static unsigned in_use;

struct outgoing *outgoing_new(const struct mon_message *m, bool answer)
{
	struct outgoing *o = free_list;

	if (in_use >= (answer ? OUTGOING_MAX : OUTGOING_MAX - OUTGOING_RESERVE))
		return NULL;
	if (o)
		free_list = o->next;
	else
		o = &pool[fresh++];
	in_use++;
	o->next = NULL;
	o->m = *m;
	return o;
}

void outgoing_free(struct outgoing *o)
{
	o->next = free_list;
	free_list = o;
	in_use--;
}

unsigned outgoing_left(void)
{
	return OUTGOING_MAX - OUTGOING_RESERVE > in_use ? OUTGOING_MAX - OUTGOING_RESERVE - in_use : 0;
}
