/*
 * The cores' loads, as their monitors tell them: place.h.
 */
#include "services/proc/place.h"

#include "libos/core/monitor_client.h"
#include "services/proc/types.h"

#define FRESH_MS 50

static struct {
	uint16_t processes[CORES_MAX];
	bool up[CORES_MAX];
	uint32_t cores;
	cycles_t asked; /* 0: never */
} place;
static struct mutex asking = MUTEX_INIT;

/* One handler asks; those that come meanwhile wait for it. */
static void refresh(struct fleet *f)
{
	struct mon_core c;
	uint32_t n = 0;

	mutex_lock(&asking);
	if (!place.asked || fabric_now(f->fabric) - place.asked > fleet_ms(f, FRESH_MS)) {
		for (; n < CORES_MAX && !mon_core((coreid_t)n, &c); n++) {
			place.up[n] = c.state == MON_CORE_UP;
			place.processes[n] = (uint16_t)c.processes;
		}
		place.cores = n;
		place.asked = fabric_now(f->fabric);
	}
	mutex_unlock(&asking);
}

static void look(struct fleet *f)
{
	if (!place.asked || fabric_now(f->fabric) - place.asked > fleet_ms(f, FRESH_MS))
		refresh(f);
}

err_t core_choose(struct fleet *f, coreid_t near, coreid_t *core)
{
	uint32_t best = CORES_MAX;

	look(f);
	for (uint32_t i = 0; i < place.cores; i++) {
		uint32_t c = (near + i) % place.cores;

		if (place.up[c] && (best == CORES_MAX || place.processes[c] < place.processes[best]))
			best = c;
	}
	if (best == CORES_MAX)
		return ERR_CORE_DOWN;
	*core = (coreid_t)best;
	return ERR_OK;
}

uint32_t processes_in_all(struct fleet *f)
{
	uint32_t sum = 0;

	look(f);
	for (uint32_t i = 0; i < place.cores; i++)
		sum += place.up[i] && place.processes[i] != UINT16_MAX ? place.processes[i] : 0;
	return sum;
}

uint32_t processes_allowed(void)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < place.cores; i++)
		up += place.up[i];
	return up * PROC_CORE_MOST;
}

void core_count_change(coreid_t core, int more)
{
	if (core < place.cores && (more > 0 || place.processes[core]) && place.processes[core] != UINT16_MAX)
		place.processes[core] = (uint16_t)(place.processes[core] + more);
}

void core_is_full(coreid_t core)
{
	if (core < place.cores)
		place.processes[core] = UINT16_MAX;
}
