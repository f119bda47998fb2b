/*
 * Sending signals: to processes and groups, by their monitors; to this process and its threads at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/posix/errno.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"

/* To those that are meant on all cores; stops at the first if that is the only one. */
static err_t send_cores(const struct mon_signal *s, unsigned *count)
{
	struct mon_core c;
	err_t err = ERR_OK;

	*count = 0;
	for (coreid_t core = 0; core < CORES_MAX && !mon_core(core, &c); core++) {
		unsigned here = 0;
		err_t one = c.state == MON_CORE_UP ? mon_signal(core, s, &here) : ERR_OK;

		/* A core that is just lost has nobody. */
		if (one == ERR_AGAIN)
			err = one;
		*count += here;
		if (here && s->to <= MON_TO_NUMBER)
			break;
	}
	return err;
}

static err_t send_self(int signal, const struct signal_info *info)
{
	err_t err;

	if (!signal)
		return ERR_OK;
	dispatcher_disable();
	err = signal_post(signal, info);
	dispatcher_enable();
	return err;
}

/* What was for us is done before this returns. */
static int send_end(err_t err, unsigned count)
{
	signals_run();
	if (err && err != ERR_AGAIN)
		return errno_fail(ESRCH);
	return err ? errno_fail(EAGAIN) : count ? 0 : errno_fail(ESRCH);
}

static int send(pid_t target, int signal, int code, uint64_t value)
{
	const struct signal_info info = { .code = code, .sender = getpid(), .value = value };
	struct mon_signal s = {
		.signal = (unsigned)signal, .code = (unsigned)code, .value = value, .sender = (uint32_t)getpid()
	};
	unsigned count = 1;
	err_t err;

	if (signal < 0 || signal >= NSIG)
		return errno_fail(EINVAL);
	if (target == getpid() && !(SIGNAL_BIT(signal) & SIGNALS_ALWAYS)) {
		err = send_self(signal, &info);
	} else if (target > 0 && (process_pid(target) || target == getpid())) {
		s.to = MON_TO_PID;
		s.who = target == getpid() ? process_self_pid() : process_pid(target);
		err = mon_signal((coreid_t)(s.who >> 32), &s, &count);
	} else {
		s.to = target > 0 ? MON_TO_NUMBER : target == -1 ? MON_TO_ALL : MON_TO_GROUP;
		s.who = (uint64_t)(target > 0 ? target : target ? -(int64_t)target : getpgrp());
		err = send_cores(&s, &count);
	}
	return send_end(err, count);
}

int kill(pid_t target, int signal) { return send(target, signal, SI_USER, 0); }

int killpg(pid_t group, int signal)
{
	struct mon_signal s = { .to = MON_TO_GROUP,
				.who = (uint64_t)(group ? group : getpgrp()),
				.signal = (unsigned)signal,
				.sender = (uint32_t)getpid() };
	unsigned count;
	err_t err;

	if (group < 0 || signal < 0 || signal >= NSIG)
		return errno_fail(EINVAL);
	/* Not by kill: group 1 is one like others here, and -1 is everybody. */
	err = send_cores(&s, &count);
	return send_end(err, count);
}

int sigqueue(pid_t target, int signal, const union sigval value)
{
	if (target <= 0)
		return errno_fail(ESRCH);
	return send(target, signal, SI_QUEUE, (uint64_t)value.sival_ptr);
}

int pthread_kill(pthread_t t, int signal)
{
	struct posix_thread *p = t ? t->posix : NULL;

	if (signal < 0 || signal >= NSIG)
		return EINVAL;
	if (!p || p->life == LIFE_NONE)
		return ESRCH;
	if (SIGNAL_BIT(signal) & SIGNALS_ALWAYS)
		return kill(getpid(), signal) ? errno : 0;
	if (signal) {
		dispatcher_disable();
		signal_post_thread(t, signal);
		dispatcher_enable();
	}
	if (t == thread_current())
		signals_run();
	return 0;
}

int raise(int signal)
{
	int error = pthread_kill(pthread_self(), signal);

	return error ? errno_fail(error) : 0;
}

void abort(void)
{
	const struct sigaction ordinary = { .sa_handler = SIG_DFL };
	sigset_t set = SIGNAL_BIT(SIGABRT);

	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGABRT);
	/* A handler that returns does not save it. */
	sigaction(SIGABRT, &ordinary, NULL);
	signal_end(SIGABRT);
}
