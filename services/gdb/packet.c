/* See packet.h. */
#include "services/gdb/packet.h"

#define ESCAPE '}' /* the next byte is xored with 0x20 */
#define ESCAPED 0x20

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum packet_event outside(struct packet_reader *r, char c)
{
	if (c == '$') {
		r->state = READ_TEXT;
		r->length = 0;
		r->sum = 0;
		r->escaped = r->too_long = false;
	}
	return c == PACKET_INTERRUPT ? PACKET_BREAK : c == '-' ? PACKET_AGAIN : PACKET_NONE;
}

static void text(struct packet_reader *r, char c)
{
	if (c == '#') {
		r->state = READ_SUM_HIGH;
		return;
	}
	r->sum += (uint8_t)c;
	if (c == ESCAPE && !r->escaped) {
		r->escaped = true;
		return;
	}
	if (r->length == PACKET_MOST)
		r->too_long = true;
	else
		r->text[r->length++] = (char)(r->escaped ? c ^ ESCAPED : c);
	r->escaped = false;
}

/* The two digits behind the text. */
static enum packet_event sum(struct packet_reader *r, char c)
{
	int value = digit_of(c);
	bool high = r->state == READ_SUM_HIGH;

	r->state = value >= 0 && high ? READ_SUM_LOW : READ_OUTSIDE;
	if (value < 0)
		return PACKET_BAD;
	r->told = (uint8_t)(r->told << 4 | value);
	if (high)
		return PACKET_NONE;
	r->text[r->length] = '\0';
	return !r->too_long && r->told == r->sum ? PACKET_WHOLE : PACKET_BAD;
}

enum packet_event packet_take(struct packet_reader *r, char c)
{
	if (r->state == READ_OUTSIDE)
		return outside(r, c);
	if (r->state != READ_TEXT)
		return sum(r, c);
	text(r, c);
	return PACKET_NONE;
}

static char digit(unsigned value) { return "0123456789abcdef"[value & 15]; }

size_t packet_frame(const char *from, size_t length, char *to)
{
	uint8_t total = 0;
	size_t at = 0;

	to[at++] = '$';
	for (size_t i = 0; i < length; i++) {
		char c = from[i];

		if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
			total += (uint8_t)ESCAPE;
			to[at++] = ESCAPE;
			c ^= ESCAPED;
		}
		total += (uint8_t)c;
		to[at++] = c;
	}
	to[at++] = '#';
	to[at++] = digit(total >> 4);
	to[at++] = digit(total);
	return at;
}

bool hex_take(const char **at, uint64_t *out)
{
	const char *start = *at;
	uint64_t value = 0;
	int d;

	for (; (d = digit_of(**at)) >= 0; ++*at) {
		if (value >> 60)
			return false;
		value = value << 4 | (unsigned)d;
	}
	*out = value;
	return *at != start;
}

bool hex_bytes_take(const char *at, void *to, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		int high = digit_of(at[2 * i]), low = high < 0 ? -1 : digit_of(at[2 * i + 1]);

		if (low < 0)
			return false;
		((uint8_t *)to)[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void hex_bytes_put(char *to, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t b = ((const uint8_t *)from)[i];

		to[2 * i] = digit(b >> 4);
		to[2 * i + 1] = digit(b);
	}
	to[2 * bytes] = '\0';
}
