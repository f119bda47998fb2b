/*
 * The deeds of the child processes: ends of all kinds, and each thing that user code
 * must not be able to do.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/abi/dispatcher.h"
#include "kernel/abi/syscall.h"
#include "libos/core/monitor_client.h"
#include "user/tests/child.h"

/* What a deed that should have ended the process returns. */
#define SURVIVED 255

/* An address that the compiler knows nothing about. */
static void *address(uint64_t value)
{
	__asm__("" : "+r"(value));
	return (void *)value;
}

static int do_exit(const char *arg) { return atoi(arg); }

static int do_forever(const char *arg)
{
	(void)arg;
	for (;;)
		__asm__ volatile("pause");
	return SURVIVED;
}

static int do_environment(const char *arg)
{
	const char *value = getenv(arg);

	return value ? atoi(value) : 99;
}

static int do_pid(const char *arg)
{
	(void)arg;
	return getpid() % 200;
}

/* Takes memory in every way and leaves it all. */
static int do_memory(const char *arg)
{
	(void)arg;
	for (int i = 0; i < 40; i++) {
		char *p = malloc(50000);
		if (!p)
			return 1;
		memset(p, i, 50000);
	}
	return 0;
}

/* Leaves without a word to those it is connected with: here the console. */
static int do_channels(const char *arg)
{
	(void)arg;
	return mon_export("tests.child", &(uint32_t){ 0 }) == 0 ? 0 : 1;
}

/* Opens a channel to the console, from whichever core. */
static int do_print(const char *arg)
{
	printf("%s\n", arg);
	return fflush(stdout) != 0;
}

static int do_null(const char *arg)
{
	(void)arg;
	*(volatile int *)address(8) = 1;
	return SURVIVED;
}

static int do_write_text(const char *arg)
{
	(void)arg;
	*(volatile char *)(uintptr_t)do_null = 1;
	return SURVIVED;
}

static int do_run_data(const char *arg)
{
	static unsigned char code[16] = { 0xc3 };
	(void)arg;
	((void (*)(void))(uintptr_t)code)();
	return SURVIVED;
}

static int do_read_kernel(const char *arg)
{
	(void)arg;
	return *(volatile int *)address(UINT64_C(0xffffffff80100000)) & 0 ? 0 : SURVIVED;
}

static int do_read_window(const char *arg)
{
	(void)arg;
	return *(volatile int *)address(UINT64_C(0xffff800000100000)) & 0 ? 0 : SURVIVED;
}

static int do_port(const char *arg)
{
	(void)arg;
	__asm__ volatile("outb %%al, $0x80" : : "a"(0));
	return SURVIVED;
}

static int do_halt(const char *arg)
{
	(void)arg;
	__asm__ volatile("hlt");
	return SURVIVED;
}

static int do_interrupts_off(const char *arg)
{
	(void)arg;
	__asm__ volatile("cli");
	return SURVIVED;
}

static int do_sidt(const char *arg)
{
	unsigned char where[10];
	(void)arg;
	__asm__ volatile("sidt %0" : "=m"(where));
	return SURVIVED;
}

static int do_divide(const char *arg)
{
	volatile int one = 1, zero = atoi(arg), quotient;
	quotient = one / zero; /* 1 / x would be a comparison */
	return quotient & 0 ? 0 : SURVIVED;
}

static int do_undefined(const char *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
	return SURVIVED;
}

static int do_non_canonical(const char *arg)
{
	(void)arg;
	__asm__ volatile("jmp *%0" : : "r"(UINT64_C(0x8000000000000000)));
	return SURVIVED;
}

static int deep(const volatile char *above, int depth)
{
	volatile char here[512];
	here[0] = above[0];
	return depth == 0 ? here[0] : deep(here, depth - 1) + here[0];
}

static int do_overflow(const char *arg) { return deep(arg, 1 << 20); }

/* The dispatcher page is the process's own to spoil: nobody else may notice. */
static int do_spoil_dispatcher(const char *arg)
{
	struct dispatcher_page *page = (struct dispatcher_page *)DISPATCHER_VA;
	(void)arg;
	memset(page, 0xff, sizeof *page);
	for (;;)
		__asm__ volatile("syscall" : : "a"(SYS_YIELD) : "rcx", "r11", "memory");
	return SURVIVED;
}

static int do_spoil_fault(const char *arg)
{
	struct dispatcher_page *page = (struct dispatcher_page *)DISPATCHER_VA;
	page->upcall_fault = UINT64_C(0xffffffff80100000);
	page->upcall_stack = UINT64_C(0x8000000000000000);
	return do_null(arg);
}

