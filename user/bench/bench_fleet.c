/*
 * Fleets: how long it takes from a member's death till it is found out, till it is surely dead, till another one
 * answers and till it is replaced; how much is answered meanwhile; how a fleet grows with its load and shrinks after.
 *
 * Each in a fleet of its own (drill.h), in microseconds of guest time, which with the emulator counting instructions
 * are thousands of them.  A death is timed by one client, which is at the victim; throughput is that of clients on all
 * cores, in slices of 10 ms.
 */
#include <stdio.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "services/drill/drill_client.h"
#include "user/bench/bench.h"
#include "user/bench/drill.h"

#define DEATHS 3
#define NOTICE_MS 5 /* between the word to go wrong and doing so */

static struct drill fleet;

/* It keeps its size whatever its load. */
static const struct fleet_policy fixed = { .least = DRILL_MEMBERS, .most = DRILL_MEMBERS };

static double us_of(cycles_t time) { return (double)time / ((double)dispatcher_tsc_hz() / 1e6); }

/* The member goes wrong at time t0. */
static err_t go_wrong(struct rpc_client *there, const struct fleet_member *victim, bool hang, cycles_t t0)
{
	err_t err;

	err = rpc_client_open_at(there, &victim->at);
	if (!err)
		err = hang ? drill_hang(there, t0) : drill_trap(there, t0);
	return err;
}

/* --- deaths --------------------------------------------------------------------------------- */

enum when { SEEN, FENCED, ANSWER, REPLACED, WHENS };
static const char *const when_name[WHENS] = { "seen", "fenced", "answer", "replaced" };

static bool is_member(uint32_t number)
{
	for (uint32_t i = 0; i < fleet.now.count; i++)
		if (fleet.now.member[i].number == number)
			return true;
	return false;
}

static err_t die_once(unsigned index, bool hang, double us[WHENS])
{
	const struct fleet_member victim = fleet.now.member[index];
	struct rpc_client there;
	uint32_t member = victim.number;
	cycles_t t0 = fabric_now(fleet.fabric) + drill_ms(NOTICE_MS);
	err_t err = rpc_client_open_at(&fleet.client.rpc, &victim.at);

	rpc_client_init(&there, fleet.fabric, NULL);
	if (!err)
		err = go_wrong(&there, &victim, hang, t0);
	if (err)
		return err;
	thread_sleep_until(t0);
	while (!err && member == victim.number)
		err = drill_ask(&fleet.client.rpc, &member);
	us[ANSWER] = us_of(fabric_now(fleet.fabric) - t0);
	rpc_client_close(&there);
	/* Who becomes coordinator shows the old view till the new one is told. */
	while (!err && (drill_look(&fleet) || fleet.now.times.fenced < t0 || is_member(victim.number)))
		thread_sleep_until(fabric_now(fleet.fabric) + drill_ms(1));
	if (!err)
		err = drill_await(&fleet, DRILL_MEMBERS);
	us[SEEN] = us_of(fleet.now.times.seen - t0);
	us[FENCED] = us_of(fleet.now.times.fenced - t0);
	us[REPLACED] = us_of(fleet.now.times.replaced - t0);
	return err;
}

static err_t deaths(const struct measure *m, unsigned index, bool hang)
{
	const double goal[WHENS] = { [SEEN] = hang ? 50000 : 100, [ANSWER] = hang ? 250000 : 150000 };
	double us[WHENS] = { 0 }, values[WHENS][DEATHS];
	char name[40];
	err_t err = drill_begin(&fleet, NULL, &fixed, DRILL_MEMBERS), end;

	for (unsigned i = 0; i < DEATHS && !err; i++) {
		err = die_once(index, hang, us);
		for (unsigned w = 0; w < WHENS; w++)
			values[w][i] = us[w];
	}
	end = err == ERR_EXISTS ? err : drill_finish(&fleet);
	for (unsigned w = 0; w < WHENS && !err; w++) {
		snprintf(name, sizeof name, "%s_%s", m->name, when_name[w]);
		report_values(name, "us", goal[w], bench_cores(), values[w], DEATHS);
	}
	return err ? err : end;
}

