/*
 * The processes of all cores: survey.h.
 */
#include "libos/proc/survey.h"

#include <string.h>

#include "libos/core/monitor_client.h"

static bool info_fill(coreid_t core, unsigned index, struct proc_info *out)
{
	struct mon_process p = { 0 }, numbers = { 0 };

	if (mon_ps(core, index, &p))
		return false;
	if (mon_ps_id(core, index, &numbers) || numbers.pid != p.pid)
		numbers.id = 0; /* they have changed between the two questions */
	*out = (struct proc_info){
		.pid = p.pid, .cycles = p.cycles, .id = numbers.id, .cores = p.cores, .state = p.state, .core = core
	};
	memcpy(out->name, p.name, sizeof out->name);
	return true;
}

err_t proc_survey(struct proc_cursor *at, struct proc_info *list, uint32_t *count)
{
	uint32_t room = *count, n = 0;
	struct mon_core c;

	while (n < room && at->core < CORES_MAX && !mon_core((coreid_t)at->core, &c)) {
		if (c.state == MON_CORE_UP && info_fill((coreid_t)at->core, at->index, &list[n])) {
			at->index++;
			n++;
		} else {
			at->index = 0;
			at->core++;
		}
	}
	*count = n;
	return n ? ERR_OK : ERR_NOT_FOUND;
}