static const struct {
	const char *what;
	int (*deed)(const char *);
} deeds[] = {
	{ "exit", do_exit },
	{ "forever", do_forever },
	{ "memory", do_memory },
	{ "channels", do_channels },
	{ "null", do_null },
	{ "write-text", do_write_text },
	{ "run-data", do_run_data },
	{ "read-kernel", do_read_kernel },
	{ "read-window", do_read_window },
	{ "port", do_port },
	{ "halt", do_halt },
	{ "interrupts-off", do_interrupts_off },
	{ "sidt", do_sidt },
	{ "divide", do_divide },
	{ "undefined", do_undefined },
	{ "non-canonical", do_non_canonical },
	{ "overflow", do_overflow },
	{ "spoil-dispatcher", do_spoil_dispatcher },
	{ "spoil-fault", do_spoil_fault },
	{ "print", do_print },
	{ "babble", deed_babble },
	{ "spawn-on", deed_spawn_on },
	{ "files-inherited", deed_files_inherited },
	{ "revoke-ram", deed_revoke_ram },
	{ "deaf", deed_deaf },
	{ "waits", deed_waits },
	{ "wait-for", deed_wait_for },
	{ "serve-stay", deed_serve_stay },
	{ "serve-close", deed_serve_close },
	{ "client-told", deed_client_told },
	{ "revoke-tasks", deed_revoke_tasks },
	{ "connect-and-go", deed_connect_and_go },
	{ "revoke-own", deed_revoke_own },
	{ "revoke-dispatcher", deed_revoke_dispatcher },
	{ "sleep-long", deed_sleep_long },
	{ "debuggee", deed_debuggee },
	{ "span_visit", deed_span_visit },
	{ "span_still", deed_span_still },
	{ "span_heap", deed_span_heap },
	{ "span_touch", deed_span_touch },
	{ "span_unmap", deed_span_unmap },
	{ "span_gone", deed_span_gone },
	{ "span_protect", deed_span_protect },
	{ "span_root", deed_span_root },
	{ "span_exit", deed_span_exit },
	{ "span_fault", deed_span_fault },
	{ "span_spin", deed_span_spin },
	{ "span_refused", deed_span_refused },
	{ "span_close", deed_span_close },
	{ "span_hang_up", deed_span_hang_up },
	{ "span_calls", deed_span_calls },
	{ "move_spin", deed_move_spin },
	{ "move_sleep", deed_move_sleep },
	{ "move_print", deed_move_print },
	{ "move_threads", deed_move_threads },
	{ "environment", do_environment },
	{ "pid", do_pid },
	{ "rounds", deed_rounds },
	{ "use-memory", deed_use_memory },
	{ "use-threads", deed_use_threads },
	{ "use-slots", deed_use_slots },
	{ "map-badly", deed_map_badly },
	{ "serve-once", deed_serve_once },
	{ "mailbox-call", deed_mailbox_call },
	{ "take-pages", deed_take_pages },
	{ "heap-of-service", deed_heap_of_service },
	{ "take-all", deed_take_all },
	{ "shared-serve", deed_shared_serve },
	{ "watch-and-go", deed_watch_and_go },
	{ "name-and-stay", deed_name_and_stay },
	{ "name-and-do-not-read", deed_name_and_do_not_read },
	{ "name-the-table", deed_name_the_table },
	{ "mail-deaf", deed_mail_deaf },
	{ "call-later", deed_call_later },
	{ "serve-never", deed_serve_never },
	{ "long-environment", deed_long_environment },
	{ "parent", deed_parent },
	{ "become", deed_become },
	{ "become-copy", deed_become_copy },
	{ "fork-copy", deed_fork_copy },
	{ "fork-changed", deed_fork_changed },
	{ "is-number", deed_is_number },
	{ "heir", deed_heir },
	{ "take-signal", deed_take_signal },
	{ "abort", deed_abort },
	{ "pipe_records", deed_pipe_records },
	{ "pipe_sum", deed_pipe_sum },
	{ "pipe_nonblock", deed_pipe_nonblock },
	{ "pipe_pour", deed_pipe_pour },
	{ "pipe_hold", deed_pipe_hold },
};

int child_main(const char *what, const char *arg)
{
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
		if (strcmp(deeds[i].what, what) == 0)
			return deeds[i].deed(arg);
	return 254;
}

err_t child_start(coreid_t core, const char *what, const char *arg, uint64_t *pid)
{
	const char *argv[] = { "tests", "--do", what, arg };
	return mon_spawn(core, 4, argv, pid);
}

err_t child_run(coreid_t core, const char *what, const char *arg, unsigned *cause, uint64_t *status)
{
	uint64_t pid;
	err_t error = child_start(core, what, arg, &pid);
	return error ? error : mon_wait(pid, cause, status);
}
