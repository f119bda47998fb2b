/*
 * What the system is called, and what it is told: uname, host name, syslog.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "libos/posix/errno.h"

#define HOST "skerry"

int uname(struct utsname *out)
{
	memset(out, 0, sizeof(*out));
	strcpy(out->sysname, "Skerry");
	strcpy(out->nodename, HOST);
	strcpy(out->release, "1");
	strcpy(out->version, "multikernel");
	strcpy(out->machine, "x86_64");
	return 0;
}

int gethostname(char *name, size_t bytes)
{
	if (bytes < sizeof(HOST))
		return errno_fail(ENAMETOOLONG);
	memcpy(name, HOST, sizeof(HOST));
	return 0;
}

int sethostname(const char *name, size_t bytes)
{
	(void)name;
	(void)bytes;
	return errno_fail(EPERM);
}

/* --- syslog: lines on the standard error; there is no service that keeps them --------------------- */

static const char *log_name;
static int log_mask = 0xff;

void openlog(const char *name, int options, int facility)
{
	(void)options;
	(void)facility;
	log_name = name;
}

void closelog(void) { log_name = NULL; }

int setlogmask(int mask)
{
	int old = log_mask;

	if (mask)
		log_mask = mask;
	return old;
}

void vsyslog(int priority, const char *format, va_list arguments)
{
	if (!(log_mask & LOG_MASK(LOG_PRI(priority))))
		return;
	if (log_name)
		fprintf(stderr, "%s: ", log_name);
	vfprintf(stderr, format, arguments);
	if (!*format || format[strlen(format) - 1] != '\n')
		putc('\n', stderr);
}

void syslog(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsyslog(priority, format, arguments);
	va_end(arguments);
}
