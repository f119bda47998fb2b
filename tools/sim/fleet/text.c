/*
 * What a program prints goes into the trace, line by line; and how it ends.
 */
#include "tools/sim/fleet/fleetsim.h"
#include "tools/sim/fleet/guest_names.h"

#include <string.h>

static void text_add(const char *text, size_t n)
{
	struct process *p = running;

	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n' && p->text_length < sizeof p->text - 1) {
			p->text[p->text_length++] = text[i];
			continue;
		}
		p->text[p->text_length] = '\0';
		trace_text(p, p->text);
		p->text_length = 0;
	}
}

int guest_vprintf(const char *format, va_list list)
{
	char text[1000];
	int n = vsnprintf(text, sizeof text, format, list);

	text_add(text, strlen(text));
	return n;
}

int guest_vfprintf(FILE *to, const char *format, va_list list)
{
	(void)to;
	return guest_vprintf(format, list);
}

int guest_printf(const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = guest_vprintf(format, list);
	va_end(list);
	return n;
}

int guest_fprintf(FILE *to, const char *format, ...)
{
	va_list list;
	int n;

	(void)to;
	va_start(list, format);
	n = guest_vprintf(format, list);
	va_end(list);
	return n;
}

int guest_puts(const char *text) { return guest_printf("%s\n", text); }
int guest_putchar(int c) { return guest_printf("%c", c); }
int guest_fputs(const char *text, FILE *to) { return guest_fprintf(to, "%s", text); }
int guest_fputc(int c, FILE *to) { return guest_fprintf(to, "%c", c); }

size_t guest_fwrite(const void *bytes, size_t size, size_t n, FILE *to)
{
	(void)to;
	text_add(bytes, size * n);
	return n;
}

int guest_fflush(FILE *to)
{
	(void)to;
	return 0;
}

void guest_exit(int status) { mon_exit((uint64_t)status); }

void guest_abort(void) { violation("process %lx aborts", running->pid); }

void guest___assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
	violation("process %lx: %s:%u: %s: %s does not hold", running->pid, file, line, function, what);
}

void mon_log(const char *text) { trace_text(running, text); }
