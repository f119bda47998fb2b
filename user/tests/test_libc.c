/*
 * The C library on our libOS: formats, memory, time, errors.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

static bool formats(void)
{
	char text[80];
	snprintf(text, sizeof text, "%d %5.2f %s %lx %c", -7, 3.14159, "word", 0xdeadbeefUL, 'z');
	EXPECT(strcmp(text, "-7  3.14 word deadbeef z") == 0);
	EXPECT(fabs(sqrt(2.0) - 1.41421356) < 1e-6);
	return true;
}

static bool memory(void)
{
	enum { BLOCKS = 300 };
	unsigned char *block[BLOCKS];
	for (int i = 0; i < BLOCKS; i++) {
		block[i] = malloc((size_t)i * 37 + 1);
		EXPECT(block[i]);
		memset(block[i], i, (size_t)i * 37 + 1);
	}
	for (int i = 0; i < BLOCKS; i++) {
		EXPECT(block[i][0] == (unsigned char)i && block[i][i * 37] == (unsigned char)i);
		free(block[i]);
	}
	errno = 0;
	EXPECT(malloc((size_t)1 << 46) == NULL && errno == ENOMEM);
	return true;
}

static bool clocks(void)
{
	struct timespec a, b;
	unsigned cause;
	uint64_t pid;
	EXPECT(clock_gettime(CLOCK_MONOTONIC, &a) == 0);
	usleep(20000);
	EXPECT(clock_gettime(CLOCK_MONOTONIC, &b) == 0);
	EXPECT((b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec >= 20000000);
	EXPECT(time(NULL) > 1600000000);
	/* Seconds whose ticks overflow are many, not few. */
	EXPECT_OK(child_start(dispatcher_core(), "sleep-long", "", &pid));
	usleep(50000);
	EXPECT_OK(mon_kill(pid));
	EXPECT_OK(mon_wait(pid, &cause, NULL));
	EXPECT(cause == MON_KILLED);
	return true;
}

static bool errors(void)
{
	char byte;
	errno = 0;
	EXPECT(read(99, &byte, 1) == -1 && errno == EBADF);
	EXPECT(read(0, &byte, 0) == 0 && read(-1, &byte, 0) == -1);
	EXPECT(fopen("/boot/no-such-file", "r") == NULL && errno == ENOENT);
	FILE *self = fopen("/boot/tests", "r");
	char magic[4] = { 0 };
	EXPECT(self && fread(magic, 1, 4, self) == 4 && memcmp(magic, "\177ELF", 4) == 0);
	fclose(self);
	return true;
}

const struct test libc_tests[] = {
	{ "formats", formats },
	{ "memory", memory },
	{ "clocks", clocks },
	{ "errors have their errno", errors },
	{ 0 },
};