static err_t run_trap(const struct measure *m) { return deaths(m, DRILL_MEMBERS - 1, false); }
static err_t run_hang(const struct measure *m) { return deaths(m, DRILL_MEMBERS - 1, true); }
static err_t run_lead_trap(const struct measure *m) { return deaths(m, 0, false); }
static err_t run_lead_hang(const struct measure *m) { return deaths(m, 0, true); }

/* --- the dip ------------------------------------------------------------------------------------- */

#define SETTLE 20   /* slices till all clients are at work */
#define DEATH_AT 50 /* slice at whose beginning the member goes wrong */
#define WINDOW 5    /* slices that are looked at together, for the lowest */
#define LONG 10     /* ... for being back: answers come in bursts */
#define LAST (SLICES - 2)

static double mean(const uint32_t *answers, unsigned from, unsigned to)
{
	double sum = 0;

	for (unsigned i = from; i < to; i++)
		sum += answers[i];
	return sum / (to - from);
}

/* The lowest of the windows after the death, in percent of `before`. */
static double lowest(const uint32_t *answers, double before)
{
	double low = 100;

	for (unsigned i = DEATH_AT; i + WINDOW <= LAST; i++) {
		double part = 100 * mean(answers, i, i + WINDOW) / before;

		low = part < low ? part : low;
	}
	return low;
}

/* Milliseconds from the death to the end of the first window from which on all is back at 95%. */
static double back_after(const uint32_t *answers, double before)
{
	unsigned i = LAST - LONG;

	while (i >= DEATH_AT && mean(answers, i, i + LONG) >= 0.95 * before)
		i--;
	return i < DEATH_AT ? 0 : (double)(i + 1 + LONG - DEATH_AT) * SLICE_MS;
}

static err_t dip_once(bool hang, uint32_t answers[SLICES])
{
	struct load load;
	struct rpc_client there;
	cycles_t start;
	err_t err = drill_begin(&fleet, NULL, &fixed, DRILL_MEMBERS), end;

	if (err)
		return err;
	start = fabric_now(fleet.fabric) + drill_ms(100);
	rpc_client_init(&there, fleet.fabric, NULL);
	err = load_begin(&load, &fleet, DRILL_CLIENTS, 0, start, false);
	if (!err)
		err = rpc_client_open_at(&there, &fleet.now.member[DRILL_MEMBERS - 1].at);
	if (!err) {
		thread_sleep_until(start + drill_ms(DEATH_AT * SLICE_MS));
		err = hang ? drill_hang(&there, 0) : drill_trap(&there, 0);
	}
	if (!err)
		err = load_gather(&load, answers);
	rpc_client_close(&there);
	end = drill_finish(&fleet);
	return err ? err : end;
}

static err_t dip(const struct measure *m, bool hang)
{
	uint32_t answers[SLICES];
	double low, back, before;
	char name[40];
	err_t err = dip_once(hang, answers);

	if (err)
		return err;
	before = mean(answers, SETTLE, DEATH_AT);
	if (!before)
		return ERR_TIMEOUT;
	low = lowest(answers, before);
	back = back_after(answers, before);
	before = before * 1000 / SLICE_MS;
	snprintf(name, sizeof name, "%s_before", m->name);
	report_values(name, "answers/s", 0, bench_cores(), &before, 1);
	snprintf(name, sizeof name, "%s_lowest", m->name);
	report_values(name, "percent", 100 - 100.0 / DRILL_MEMBERS - 10, bench_cores(), &low, 1);
	snprintf(name, sizeof name, "%s_back", m->name);
	report_values(name, "ms", 500, bench_cores(), &back, 1);
	return ERR_OK;
}

