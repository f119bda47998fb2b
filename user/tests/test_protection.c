/*
 * Protections: each deed is tried by a child, which must die of it, alone.
 */
#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

/* The child does it and dies of a fault, and the CPU driver's invariants hold. */
static bool dies_of(const char *what)
{
	unsigned cause = 0;
	uint64_t status = 0, violations = 1;
	EXPECT_OK(child_run(dispatcher_core(), what, "0", &cause, &status));
	if (cause != MON_FAULTED)
		printf("# '%s' ended with cause %u, status %llu\n", what, cause, (unsigned long long)status);
	EXPECT(cause == MON_FAULTED);
	EXPECT_OK(mon_check(dispatcher_core(), &violations));
	EXPECT(violations == 0);
	return true;
}

static bool null_pointer(void) { return dies_of("null"); }
static bool text_is_read_only(void) { return dies_of("write-text"); }
static bool data_does_not_run(void) { return dies_of("run-data"); }
static bool kernel_is_hidden(void) { return dies_of("read-kernel"); }
static bool window_is_hidden(void) { return dies_of("read-window"); }
static bool no_ports(void) { return dies_of("port"); }
static bool no_halt(void) { return dies_of("halt"); }
static bool no_cli(void) { return dies_of("interrupts-off"); }
static bool no_sidt(void) { return dies_of("sidt"); }
static bool divide_by_zero(void) { return dies_of("divide"); }
static bool undefined(void) { return dies_of("undefined"); }
static bool non_canonical(void) { return dies_of("non-canonical"); }
static bool stack_guard(void) { return dies_of("overflow"); }
static bool spoilt_dispatcher(void) { return dies_of("spoil-dispatcher"); }
static bool spoilt_fault_entry(void) { return dies_of("spoil-fault"); }

const struct test protection_tests[] = {
	{ "a null pointer", null_pointer },
	{ "program text is read-only", text_is_read_only },
	{ "data does not run", data_does_not_run },
	{ "kernel text cannot be read", kernel_is_hidden },
	{ "the kernel's window cannot be read", window_is_hidden },
	{ "no ports without a capability", no_ports },
	{ "no halt", no_halt },
	{ "interrupts stay on", no_cli },
	{ "no SIDT (UMIP)", no_sidt },
	{ "division by zero", divide_by_zero },
	{ "an undefined instruction", undefined },
	{ "a jump to a non-canonical address", non_canonical },
	{ "the stack's guard", stack_guard },
	{ "a spoilt dispatcher page", spoilt_dispatcher },
	{ "spoilt upcall entries", spoilt_fault_entry },
	{ 0 },
};
