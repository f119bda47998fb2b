/* History is a short array: adding to a full one moves it up. Portable. */
#include "user/shell/history.h"

#include <stdlib.h>
#include <string.h>

void history_add(struct history *h, const char *line)
{
	const char *last = history_line(h, 1);
	char *copy;

	if (!*line || (last && strcmp(last, line) == 0))
		return;
	copy = strdup(line);
	if (!copy)
		return;
	if (h->count == HISTORY_LINES) {
		free(h->line[0]);
		memmove(h->line, h->line + 1, (HISTORY_LINES - 1) * sizeof(*h->line));
		h->count--;
		h->gone++;
	}
	h->line[h->count++] = copy;
}

const char *history_line(const struct history *h, unsigned back)
{
	return back >= 1 && back <= h->count ? h->line[h->count - back] : NULL;
}

void history_clear(struct history *h)
{
	while (h->count)
		free(h->line[--h->count]);
	h->gone = 0;
}
