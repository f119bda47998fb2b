/*
 * From the libOS's start to main, and back to exit.
 *
 * Runs on the first thread, enabled.  Nothing is opened here: a program that
 * says nothing never meets the console.
 */
#include <stdlib.h>
#include <unistd.h>
#include <string.h>

#include "libos/core/start.h"
#include "libos/core/vspace.h"
#include "libos/posix/about.h"
#include "libos/posix/inherit.h"
#include "libos/posix/pager.h"
#include "libos/posix/process.h"
#include "libos/posix/signals.h"

extern int main(int argc, char **argv, char **envp);
/* newlib's: runs the constructors between the linker's marks. */
extern void __libc_init_array(void);

/* newlib calls these around constructors and destructors; all of ours are in the arrays. */
void _init(void);
void _fini(void);
void _init(void) {}
void _fini(void) {}

void posix_start(const struct process_args *args)
{
	/* Programs may write to their arguments, texts and pointers, and the page is read-only. */
	static char *argv[PROCESS_ARGS_MAX + 2];
	static char text[PAGE_SIZE - sizeof(*args)];
	static char **arguments;
	char *letter = NULL; /* a fork's: these variables will be its parent's */
	uint64_t bytes = args->text_bytes <= sizeof(text) ? args->text_bytes : 0;
	int argc = args->argc <= PROCESS_ARGS_MAX ? (int)args->argc : PROCESS_ARGS_MAX;
	int envc = args->envc <= (uint64_t)(PROCESS_ARGS_MAX - argc) ? (int)args->envc : 0;

	arguments = argv;
	memcpy(text, args->text, bytes);
	for (int i = 0; i < argc + envc; i++)
		argv[i + (i >= argc)] = text + args->arg[i] - offsetof(struct process_args, text);
	environ = argv + argc + 1;
	if (args->heir_heap)
		heap_begin(args->heir_heap);
	pager_init();
	signals_init();
	process_last_thread = exit;
	about_tell((char *const *const *)&arguments);
	if (args->letter_bytes && args->letter_bytes <= bytes)
		letter = (args->heir_heap ? (char *)(uintptr_t)args->text : text) + bytes - args->letter_bytes;
	inherit_take(letter, args->letter_bytes, &argc, &arguments);
	__libc_init_array();
	exit(main(argc, arguments, environ));
}
