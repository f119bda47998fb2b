/*
 * The host's files, through the service `host` and QEMU's virtio-9p device. Only by name: tests/boot/host.py offers
 * a folder and looks at it before and after.
 *
 * Oracle: what the host's test wrote is read, and what is written here the host's test finds; error numbers are
 * Linux's; what a client leaves open when it goes, the device is told to forget.
 */
#include <stdio.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/client.h"
#include "user/tests/tap.h"

#define LARGE 300000
#define IN_FLIGHT 40
#define CLIENTS 20
#define FIDS 20

struct session {
	struct ninep_client client;
	uint32_t root;
};

static bool session_begin(struct session *s)
{
	struct fabric *f;

	EXPECT_OK(fabric_here(&f));
	EXPECT(ninep_connect(&s->client, f, "host") == 0);
	EXPECT(ninep_attach(&s->client, "tests", "", &s->root) == 0);
	return true;
}

static bool opened(struct session *s, const char *path, uint32_t flags, uint32_t *fid)
{
	EXPECT(ninep_walk(&s->client, s->root, path, fid) == 0);
	EXPECT(ninep_open(&s->client, *fid, flags) == 0);
	return true;
}

static bool created(struct session *s, const char *name, uint32_t *fid)
{
	EXPECT(ninep_walk(&s->client, s->root, "", fid) == 0);
	EXPECT(ninep_create(&s->client, *fid, name, NINEP_RDWR | NINEP_TRUNC, 0640) == 0);
	return true;
}

/* As tests/boot/host.py makes it. */
static char pattern(size_t i) { return (char)(i * 7 + i / 251); }

static char bytes[LARGE];

static bool files_read(void)
{
	static struct session s;
	struct ninep_attr a;
	uint32_t fid;
	size_t done;

	EXPECT(session_begin(&s));
	EXPECT(opened(&s, "sub/greeting", NINEP_RDONLY, &fid));
	EXPECT(ninep_read(&s.client, fid, 0, bytes, sizeof(bytes), &done) == 0);
	EXPECT(done == 15 && !memcmp(bytes, "from this side\n", 15));
	EXPECT(ninep_clunk(&s.client, fid) == 0);
	EXPECT(opened(&s, "large", NINEP_RDONLY, &fid));
	EXPECT(ninep_getattr(&s.client, fid, &a) == 0 && a.size == LARGE && (a.mode & NINEP_FORMAT) == NINEP_FILE);
	EXPECT(ninep_read(&s.client, fid, 0, bytes, sizeof(bytes), &done) == 0 && done == LARGE);
	for (size_t i = 0; i < LARGE; i++)
		EXPECT(bytes[i] == pattern(i));
	EXPECT(ninep_read(&s.client, fid, LARGE - 3, bytes, 100, &done) == 0 && done == 3);
	EXPECT(ninep_read(&s.client, fid, LARGE, bytes, 100, &done) == 0 && done == 0);
	ninep_end(&s.client);
	return true;
}

static bool files_written(void)
{
	static struct session s;
	uint32_t fid, dir, other;
	char target[64];
	size_t done;

	EXPECT(session_begin(&s));
	EXPECT(created(&s, "written", &fid));
	EXPECT(ninep_write(&s.client, fid, 0, "from the other side\n", 20, &done) == 0 && done == 20);
	EXPECT(ninep_clunk(&s.client, fid) == 0);
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = pattern(i + 1);
	EXPECT(created(&s, "large.out", &fid));
	EXPECT(ninep_write(&s.client, fid, 0, bytes, LARGE, &done) == 0 && done == LARGE);
	EXPECT(ninep_fsync(&s.client, fid) == 0);
	EXPECT(ninep_mkdir(&s.client, s.root, "made", 0755) == 0);
	EXPECT(ninep_walk(&s.client, s.root, "made", &dir) == 0);
	EXPECT(ninep_symlink(&s.client, dir, "pointer", "../written") == 0);
	EXPECT(ninep_walk(&s.client, s.root, "made/pointer", &other) == 0);
	EXPECT(ninep_readlink(&s.client, other, target, sizeof(target)) == 0 && !strcmp(target, "../written"));
	EXPECT(ninep_rename(&s.client, s.root, "moved.from", dir, "moved.to") == 0);
	EXPECT(ninep_unlink(&s.client, s.root, "unwanted", false) == 0);
	ninep_end(&s.client);
	return true;
}

