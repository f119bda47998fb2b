/*
 * The window's size, in between the keys: whoever has the other end of the serial line tells it as telnet does, by
 * IAC SB NAWS width height IAC SE (RFC 1073), two bytes each, at any time (tools/skerry-run does). Pure.
 *
 * A byte 255 that is a key comes as two (RFC 854); it is in no text of UTF-8. What else begins with one is dropped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct window_reader {
	enum { WINDOW_OUTSIDE, WINDOW_COMMAND, WINDOW_OPTION, WINDOW_SIZE, WINDOW_SIZE_COMMAND } state;
	unsigned length;
	uint8_t size[4];
};

enum window_event { WINDOW_NONE, WINDOW_KEY, WINDOW_TOLD };

/* WINDOW_KEY: it is a key. WINDOW_TOLD: it ended a size, and *rows and *columns are it. */
enum window_event window_take(struct window_reader *r, char c, uint16_t *rows, uint16_t *columns);
