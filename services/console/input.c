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

void input_read(struct input *in, struct reader *r)
{
	if (!r->listed)
		reader_list(in, r);
	r->wants = true;
	if (r == in->readers)
		in->lent = 0;
}

bool input_lend(struct input *in, const struct reader *r, uint64_t pid)
{
	if (r != in->readers)
		return false;
	in->lent = pid;
	for (uint32_t at = in->taken; pid && at != in->put; at++)
		if (in->text[at % INPUT_BYTES] == INPUT_INTERRUPT) {
			in->taken = in->put;
			return true;
		}
	return false;
}

void input_gone(struct input *in, struct reader *r)
{
	if (in->lent == r->pid || r == in->readers)
		in->lent = 0;
	for (struct reader **at = &in->readers; *at; at = &(*at)->next) {
		if (*at != r)
			continue;
		*at = r->next;
		break;
	}
	r->listed = r->wants = false;
}

bool input_room(const struct input *in) { return in->lent || in->put - in->taken < INPUT_BYTES; }

enum input_put input_put(struct input *in, char c)
{
	if (c == INPUT_INTERRUPT && in->lent) {
		in->taken = in->put;
		return INPUT_INTERRUPTS;
	}
	if (in->put - in->taken == INPUT_BYTES)
		return INPUT_FULL;
	in->text[in->put++ % INPUT_BYTES] = c;
	return INPUT_KEPT;
}

struct reader *input_ready(const struct input *in)
{
	struct reader *r = in->readers;

	while (r && in->lent && r->pid != in->lent)
		r = r->next;
	return r && r->wants && in->put != in->taken ? r : NULL;
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
