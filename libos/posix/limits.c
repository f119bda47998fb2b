/*
 * What a program can ask about limits: sysconf, pathconf, resource limits, priorities.
 *
 * A limit that nothing here enforces is told as infinite, and cannot be set lower.
 */
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "kernel/abi/types.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/proc/program.h"

#define NO_LIMIT (-1)
#define CLOCK_TICKS 100
#define LINKS 32767
#define CANONICAL_LINE 255
#define FILE_SIZE_BITS 64
#define RECORD_BYTES 1024

static unsigned cores_up(void)
{
	struct mon_core c;
	unsigned count = 0;

	for (coreid_t core = 0; core < CORES_MAX && !mon_core(core, &c); core++)
		count += c.state == MON_CORE_UP;
	return count;
}

/* What needs no call to say it; 0 for a name that is not in it, NO_LIMIT for what is not there or has no limit. */
static const struct {
	int name;
	long value;
} facts[] = {
	{ _SC_ARG_MAX, ARG_MAX },
	{ _SC_CHILD_MAX, NO_LIMIT },
	{ _SC_CLK_TCK, CLOCK_TICKS },
	{ _SC_NGROUPS_MAX, NGROUPS_MAX },
	{ _SC_JOB_CONTROL, 1 },
	{ _SC_SAVED_IDS, 1 },
	{ _SC_VERSION, 200809L },
	{ _SC_PAGESIZE, PAGE_SIZE },
	{ _SC_RTSIG_MAX, 32 },
	{ _SC_SEM_NSEMS_MAX, NO_LIMIT },
	{ _SC_SEM_VALUE_MAX, SEM_VALUE_MAX },
	{ _SC_TZNAME_MAX, 6 },
	{ _SC_FSYNC, 200809L },
	{ _SC_MAPPED_FILES, 200809L },
	{ _SC_MEMORY_PROTECTION, 200809L },
	{ _SC_REALTIME_SIGNALS, 200809L },
	{ _SC_SHARED_MEMORY_OBJECTS, 200809L },
	{ _SC_SEMAPHORES, 200809L },
	{ _SC_TIMERS, 200809L },
	{ _SC_THREAD_KEYS_MAX, PTHREAD_KEYS_MAX },
	{ _SC_THREAD_STACK_MIN, PTHREAD_STACK_MIN },
	{ _SC_THREAD_THREADS_MAX, NO_LIMIT },
	{ _SC_TTY_NAME_MAX, TTY_NAME_MAX },
	{ _SC_THREADS, 200809L },
	{ _SC_THREAD_ATTR_STACKSIZE, 200809L },
	{ _SC_THREAD_SAFE_FUNCTIONS, 200809L },
	{ _SC_GETGR_R_SIZE_MAX, RECORD_BYTES },
	{ _SC_GETPW_R_SIZE_MAX, RECORD_BYTES },
	{ _SC_LOGIN_NAME_MAX, LOGIN_NAME_MAX },
	{ _SC_THREAD_DESTRUCTOR_ITERATIONS, PTHREAD_DESTRUCTOR_ITERATIONS },
	{ _SC_ATEXIT_MAX, NO_LIMIT },
	{ _SC_BARRIERS, 200809L },
	{ _SC_CLOCK_SELECTION, 200809L },
	{ _SC_HOST_NAME_MAX, HOST_NAME_MAX },
	{ _SC_IOV_MAX, IOV_MAX },
	{ _SC_LINE_MAX, LINE_MAX },
	{ _SC_MONOTONIC_CLOCK, 200809L },
	{ _SC_READER_WRITER_LOCKS, 200809L },
	{ _SC_REGEXP, 1 },
	{ _SC_RE_DUP_MAX, RE_DUP_MAX },
	{ _SC_SHELL, 1 },
	{ _SC_SPAWN, 200809L },
	{ _SC_SPIN_LOCKS, 200809L },
	{ _SC_SYMLOOP_MAX, SYMLOOP_MAX },
	{ _SC_TIMEOUTS, 200809L },
	{ _SC_STREAM_MAX, NO_LIMIT },
	{ _SC_2_VERSION, 200809L },
	{ _SC_V7_LP64_OFF64, 1 },
};

