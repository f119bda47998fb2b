/*
 * Formatting of the CPU driver's messages into a buffer of the caller.
 *
 * What does not fit is cut off; a conversion that is not known is copied as it
 * stands.  No state: it serves the early start as well as a panic.
 */
#include "format.h"

struct output {
	char *to;
	size_t room, used;
};

static void put(struct output *o, char c)
{
	if (o->used + 1 < o->room)
		o->to[o->used++] = c;
}

static void put_text(struct output *o, const char *s, unsigned width)
{
	unsigned n = 0;

	for (s = s ? s : "(null)"; s[n]; n++)
		put(o, s[n]);
	for (; n < width; n++)
		put(o, ' ');
}

static void put_number(struct output *o, uint64_t v, unsigned base, bool negative, unsigned width, char fill)
{
	char digit[24];
	unsigned n = 0;

	do
		digit[n++] = "0123456789abcdef"[v % base];
	while ((v /= base) != 0);
	if (negative)
		digit[n++] = '-';
	for (; width > n; width--)
		put(o, fill);
	while (n > 0)
		put(o, digit[--n]);
}

static uint64_t number_take(va_list *args, unsigned longs, bool is_signed)
{
	if (longs)
		return va_arg(*args, uint64_t);
	return is_signed ? (uint64_t)(int64_t)va_arg(*args, int) : va_arg(*args, unsigned);
}

/* One conversion, `f` at what follows the percent sign; returns the character after it. */
static const char *put_conversion(struct output *o, const char *f, va_list *args)
{
	unsigned width = 0, longs = 0;
	char fill = *f == '0' ? '0' : ' ';
	uint64_t v;

	while (*f >= '0' && *f <= '9')
		width = width * 10 + (unsigned)(*f++ - '0');
	while (*f == 'l' || *f == 'z') {
		longs++;
		f++;
	}
	switch (*f) {
	case 's':
		put_text(o, va_arg(*args, const char *), width);
		break;
	case 'c':
		put(o, (char)va_arg(*args, int));
		break;
	case 'd':
		v = number_take(args, longs, true);
		put_number(o, (int64_t)v < 0 ? -v : v, 10, (int64_t)v < 0, width, fill);
		break;
	case 'u':
	case 'x':
		put_number(o, number_take(args, longs, false), *f == 'u' ? 10 : 16, false, width, fill);
		break;
	case 'p':
		put_number(o, va_arg(*args, uint64_t), 16, false, 16, '0');
		break;
	case '\0':
		return f;
	default:
		put(o, *f);
	}
	return f + 1;
}

size_t format_text(char *to, size_t room, const char *format, va_list args)
{
	struct output o = { .to = to, .room = room };
	va_list rest;

	va_copy(rest, args);
	while (*format) {
		if (*format == '%')
			format = put_conversion(&o, format + 1, &rest);
		else
			put(&o, *format++);
	}
	va_end(rest);
	if (room)
		to[o.used] = '\0';
	return o.used;
}
