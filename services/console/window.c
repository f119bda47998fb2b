/* See window.h. */
#include "services/console/window.h"

enum { IAC = 255, SB = 250, SE = 240, NAWS = 31 };

/* Behind an IAC that is outside of a size. */
static enum window_event command(struct window_reader *r, uint8_t byte)
{
	r->state = byte == SB ? WINDOW_OPTION : WINDOW_OUTSIDE;
	r->length = 0;
	return byte == IAC ? WINDOW_KEY : WINDOW_NONE;
}

static enum window_event size_byte(struct window_reader *r, uint8_t byte)
{
	/* Longer than one can be: it is none, and keys are not to be lost for long. */
	r->state = r->length < sizeof(r->size) ? WINDOW_SIZE : WINDOW_OUTSIDE;
	if (r->state == WINDOW_SIZE)
		r->size[r->length++] = byte;
	return WINDOW_NONE;
}

/* Behind an IAC that is in a size: another one, or the end. */
static enum window_event size_command(struct window_reader *r, uint8_t byte, uint16_t *rows, uint16_t *columns)
{
	if (byte == IAC)
		return size_byte(r, byte);
	r->state = WINDOW_OUTSIDE;
	if (byte != SE || r->length != sizeof(r->size))
		return WINDOW_NONE;
	*columns = (uint16_t)(r->size[0] << 8 | r->size[1]);
	*rows = (uint16_t)(r->size[2] << 8 | r->size[3]);
	return WINDOW_TOLD;
}

enum window_event window_take(struct window_reader *r, char c, uint16_t *rows, uint16_t *columns)
{
	uint8_t byte = (uint8_t)c;

	switch (r->state) {
	case WINDOW_COMMAND:
		return command(r, byte);
	case WINDOW_OPTION:
		r->state = byte == NAWS ? WINDOW_SIZE : WINDOW_OUTSIDE;
		return WINDOW_NONE;
	case WINDOW_SIZE:
		if (byte != IAC)
			return size_byte(r, byte);
		r->state = WINDOW_SIZE_COMMAND;
		return WINDOW_NONE;
	case WINDOW_SIZE_COMMAND:
		return size_command(r, byte, rows, columns);
	default:
		if (byte != IAC)
			return WINDOW_KEY;
		r->state = WINDOW_COMMAND;
		return WINDOW_NONE;
	}
}