long sysconf(int name)
{
	switch (name) {
	case _SC_OPEN_MAX:
		return fd_limit();
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return cores_up();
	default:
		break;
	}
	for (unsigned i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if (facts[i].name == name)
			return facts[i].value;
	if (name < 0 || name > _SC_POSIX_26_VERSION)
		return errno_fail(EINVAL);
	return NO_LIMIT; /* the option is not there; errno stays */
}

int getpagesize(void) { return PAGE_SIZE; }
int getdtablesize(void) { return (int)sysconf(_SC_OPEN_MAX); }

/* --- of a path ------------------------------------------------------------------------ */

static long path_fact(int name)
{
	switch (name) {
	case _PC_LINK_MAX:
		return LINKS;
	case _PC_MAX_CANON:
	case _PC_MAX_INPUT:
		return CANONICAL_LINE;
	case _PC_NAME_MAX:
		return NAME_MAX;
	case _PC_PATH_MAX:
	case _PC_SYMLINK_MAX:
		return PATH_MAX;
	case _PC_PIPE_BUF:
		return PIPE_BUF;
	case _PC_CHOWN_RESTRICTED:
	case _PC_NO_TRUNC:
	case _PC_2_SYMLINKS:
	case _PC_TIMESTAMP_RESOLUTION:
		return 1;
	case _PC_VDISABLE:
		return 0;
	case _PC_FILESIZEBITS:
		return FILE_SIZE_BITS;
	case _PC_ASYNC_IO:
	case _PC_PRIO_IO:
	case _PC_SYNC_IO:
	case _PC_ALLOC_SIZE_MIN:
	case _PC_REC_INCR_XFER_SIZE:
	case _PC_REC_MAX_XFER_SIZE:
	case _PC_REC_MIN_XFER_SIZE:
	case _PC_REC_XFER_ALIGN:
		return NO_LIMIT;
	default:
		return errno_fail(EINVAL);
	}
}

long pathconf(const char *path, int name)
{
	struct stat found;

	return stat(path, &found) ? -1 : path_fact(name);
}

long fpathconf(int fd, int name)
{
	struct stat found;

	return fstat(fd, &found) ? -1 : path_fact(name);
}

/* --- resource limits ------------------------------------------------------------------- */

int getrlimit(int what, struct rlimit *out)
{
	if (what < 0 || what >= RLIM_NLIMITS)
		return errno_fail(EINVAL);
	*out = (struct rlimit){ .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	if (what == RLIMIT_NOFILE)
		*out = (struct rlimit){ .rlim_cur = fd_limit(), .rlim_max = FD_MOST };
	if (what == RLIMIT_NPROC && program_most)
		*out = (struct rlimit){ .rlim_cur = program_most, .rlim_max = program_most };
	return 0;
}

int setrlimit(int what, const struct rlimit *wanted)
{
	struct rlimit now;

	if (getrlimit(what, &now))
		return -1;
	if (wanted->rlim_cur > wanted->rlim_max)
		return errno_fail(EINVAL);
	if (wanted->rlim_max > now.rlim_max)
		return errno_fail(EPERM);
	if (what == RLIMIT_NOFILE) /* at most FD_MOST, so this does not fail */
		return fd_limit_set((unsigned)wanted->rlim_cur);
	if (what == RLIMIT_NPROC && wanted->rlim_cur <= UINT32_MAX) {
		program_most = wanted->rlim_cur ? (uint32_t)wanted->rlim_cur : 1;
		return 0;
	}
	return wanted->rlim_cur == now.rlim_cur ? 0 : errno_fail(EPERM);
}

/* Processor time is not counted apart from the time that passes: see times. */
int getrusage(int who, struct rusage *out)
{
	struct tms used;

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN)
		return errno_fail(EINVAL);
	times(&used);
	*out = (struct rusage){ 0 };
	if (who == RUSAGE_SELF)
		out->ru_utime = (struct timeval){ .tv_sec = (time_t)(used.tms_utime / CLOCKS_PER_SEC),
						  .tv_usec = (suseconds_t)(used.tms_utime % CLOCKS_PER_SEC *
									   (1000000 / CLOCKS_PER_SEC)) };
	return 0;
}

/* --- priorities: all processes of a core take turns ---------------------------------------- */

int getpriority(int which, id_t who)
{
	(void)who;
	return which == PRIO_PROCESS || which == PRIO_PGRP || which == PRIO_USER ? 0 : errno_fail(EINVAL);
}

int setpriority(int which, id_t who, int value)
{
	if (getpriority(which, who))
		return -1;
	return value == 0 ? 0 : errno_fail(EACCES);
}

int nice(int by) { return by == 0 ? 0 : errno_fail(EPERM); }
