/* The lines that were entered, newest last; the oldest go when there are too many. */
#pragma once

#define HISTORY_LINES 128

struct history {
	char *line[HISTORY_LINES];
	unsigned count;
	unsigned gone; /* lines that had to go: the first one's number is gone + 1 */
};

/* Adds a line, unless it is empty or the same as the last. Out of memory: it is not added. */
void history_add(struct history *h, const char *line);
/* The line `back` steps back, 1 being the newest; NULL beyond the oldest. */
const char *history_line(const struct history *h, unsigned back);
void history_clear(struct history *h);
