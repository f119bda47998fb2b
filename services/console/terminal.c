/* See terminal.h. */
#include "services/console/terminal.h"

#include <signal.h>
#include <string.h>
#include <sys/termios.h>

#include "libos/thread/thread.h"

#define SENT_MAX 16 /* signals that wait to be sent; more are dropped: they are pressed again */
#define ROWS 24
#define COLUMNS 80

static struct console_state state = {
	.iflag = TTY_IFLAG,
	.oflag = TTY_OFLAG,
	.cflag = TTY_CFLAG,
	.lflag = TTY_LFLAG,
	.key = TTY_KEYS,
	.rows = ROWS,
	.columns = COLUMNS,
	.speed = B115200,
};

static struct {
	uint32_t group;
	int signal;
} sent[SENT_MAX];
static unsigned put, taken;
static struct event due = EVENT_INIT;

static void *signals_send(void *arg)
{
	(void)arg;
	for (;;) {
		while (put != taken) {
			unsigned at = taken++ % SENT_MAX;

			(void)killpg((pid_t)sent[at].group, sent[at].signal); /* who has ended needs none */
		}
		event_wait(&due, 0);
	}
	return NULL;
}

void terminal_init(void)
{
	struct thread *t;

	if (!thread_create(&t, signals_send, NULL))
		thread_detach(t);
}

void terminal_send(uint32_t group, int signal)
{
	if (put - taken == SENT_MAX || !group)
		return;
	sent[put % SENT_MAX].group = group;
	sent[put++ % SENT_MAX].signal = signal;
	event_signal(&due);
}

int terminal_signal(char key)
{
	static const struct {
		int place, signal;
	} keys[] = { { VINTR, SIGINT }, { VQUIT, SIGQUIT }, { VSUSP, SIGTSTP } };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys) && state.lflag & ISIG; i++)
		if (key && (uint8_t)key == state.key[keys[i].place])
			return keys[i].signal;
	return 0;
}

static uint16_t place_of(const struct input *in, uint32_t group, uint32_t session)
{
	if (!in->session || in->session != session)
		return in->session ? CONSOLE_ELSEWHERE : 0;
	return CONSOLE_CONTROLS | (input_background(in, session, group) ? CONSOLE_BACKGROUND : 0);
}

void terminal_state(const struct input *in, uint32_t group, uint32_t session, struct console_state *out)
{
	*out = state;
	out->group = in->foreground ? in->foreground : in->lent ? in->lent_group : input_signalled(in);
	out->waiting = (uint16_t)(in->put - in->taken);
	out->place = place_of(in, group, session);
}

void terminal_window(struct input *in, uint16_t rows, uint16_t columns)
{
	bool other = state.rows != rows || state.columns != columns;

	state.rows = rows;
	state.columns = columns;
	if (other)
		terminal_send(in->lent && !in->foreground ? in->lent_group : input_signalled(in), SIGWINCH);
}

void terminal_set(struct input *in, const struct console_state *to, unsigned set)
{
	if (set & CONSOLE_SET_MODES) {
		state.iflag = to->iflag;
		state.oflag = to->oflag;
		state.cflag = to->cflag;
		state.lflag = to->lflag;
		state.speed = to->speed;
		memcpy(state.key, to->key, sizeof(state.key));
	}
	if (set & CONSOLE_SET_FLUSH)
		input_drop(in);
	if (set & CONSOLE_SET_WINDOW)
		terminal_window(in, to->rows, to->columns);
}
