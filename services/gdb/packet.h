/*
 * GDB's remote protocol, its frames: $text#checksum, + and -, and the interrupt byte. Pure.
 *
 * Bytes go in one by one, out of any mess; what is no packet is dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MOST 4096 /* bytes of a packet's text */
#define PACKET_INTERRUPT 0x03

enum packet_event {
	PACKET_NONE,
	PACKET_WHOLE, /* `text` is one, with a NUL behind it; `length` */
	PACKET_BAD,   /* its checksum was wrong, or it was too long */
	PACKET_BREAK, /* the interrupt byte */
	PACKET_AGAIN  /* -: the last answer is to be sent again */
};

struct packet_reader {
	enum { READ_OUTSIDE, READ_TEXT, READ_SUM_HIGH, READ_SUM_LOW } state;
	bool escaped, too_long;
	uint8_t sum, told;
	size_t length;
	char text[PACKET_MOST + 1];
};

enum packet_event packet_take(struct packet_reader *r, char c);
/* The frame around a text, in `to` of 2 * length + 4 bytes; returns its length. */
size_t packet_frame(const char *text, size_t length, char *to);

/* Numbers in hexadecimal: takes all digits there are, moves on; false: there is none, or it is too large. */
bool hex_take(const char **at, uint64_t *out);
/* Bytes as two digits each; false: there are not as many. */
bool hex_bytes_take(const char *at, void *to, size_t bytes);
/* Writes 2 * bytes digits and a NUL. */
void hex_bytes_put(char *to, const void *from, size_t bytes);
