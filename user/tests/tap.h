/*
 * Tests that run inside the system and print TAP (Test Anything Protocol) lines.
 *
 * A test is a function that returns at its first failed expectation, after saying
 * where and what; a group is a table of them, ended by an entry without a name.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "kernel/abi/error.h"
#include "libos/core/error_text.h"

struct test {
	const char *name;
	bool (*run)(void);
};

/* Seconds for what must come: it does not come later, but for a host that is busy with other things. */
#define PATIENCE 60

/* What tests write, and read back. All share it, for a program's memory is four times the next power of two. */
#define TEST_BYTES 200000
extern char test_bytes[TEST_BYTES], test_got[TEST_BYTES];

extern const struct test cap_tests[];
extern const struct test page_tests[];
extern const struct test lmp_tests[];
extern const struct test thread_tests[];
extern const struct test pthread_tests[];
extern const struct test load_tests[];
extern const struct test memory_tests[];
extern const struct test libc_tests[];
extern const struct test parts_tests[];
extern const struct test process_tests[];
extern const struct test protection_tests[];
extern const struct test core_tests[];
extern const struct test monitor_tests[];
extern const struct test mailbox_tests[];
extern const struct test name_tests[];
extern const struct test mail_tests[];
extern const struct test table_tests[];
extern const struct test rpc_tests[];
extern const struct test agreement_tests[];
extern const struct test span_tests[];
extern const struct test grant_tests[];
extern const struct test fleet_tests[];
extern const struct test balance_tests[];
extern const struct test migrate_tests[];
extern const struct test proc_tests[];
extern const struct test ninep_tests[];
extern const struct test files_tests[];
extern const struct test tmp_tests[];
extern const struct test kept_tests[];
extern const struct test looked_tests[];
extern const struct test spawn_tests[];
extern const struct test exec_tests[];
extern const struct test program_tests[];
extern const struct test host_tests[];
extern const struct test sys_tests[];
extern const struct test mem_tests[];
extern const struct test signals_tests[];
extern const struct test interrupts_tests[];
extern const struct test context_tests[];
extern const struct test fork_tests[];
extern const struct test pipe_tests[];
extern const struct test mmap_tests[];

/* Fails the test unless the expression is true. */
#define EXPECT(x)                                                                  \
	do {                                                                       \
		if (!(x)) {                                                        \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #x); \
			return false;                                              \
		}                                                                  \
	} while (0)

/* Fails the test unless the call gives that error: EXPECT_ERROR(cap_delete(0), ERR_CAP_LOOKUP). */
#define EXPECT_ERROR(call, error)                                                                                \
	do {                                                                                                     \
		err_t got_ = (call);                                                                             \
		if (got_ != (error)) {                                                                           \
			printf("# %s:%d: %s gave '%s', not '%s'\n", __FILE__, __LINE__, #call, error_text(got_), \
			       error_text(error));                                                               \
			return false;                                                                            \
		}                                                                                                \
	} while (0)

#define EXPECT_OK(call) EXPECT_ERROR(call, ERR_OK)
