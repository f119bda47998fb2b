/*
 * The system's log as this monitor sees it: its own lines, fault reports, and
 * what processes log.
 *
 * Lines go to the monitor of MON_SERVICE_CORE, and from there to the process that
 * serves "console"; while there is none, or when the way is closed, they go out
 * through the CPU driver.
 */
#include "monitor/monitor.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"

#include <stdarg.h>
#include <string.h>

#define LINE_MAX 240

struct line {
	size_t length;
	char text[LINE_MAX];
};

static void line_put(struct line *l, char c)
{
	if (l->length < sizeof l->text)
		l->text[l->length++] = c;
}

static void line_text(struct line *l, const char *s)
{
	while (*s)
		line_put(l, *s++);
}

static void line_number(struct line *l, uint64_t n, unsigned base)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	while (count)
		line_put(l, digits[--count]);
}

static void line_format(struct line *l, const char *format, va_list args)
{
	for (; *format; format++) {
		if (*format != '%' || !format[1]) {
			line_put(l, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			line_text(l, va_arg(args, const char *));
			break;
		case 'u':
			line_number(l, va_arg(args, unsigned), 10);
			break;
		case 'l':
			line_number(l, va_arg(args, uint64_t), 10);
			break;
		case 'x':
			line_text(l, "0x");
			line_number(l, va_arg(args, uint64_t), 16);
			break;
		default:
			line_put(l, *format);
		}
	}
}

/* --- where lines go ------------------------------------------------------------- */

static void line_to_kernel(const char *text, size_t length)
{
	for (size_t at = 0; at < length; at += 32)
		kernel_log(TASK_KERNEL, text + at, length - at < 32 ? length - at : 32);
	kernel_log(TASK_KERNEL, "\n", 1);
}

static bool line_send(const char *text, size_t length, bool (*send)(void *to, const struct mon_message *m), void *to)
{
	struct mon_message m;

	if (outgoing_left() < length / MON_CHUNK + 2)
		return false;
	for (size_t at = 0; at < length;) {
		at += mon_text_pack(&m, text + at, length - at);
		if (!send(to, &m))
			return false;
	}
	m = (struct mon_message){ .header = mon_header(MON_LOG, 0, 0, 0) };
	return send(to, &m);
}

static bool send_to_process(void *to, const struct mon_message *m)
{
	process_send(to, m);
	return true;
}

static bool send_to_first(void *to, const struct mon_message *m)
{
	(void)to;
	return link_send(MON_SERVICE_CORE, m) == ERR_OK;
}

static bool line_to_console(const char *text, size_t length)
{
	uint64_t name[2];
	struct service_name s;
	struct process *p;

	mon_name_pack("console", name);
	if (name_find(name, monitor.core, &s) || s.core != monitor.core)
		return false;
	p = process_table_find(&monitor.processes, s.process);
	return process_alive(p) && line_send(text, length, send_to_process, p);
}

static void line_out(const char *text, size_t length)
{
	bool sent;

	if (monitor.core == MON_SERVICE_CORE)
		sent = line_to_console(text, length);
	else
		sent = link_is_up(MON_SERVICE_CORE) && line_send(text, length, send_to_first, NULL);
	if (!sent)
		line_to_kernel(text, length);
}

void report(const char *format, ...)
{
	struct line l = { .length = 0 };
	va_list args;

	va_start(args, format);
	line_format(&l, format, args);
	va_end(args);
	line_out(l.text, l.length);
}

/* --- requests ---------------------------------------------------------------------- */

void report_log(struct request *r)
{
	struct text *text = text_take(&monitor.texts, r->from);

	if (text && !text->overflow)
		line_out(text->data, strnlen(text->data, text->length));
}

static const char *const vector_names[32] = {
	[0] = "division error",
	[1] = "debug trap",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound exceeded",
	[6] = "invalid instruction",
	[7] = "no FPU",
	[11] = "segment not present",
	[12] = "stack segment fault",
	[13] = "general protection fault",
	[14] = "page fault",
	[16] = "x87 error",
	[17] = "misaligned access",
	[19] = "SIMD error",
};

void report_fault(const struct process *p, unsigned vector, uint64_t error, vaddr_t address, vaddr_t rip)
{
	const char *what = vector < 32 && vector_names[vector] ? vector_names[vector] : "exception";

	if (vector == 14)
		report("%s (%u.%u) on core %u stopped: %s, %s of address %x, by instruction at %x", p->name,
		       monitor.core, p->number, monitor.core, error & FAULT_STACK_OVERFLOW ? "stack overflow" : what,
		       error & 16  ? "execution"
		       : error & 2 ? "write"
				   : "read",
		       address, rip);
	else
		report("%s (%u.%u) on core %u stopped: %s (vector %u, error %x), by instruction at %x", p->name,
		       monitor.core, p->number, monitor.core, what, vector, error, rip);
}
