/*
 * Background process groups of the terminal's session: see background.h.
 */
#include "libos/posix/background.h"

#include <errno.h>
#include <signal.h>
#include <sys/termios.h>
#include <unistd.h>

#include "libos/posix/console.h"
#include "libos/posix/process.h"
#include "libos/posix/pthread_self.h"
#include "libos/posix/signals.h"
#include "services/console/proto.h"

/*
 * Is there nobody who would have the group go on? That is a parent of one of its own, in another group of the
 * session: looked for among our ancestors, as far as they are of the group.
 */
static bool is_orphaned(const struct mon_relation *own)
{
	struct mon_relation r = *own;

	while (r.parent) {
		pid_t parent = (pid_t)r.parent;

		r = (struct mon_relation){ 0 };
		if (process_relate(parent, 0, &r) || r.session != own->session)
			return true;
		if (r.group != own->group)
			return false;
	}
	return true;
}

int background_told(int signal)
{
	struct posix_thread *p = posix_self();
	struct mon_relation own;
	struct sigaction a;

	sigaction(signal, NULL, &a);
	if (a.sa_handler == SIG_IGN || p->blocked & SIGNAL_BIT(signal))
		return signal == SIGTTIN ? EIO : -1;
	if (group_own(&own) || is_orphaned(&own))
		return EIO;
	p->broken = false;
	/* A handler of ours has run when this returns. */
	killpg((pid_t)own.group, signal);
	signal_stop_settled();
	return p->broken ? EINTR : 0;
}

/* --- TOSTOP ------------------------------------------------------------------------------------------------ */

static enum { NOT_ASKED, NO, YES } stops; /* as the modes were when they were last seen */

void background_modes(uint32_t lflag) { stops = lflag & TOSTOP ? YES : NO; }

/* At its first output a program of somebody's session asks for the modes; what others change later it does not see. */
static void modes_ask(void)
{
	struct mon_relation r = { 0 };
	struct console_state s;

	if (process_relate(0, 0, &r) || !r.session || console_state_get(&s))
		stops = NO;
}

int background_write(void)
{
	struct console_state s;
	int error = 0;

	if (__builtin_expect(stops == NO, 1))
		return 0;
	if (stops == NOT_ASKED)
		modes_ask();
	while (stops == YES && !error && !console_state_get(&s) && s.place & CONSOLE_BACKGROUND)
		error = background_told(SIGTTOU);
	return error > 0 ? error : 0;
}
