/*
 * Sets of signals, masks of threads, and the older ways to say what is to be done with a signal.
 */
#include <errno.h>
#include <setjmp.h>

#include "libos/posix/errno.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"

static int checked(int signal) { return signal > 0 && signal < NSIG ? 0 : errno_fail(EINVAL); }

int sigemptyset(sigset_t *s)
{
	*s = 0;
	return 0;
}

int sigfillset(sigset_t *s)
{
	*s = ~UINT64_C(1);
	return 0;
}

int sigaddset(sigset_t *s, int signal)
{
	if (checked(signal))
		return -1;
	*s |= SIGNAL_BIT(signal);
	return 0;
}

int sigdelset(sigset_t *s, int signal)
{
	if (checked(signal))
		return -1;
	*s &= ~SIGNAL_BIT(signal);
	return 0;
}

int sigismember(const sigset_t *s, int signal) { return checked(signal) ? -1 : (int)(*s >> signal & 1); }

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	struct posix_thread *p = posix_self();
	uint64_t blocked = p->blocked, given = set ? *set : 0;

	if (set) {
		switch (how) {
		case SIG_BLOCK:
			given |= blocked;
			break;
		case SIG_UNBLOCK:
			given = blocked & ~given;
			break;
		case SIG_SETMASK:
			break;
		default:
			return EINVAL;
		}
		p->blocked = given & ~SIGNALS_ALWAYS;
	}
	if (old)
		*old = blocked;
	if (blocked & ~p->blocked)
		signals_run();
	return 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int error = pthread_sigmask(how, set, old);

	return error ? errno_fail(error) : 0;
}

int sigpending(sigset_t *set)
{
	*set = signals_pending() & posix_self()->blocked;
	return 0;
}

/* The mask of the jump is set, and with it what was pending is done, before the jump. */
void siglongjmp(sigjmp_buf env, int value)
{
	if (env[0]._saved)
		pthread_sigmask(SIG_SETMASK, &env[0]._mask, NULL);
	longjmp(env[0]._registers, value);
}

static int one_mask(int how, int signal)
{
	sigset_t set = 0;

	return sigaddset(&set, signal) ? -1 : sigprocmask(how, &set, NULL);
}

int sighold(int signal) { return one_mask(SIG_BLOCK, signal); }
int sigrelse(int signal) { return one_mask(SIG_UNBLOCK, signal); }

/* As BSD and Linux have it: calls go on, and the handler stays. */
_sig_func_ptr signal(int signal, _sig_func_ptr handler)
{
	const struct sigaction new = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct sigaction old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	return sigaction(signal, &new, &old) ? SIG_ERR : old.sa_handler;
}

int sigignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }

_sig_func_ptr sigset(int signal, _sig_func_ptr handler)
{
	const struct sigaction new = { .sa_handler = handler };
	struct sigaction old;
	sigset_t set = 0, before;

	if (sigaddset(&set, signal) || sigaction(signal, NULL, &old))
		return SIG_ERR;
	sigprocmask(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &set, &before);
	if (handler != SIG_HOLD && sigaction(signal, &new, &old))
		return SIG_ERR;
	return before & set ? SIG_HOLD : old.sa_handler;
}

int siginterrupt(int signal, int breaks)
{
	struct sigaction a;

	if (sigaction(signal, NULL, &a))
		return -1;
	a.sa_flags = breaks ? a.sa_flags & ~SA_RESTART : a.sa_flags | SA_RESTART;
	return sigaction(signal, &a, NULL);
}
