/* Keys typed ahead, and the list of those who ask for them. Nothing here waits. */
#include "services/console/input.h"

struct reader *input_holder(const struct input *in) { return in->readers; }

static void reader_list(struct input *in, struct reader *r)
{
	struct reader **at = &in->readers;

	while (*at)
		at = &(*at)->next;
	r->next = NULL;
	r->listed = true;
	*at = r;
}

static void session_over(struct input *in) { in->session = in->foreground = 0; }

void input_read(struct input *in, struct reader *r)
{
	if (!r->listed)
		reader_list(in, r);
	r->wants = true;
	if (r != in->readers)
		return;
	in->lent = 0;
	/* Who takes keys as they are knows nothing of groups: those that he had started are done. */
	if (!r->group)
		session_over(in);
}

bool input_control(struct input *in, uint32_t session, uint32_t group)
{
	if (!session || (in->session && in->session != session))
		return false;
	in->session = session;
	if (group)
		in->foreground = group;
	return true;
}

bool input_background(const struct input *in, uint32_t session, uint32_t group)
{
	return session && in->session == session && in->foreground && in->foreground != group;
}

void input_drop(struct input *in) { in->taken = in->put; }

bool input_lend(struct input *in, const struct reader *r, uint64_t pid, uint32_t group)
{
	if (r != in->readers)
		return false;
	in->lent = pid;
	in->lent_group = group;
	session_over(in);
	for (uint32_t at = in->taken; pid && at != in->put; at++)
		if (in->text[at % INPUT_BYTES] == INPUT_INTERRUPT) {
			in->taken = in->put;
			return true;
		}
	return false;
}

void input_gone(struct input *in, struct reader *r)
{
	if (in->lent == r->pid || r == in->readers) {
		in->lent = 0;
		session_over(in);
	}
	for (struct reader **at = &in->readers; *at; at = &(*at)->next) {
		if (*at != r)
			continue;
		*at = r->next;
		break;
	}
	r->listed = r->wants = false;
}

uint32_t input_signalled(const struct input *in)
{
	if (in->foreground || in->lent)
		return in->foreground;
	return in->readers ? in->readers->group : 0;
}

bool input_room(const struct input *in) { return in->lent || input_signalled(in) || in->put - in->taken < INPUT_BYTES; }

enum input_put input_put(struct input *in, char c, bool signals)
{
	if (signals && (in->lent || input_signalled(in))) {
		input_drop(in);
		return input_signalled(in) ? INPUT_SIGNALS : INPUT_INTERRUPTS;
	}
	if (in->put - in->taken == INPUT_BYTES)
		return INPUT_FULL;
	in->text[in->put++ % INPUT_BYTES] = c;
	return INPUT_KEPT;
}

/* Are the keys this one's? */
static bool may_read(const struct input *in, const struct reader *r)
{
	if (in->foreground)
		return r->group == in->foreground;
	if (in->lent)
		return r->pid == in->lent || (r->group && r->group == in->lent_group);
	return r == in->readers || (r->group && r->group == in->readers->group);
}

struct reader *input_ready(const struct input *in)
{
	struct reader *r = in->readers;

	while (r && !(r->wants && may_read(in, r)))
		r = r->next;
	return in->put != in->taken ? r : NULL;
}

size_t input_peek(const struct input *in, char *to, size_t size)
{
	size_t n = 0;

	while (n < size && n < in->put - in->taken) {
		to[n] = in->text[(in->taken + n) % INPUT_BYTES];
		if (to[n] == '\r' || to[n] == '\n')
			return n + 1;
		n++;
	}
	return n;
}

void input_take(struct input *in, struct reader *r, size_t n)
{
	in->taken += (uint32_t)n;
	r->wants = false;
}
