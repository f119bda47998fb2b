/*
 * Cores come and go: what stopping a core, starting it and replacing its CPU driver take,
 * from the request to the answer, all cores having agreed where its doorbells go.
 *
 * The core is the last one, and it stops onto the one before, or the one behind.  While
 * cores wait, so does the clock of whoever asked: so the figure is of all that happens.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "user/bench/bench.h"

#define SAMPLES 8

struct times {
	double stop[SAMPLES], start[SAMPLES], update[SAMPLES];
};

static err_t timed(coreid_t core, unsigned control, double *value)
{
	cycles_t start = bench_clock();
	err_t err = mon_core_control(core, control, CORE_ANY);

	*value = (double)(bench_clock() - start - bench_clock_cost());
	return err;
}

/* Not the boot core, and not ours: that would stop the clock of who measures. */
static coreid_t core_choose(void)
{
	coreid_t last = (coreid_t)(bench_cores() - 1);

	return last == dispatcher_core() && last > 1 ? (coreid_t)(last - 1) : last;
}

static err_t rounds(struct times *t)
{
	coreid_t core = core_choose();
	err_t err = ERR_OK;

	for (unsigned i = 0; i < SAMPLES && !err; i++) {
		err = timed(core, MON_CORE_STOP, &t->stop[i]);
		if (!err)
			err = timed(core, MON_CORE_START, &t->start[i]);
		if (!err)
			err = timed(core, MON_CORE_UPDATE, &t->update[i]);
	}
	return err;
}

static err_t measure_stop(const struct measure *m)
{
	struct times t;
	err_t err = rounds(&t);

	if (!err)
		report_samples(m, m->name, bench_cores(), t.stop, SAMPLES);
	return err;
}

static err_t measure_start(const struct measure *m)
{
	struct times t;
	err_t err = rounds(&t);

	if (!err)
		report_samples(m, m->name, bench_cores(), t.start, SAMPLES);
	return err;
}

static err_t measure_update(const struct measure *m)
{
	struct times t;
	err_t err = rounds(&t);

	if (!err)
		report_samples(m, m->name, bench_cores(), t.update, SAMPLES);
	return err;
}

const struct measure island_measures[] = {
	{ "core_stop", "stop a core: its island goes on at another", "core", 0, 2, measure_stop },
	{ "core_start", "start it again: its island comes back", "core", 0, 2, measure_start },
	{ "core_update", "replace the CPU driver of a core that runs", "core", 0, 2, measure_update },
	{ 0 },
};