static err_t run_dip_trap(const struct measure *m) { return dip(m, false); }
static err_t run_dip_hang(const struct measure *m) { return dip(m, true); }

/* --- growth ---------------------------------------------------------------------------------------- */

#define MOST 3
#define GROW_PAUSE_US 1000 /* two clients that work for a third of the time: the threshold of one member twice over */
#define RISE 100
#define FALL 150
#define LOOK_MS 2
#define GIVE_UP_MS 60000

/* Milliseconds from `start` till so many members serve, or already more of those that come, fewer of those that go. */
static err_t time_of(unsigned members, bool come, cycles_t start, double *ms)
{
	err_t err = ERR_OK;

	do {
		thread_sleep_until(fabric_now(fleet.fabric) + drill_ms(LOOK_MS));
		if (fabric_now(fleet.fabric) > start + drill_ms(GIVE_UP_MS))
			err = ERR_TIMEOUT;
	} while (!err &&
		 (drill_look(&fleet) || (come ? drill_serving(&fleet) < members : drill_serving(&fleet) > members)));
	*ms = fabric_now(fleet.fabric) < start ? 0 : us_of(fabric_now(fleet.fabric) - start) / 1000;
	return err;
}

static err_t grow_and_shrink(double up[MOST], double down[MOST])
{
	struct load load;
	cycles_t start = fabric_now(fleet.fabric) + drill_ms(100), end;
	err_t err = load_begin(&load, &fleet, 2, GROW_PAUSE_US, start, true), ended;

	for (unsigned n = 2; n <= MOST && !err; n++)
		err = time_of(n, true, start, &up[n - 1]);
	end = fabric_now(fleet.fabric);
	ended = load_end(&load);
	err = err ? err : ended;
	for (unsigned n = MOST - 1; n && !err; n--)
		err = time_of(n, false, end, &down[n - 1]);
	return err;
}

static err_t run_growth(const struct measure *m)
{
	const struct fleet_policy policy = {
		.least = 1, .most = MOST, .high = 250, .low = 100, .rise = RISE, .fall = FALL
	};
	double up[MOST] = { 0 }, down[MOST] = { 0 };
	char name[40];
	err_t err = drill_begin(&fleet, NULL, &policy, 1), end;

	if (err == ERR_EXISTS)
		return err;
	if (!err)
		err = grow_and_shrink(up, down);
	end = drill_finish(&fleet);
	for (unsigned n = 2; n <= MOST && !err; n++) {
		snprintf(name, sizeof name, "%s_to_%u", m->name, n);
		report_values(name, "ms", 0, bench_cores(), &up[n - 1], 1);
	}
	for (unsigned n = MOST - 1; n && !err; n--) {
		snprintf(name, sizeof name, "fleet_shrink_to_%u", n);
		report_values(name, "ms", 0, bench_cores(), &down[n - 1], 1);
	}
	return err ? err : end;
}

const struct measure fleet_measures[] = {
	{ "fleet_trap", "a member of three falls: us till seen, fenced, another's first answer, replaced", "", 0, 4,
	  run_trap },
	{ "fleet_hang", "a member of three hangs: likewise", "", 0, 4, run_hang },
	{ "fleet_lead_trap", "the coordinator falls", "", 0, 4, run_lead_trap },
	{ "fleet_lead_hang", "the coordinator hangs", "", 0, 4, run_lead_hang },
	{ "fleet_dip_trap",
	  "answers to 8 clients while a member of three falls; lowest in 50 ms (at least the goal), ms till back", "",
	  0, 4, run_dip_trap },
	{ "fleet_dip_hang", "likewise while one hangs", "", 0, 4, run_dip_hang },
	{ "fleet_grow",
	  "ms from a load of two thirds till 2, 3 members serve (100 ms of load for each), and from its end (150 ms)",
	  "", 0, 4, run_growth },
	{ 0 },
};
