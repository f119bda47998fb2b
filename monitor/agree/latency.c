/*
 * Measured latency: a few pings to each core that this one makes a link to, the quickest of which counts.
 *
 * The first wakes the other monitor; the next find it awake, since it polls before it sleeps.  One
 * core is measured after the other, and a ping goes out when the one before is answered: nobody waits, and the
 * measured time is not that of other lines.  A core that does not answer is passed over when the next link is made.
 * So many cores as there are records for are measured, which bounds what monitor 0 of a large machine
 * spends at the start.  What is kept is a class, so that noise does not tell cores apart that are
 * equally far.  Portable.
 */
#include "monitor/agree/latency.h"
#include "libos/x86/context.h"
#include "monitor/agree/dissemination.h"
#include "monitor/agree/wire.h"
#include "monitor/monitor.h"

#include <string.h>

#define MEASURED_MAX 64
#define PINGS 4
#define FAR_BITS 40 /* a longer time says as much */

#define LOST_PER_SECOND 16 /* a ping that is not answered for such a time */

static coreid_t core_of[MEASURED_MAX]; /* to be measured, in this order */
static unsigned count, at;             /* the one that is; `count`: none */
static unsigned left;                  /* its pings that are not answered yet */
static cycles_t stamp, least;          /* of the ping under way; the quickest of its pings */

uint8_t latency_class[CORES_MAX];

void latency_init(void)
{
	count = at = 0;
	memset(latency_class, 0, sizeof latency_class);
}

static void ping(void)
{
	struct mon_message line = { .header = agree_header(AGREE_PING, 0, 0) };

	stamp = context_now() | 1;
	line.word[0] = stamp;
	link_send(core_of[at], &line);
}

static void begin(void)
{
	left = PINGS;
	least = UINT64_MAX;
	if (at < count)
		ping();
}

static bool is_known(coreid_t core)
{
	for (unsigned i = 0; i < count; i++)
		if (core_of[i] == core)
			return true;
	return false;
}

void latency_measure(coreid_t core)
{
	if (count == MEASURED_MAX || core_place(core) == places || is_known(core))
		return;
	core_of[count++] = core;
	if (at == count - 1) {
		begin();
	} else if (context_now() - stamp > monitor.info->tsc_hz / LOST_PER_SECOND) {
		at++;
		begin();
	}
}

static uint8_t class_of(cycles_t time)
{
	unsigned top;

	if (time < 4)
		return 1;
	if (time >> FAR_BITS)
		time = UINT64_C(1) << FAR_BITS;
	top = 63 - (unsigned)__builtin_clzll(time);
	return (uint8_t)(1 + 4 * top + (time >> (top - 2) & 3));
}

void latency_heard(coreid_t from, uint64_t answered, cycles_t now)
{
	if (at == count || core_of[at] != from || answered != stamp)
		return;
	if (now - stamp < least)
		least = now - stamp;
	if (--left) {
		ping();
		return;
	}
	latency_class[core_place(from)] = class_of(least);
	spread_forget();
	if (monitor.verbose)
		report("monitor %u: a line to core %u and back takes %u cycles", monitor.core, from, least);
	at++;
	begin();
}
