/*
 * Process groups and sessions: numbers that monitors keep for each process.
 *
 * A process that nobody put into a group is alone in its own.
 */
#include <errno.h>
#include <unistd.h>

#include "libos/posix/children.h"
#include "libos/posix/errno.h"
#include "libos/posix/process.h"

/* Of a process, as POSIX sees it; written down if nothing was. */
static int relation(pid_t number, struct mon_relation *r)
{
	uint32_t own = (uint32_t)(number ? number : getpid());

	*r = (struct mon_relation){ .group = own, .session = own };
	return process_relate(number, MON_SET_MISSING, r) ? errno_fail(ESRCH) : 0;
}

int group_own(struct mon_relation *r) { return relation(0, r); }

pid_t getpgid(pid_t number)
{
	struct mon_relation r;

	if (number < 0)
		return errno_fail(EINVAL);
	return relation(number, &r) ? -1 : (pid_t)r.group;
}

pid_t getpgrp(void) { return getpgid(0); }

pid_t getsid(pid_t number)
{
	struct mon_relation r;

	return relation(number, &r) ? -1 : (pid_t)r.session;
}

int setpgid(pid_t number, pid_t group)
{
	struct mon_relation r;
	struct program child;
	bool own = !number || number == getpid();

	if (group < 0 || number < 0)
		return errno_fail(EINVAL);
	if (!own && !child_find(number, &child))
		return errno_fail(ESRCH);
	if (relation(number, &r))
		return -1;
	group = group ? group : own ? getpid() : number;
	if (r.group == (uint32_t)group)
		return 0;
	/* Who leads a session stays. */
	if (r.session == (uint32_t)process_number(r.number, r.pid))
		return errno_fail(EPERM);
	r.group = (uint32_t)group;
	if (process_relate(number, MON_SET_GROUP, &r))
		return errno_fail(ESRCH);
	if (!own)
		child_group_set(number, (pid_t)r.group);
	return 0;
}

int setpgrp(void) { return setpgid(0, 0); }

pid_t setsid(void)
{
	struct mon_relation r;
	pid_t own = getpid();

	if (relation(0, &r))
		return -1;
	if (r.group == (uint32_t)own)
		return errno_fail(EPERM);
	r.group = r.session = (uint32_t)own;
	return process_relate(0, MON_SET_GROUP | MON_SET_SESSION, &r) ? errno_fail(EIO) : own;
}
