/*
 * A process's memory, for those files that read what its libOS keeps there. It may change meanwhile, so nothing is
 * believed.
 */
#include <string.h>

#include "services/sys/proc.h"

bool look_at(const struct proc_info *p, const void *at, void *to, size_t bytes)
{
	size_t done = 0;

	return !mon_debug_read((coreid_t)p->core, p->pid, (vaddr_t)at, to, bytes, &done) && done == bytes;
}

bool look_text(const struct proc_info *p, const char *at, char *to, size_t room)
{
	size_t done = 0, some;

	while (done < room - 1) {
		some = room - 1 - done < MON_DEBUG_READ_MOST ? room - 1 - done : MON_DEBUG_READ_MOST;
		if (mon_debug_read((coreid_t)p->core, p->pid, (vaddr_t)(at + done), to + done, some, &some))
			return false;
		if (memchr(to + done, '\0', some))
			return true;
		done += some;
	}
	to[done] = '\0';
	return true;
}
