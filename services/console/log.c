/*
 * Lines arrive in disabled mode, where nothing can wait: they go into a ring,
 * and what does not fit is counted and reported.
 */
#include "services/console/log.h"

#include <stdio.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "services/console/output.h"

#define LOG_BYTES 16384 /* a power of two */
#define LINE_BYTES 512

static char ring[LOG_BYTES];
static uint32_t put, taken;
static uint32_t lost;

/* In disabled mode. */
static void line_arrived(const char *text, size_t length)
{
	if (length > LINE_BYTES - 1)
		length = LINE_BYTES - 1;
	if (LOG_BYTES - (put - taken) < length + 1) {
		lost++;
	} else {
		for (size_t i = 0; i < length; i++)
			ring[put++ % LOG_BYTES] = text[i] == '\n' ? ' ' : text[i];
		ring[put++ % LOG_BYTES] = '\n';
	}
	event_raise(&uart.event);
}

void log_init(void) { mon_set_log_handler(line_arrived); }

static void lost_show(struct screen *s)
{
	char text[64];
	uint32_t n;

	dispatcher_disable();
	n = lost;
	lost = 0;
	dispatcher_enable();
	snprintf(text, sizeof(text), "console: %u lines of the log were lost\n", (unsigned)n);
	screen_lines(s, NULL, text, strlen(text));
}

bool log_show(struct screen *s)
{
	char line[LINE_BYTES];
	size_t n = 0;

	if (lost)
		lost_show(s);
	if (put == taken)
		return false;
	/* A whole line is in the ring before `put` passes it by: the handler runs to its end. */
	do
		line[n] = ring[taken++ % LOG_BYTES];
	while (line[n++] != '\n');
	screen_lines(s, NULL, line, n);
	return true;
}
