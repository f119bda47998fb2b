/*
 * On which cores: concurrency and affinity.
 *
 * A process has one core till it says otherwise: by the level of concurrency, which is how many
 * cores it is to span, or by binding a thread to others.
 */
#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/monitor_client.h"
#include "libos/posix/pthread_self.h"
#include "libos/thread/cpu.h"

static int concurrency;

static bool core_up(coreid_t core)
{
	struct mon_core c;

	return mon_core(core, &c) == ERR_OK && c.state == MON_CORE_UP;
}

static unsigned cores_of_machine(void)
{
	struct mon_core c;
	coreid_t n = 0;

	while (n < CPU_SETSIZE && mon_core(n, &c) == ERR_OK)
		n++;
	return n;
}

static int join(coreid_t core)
{
	err_t err = cpu_join(core);

	return err == ERR_OK || err == ERR_EXISTS ? 0 : EAGAIN;
}

/* The next cores behind ours that are up. EAGAIN: there are not as many. */
int pthread_setconcurrency(int level)
{
	unsigned cores;

	if (level < 0)
		return EINVAL;
	concurrency = level;
	if ((unsigned)level <= cpu_count())
		return 0;
	cores = cores_of_machine();
	for (unsigned i = 1; i < cores && cpu_count() < (unsigned)level; i++) {
		coreid_t core = (cpu_listed(0) + i) % cores;

		if (!cpu_is_member(core) && core_up(core))
			join(core);
	}
	return cpu_count() < (unsigned)level ? EAGAIN : 0;
}

int pthread_getconcurrency(void) { return concurrency; }

/* The process spans what of the set is up; EINVAL: nothing is. */
static int span(const cpu_set_t *set)
{
	unsigned usable = 0;

	for (coreid_t core = 0; core < CPU_SETSIZE; core++) {
		if (!CPU_ISSET(core, set))
			continue;
		if (!cpu_is_member(core) && (!core_up(core) || join(core)))
			continue;
		usable++;
	}
	return usable ? 0 : EINVAL;
}

/* All cores there are: whoever asks for any is not to span them all. */
static bool is_any(const cpu_set_t *set)
{
	for (coreid_t core = 0; core < CPU_SETSIZE; core++)
		if (!CPU_ISSET(core, set) && (cpu_is_member(core) || core_up(core)))
			return false;
	return true;
}

int pthread_setaffinity_np(pthread_t t, size_t size, const cpu_set_t *set)
{
	static const cpu_set_t none;
	cpu_set_t any;
	int err;

	if (size < sizeof(*set) || CPU_EQUAL(set, &none))
		return EINVAL;
	if (!t)
		return ESRCH;
	memset(&any, 0xff, sizeof(any));
	if (CPU_EQUAL(set, &any) || is_any(set)) {
		thread_bind(t, any.__bits);
		return 0;
	}
	err = span(set);
	if (!err)
		thread_bind(t, set->__bits);
	return err;
}

/* What the process spans, less what a bound thread may not. */
int pthread_getaffinity_np(pthread_t t, size_t size, cpu_set_t *set)
{
	if (size < sizeof(*set))
		return EINVAL;
	if (!t)
		return ESRCH;
	CPU_ZERO(set);
	for (unsigned i = 0; i < cpu_count(); i++) {
		coreid_t core = cpu_listed(i);

		if (!t->bound || t->affinity[core / 64] >> core % 64 & 1)
			CPU_SET(core, set);
	}
	return 0;
}

int sched_getcpu(void) { return (int)cpu_current(); }
