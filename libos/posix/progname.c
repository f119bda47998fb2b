/*
 * The program's short name, for err.h. In a file of its own: only a program that asks for it has the constructor.
 */
#include <string.h>

#include "libos/core/dispatcher.h"

extern const char *__progname; /* err.h's functions read it */
const char *__progname = "";

__attribute__((constructor)) static void name_take(void)
{
	const struct process_args *a = process_args();
	const char *name, *slash;

	if (!a->argc)
		return;
	name = (const char *)a + a->arg[0];
	slash = strrchr(name, '/');
	__progname = slash ? slash + 1 : name;
}
