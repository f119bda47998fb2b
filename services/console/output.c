/* The ring of output. All threads of the console are cooperative, and nothing below yields but the wait for room. */
#include "services/console/output.h"

#include "libos/thread/thread.h"
#include "services/console/screen.h"

#define OUTPUT_BYTES 65536 /* a power of two */
/*
 * The most that one message can put: a full line buffer of newlines, each two
 * bytes, around an open line that is taken away and put back.
 */
#define OUTPUT_SLACK (2 * LINE_BUFFER_BYTES + 2 * SCREEN_OPEN)

struct uart uart;

static char ring[OUTPUT_BYTES];
static uint32_t put, taken;
static struct event drained = EVENT_INIT;

void output_put(void *arg, const char *text, size_t length)
{
	(void)arg;
	for (size_t i = 0; i < length && put - taken < OUTPUT_BYTES; i++)
		ring[put++ % OUTPUT_BYTES] = text[i];
}

bool output_room(void) { return put - taken <= OUTPUT_BYTES - OUTPUT_SLACK; }

bool output_empty(void) { return put == taken; }

void output_pump(void)
{
	while (put != taken) {
		uint32_t at = taken % OUTPUT_BYTES, left = put - taken;
		size_t n = left < OUTPUT_BYTES - at ? left : OUTPUT_BYTES - at, done = uart_write(&uart, ring + at, n);

		taken += (uint32_t)done;
		if (done < n)
			break;
	}
	uart_want_room(&uart, put != taken);
	if (output_room())
		event_signal(&drained);
}

void output_wait_room(void)
{
	while (!output_room())
		event_wait(&drained, 0);
}