static bool errors_are_linux(void)
{
	static struct session s;
	uint32_t fid = 0, large;
	size_t done;

	EXPECT(session_begin(&s));
	EXPECT(ninep_walk(&s.client, s.root, "nothing", &fid) == NINEP_ENOENT);
	EXPECT(ninep_walk(&s.client, s.root, "large/below", &fid) != 0);
	EXPECT(ninep_mkdir(&s.client, s.root, "sub", 0755) == NINEP_EEXIST);
	EXPECT(ninep_unlink(&s.client, s.root, "sub", true) == NINEP_ENOTEMPTY);
	EXPECT(opened(&s, "large", NINEP_RDONLY, &large));
	EXPECT(ninep_clunk(&s.client, large + 1000) == NINEP_EBADF);
	EXPECT(ninep_write(&s.client, large, 0, "x", 1, &done) != 0);
	EXPECT(ninep_clunk(&s.client, large) == 0 && ninep_clunk(&s.client, large) == NINEP_EBADF);
	/* The host's other files stay its own. */
	EXPECT(ninep_walk(&s.client, s.root, "../../etc/passwd", &fid) != 0);
	ninep_end(&s.client);
	return true;
}

static bool directory_read(void)
{
	static struct ninep_dir_entry e[16];
	static struct session s;
	unsigned count = 1, found = 0;
	uint64_t offset = 0;
	uint32_t fid;

	EXPECT(session_begin(&s));
	EXPECT(opened(&s, "many", NINEP_RDONLY, &fid));
	while (count) {
		EXPECT(ninep_readdir(&s.client, fid, offset, e, 16, &count) == 0);
		for (unsigned i = 0; i < count; i++)
			found += strncmp(e[i].name, "entry-", 6) == 0;
		offset = count ? e[count - 1].next : 0;
	}
	EXPECT(found == 100);
	ninep_end(&s.client);
	return true;
}

static bool requests_in_flight(void)
{
	static struct ninep_request r[IN_FLIGHT];
	static char in[IN_FLIGHT][100];
	static struct session s;
	uint32_t fid;
	unsigned error;

	EXPECT(session_begin(&s));
	EXPECT(opened(&s, "large", NINEP_RDONLY, &fid));
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		EXPECT(ninep_read_start(&s.client, &r[i], fid, i * 100, in[i], 100) == 0);
	error = ninep_flush(&r[IN_FLIGHT - 1]);
	EXPECT(error == 0 || error == NINEP_EINTR);
	for (unsigned i = IN_FLIGHT - 1; i-- > 0;) {
		EXPECT(ninep_finish(&r[i]) == 0 && r[i].m.rread.data.length == 100);
		for (unsigned k = 0; k < 100; k++)
			EXPECT(in[i][k] == pattern(i * 100 + k));
	}
	ninep_end(&s.client);
	return true;
}

/* More of them, one after the other, than the device could hold open at a time; each leaves a read under way. */
static bool clients_that_go(void)
{
	static struct ninep_request slow;
	static struct session s;
	uint32_t fid;

	for (unsigned i = 0; i < CLIENTS; i++) {
		EXPECT(session_begin(&s));
		for (unsigned n = 0; n < FIDS; n++)
			EXPECT(opened(&s, "large", NINEP_RDONLY, &fid));
		EXPECT(ninep_read_start(&s.client, &slow, fid, 0, bytes, 60000) == 0);
		ninep_end(&s.client);
	}
	return errors_are_linux();
}

const struct test host_tests[] = {
	{ "files of the host are read", files_read },
	{ "... and written, made, moved", files_written },
	{ "errors are Linux's", errors_are_linux },
	{ "a directory of 100 is read", directory_read },
	{ "requests in flight, one flushed", requests_in_flight },
	{ "clients that go with files open", clients_that_go },
	{ 0 },
};
