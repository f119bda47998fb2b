/*
 * The memory file system and pipes in the system, on the cores that there are, by LMP and by URPC.
 *
 * Oracle: contents, error numbers; what a client that has gone held is given back: its locks, its ends of pipes, the
 * memory of files that it alone had open.
 */
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/client.h"
#include "libos/thread/thread.h"
#include "user/tests/tap.h"

#define CORES_TRIED 3
#define LENGTH TEST_BYTES
#define NAMES 300
#define QUOTA (UINT64_C(2) << 20)

struct session {
	struct ninep_client client;
	uint32_t root;
};

static uint64_t service;
static char *const bytes = test_bytes, *const got = test_got;

static coreid_t cores_up(void)
{
	struct mon_core core;
	coreid_t n = 0;

	while (n < CORES_TRIED && !mon_core(n, &core) && core.state == MON_CORE_UP)
		n++;
	return n;
}

static bool session_open(struct session *s, const char *name)
{
	struct fabric *f;
	cycles_t deadline;
	unsigned error;

	EXPECT_OK(fabric_here(&f));
	deadline = fabric_now(f) + PATIENCE * dispatcher_tsc_hz();
	while ((error = ninep_connect(&s->client, f, name)) == NINEP_ENOENT && fabric_now(f) < deadline)
		thread_yield();
	EXPECT(error == 0);
	EXPECT(ninep_attach(&s->client, "tests", "", &s->root) == 0);
	return true;
}

static bool service_begin(struct session *s, coreid_t core, const char *program, const char *name)
{
	const char *argv[] = { program, name, "quota=2" };

	EXPECT_OK(mon_spawn(core, 3, argv, &service));
	return session_open(s, name);
}

static bool service_end(struct session *s)
{
	ninep_end(&s->client);
	EXPECT_OK(mon_kill(service));
	EXPECT_OK(mon_wait(service, NULL, NULL));
	return true;
}

static bool opened(struct session *s, const char *path, uint32_t flags, uint32_t *fid)
{
	EXPECT(ninep_walk(&s->client, s->root, path, fid) == 0);
	EXPECT(ninep_open(&s->client, *fid, flags) == 0);
	return true;
}

/* The file's fid, open. */
static bool created(struct session *s, const char *name, uint32_t flags, uint32_t *fid)
{
	EXPECT(ninep_walk(&s->client, s->root, "", fid) == 0);
	EXPECT(ninep_create(&s->client, *fid, name, flags, 0640) == 0);
	return true;
}

/* --- files ---------------------------------------------------------------------------------------- */

static bool bytes_kept(struct session *s)
{
	struct ninep_client *c = &s->client;
	struct ninep_attr a;
	uint32_t fid;
	size_t done;

	for (unsigned i = 0; i < LENGTH; i++)
		bytes[i] = (char)(i * 7 + i / 256);
	EXPECT(created(s, "file", NINEP_RDWR, &fid));
	EXPECT(ninep_write(c, fid, 100, bytes, LENGTH, &done) == 0 && done == LENGTH);
	EXPECT(ninep_getattr(c, fid, &a) == 0);
	EXPECT(a.size == LENGTH + 100 && a.mode == (NINEP_FILE | 0640) && a.nlink == 1 && a.version);
	EXPECT(a.mtime > 1000000000 && a.ctime == a.mtime && a.ctime_nsec == a.mtime_nsec);
	EXPECT(ninep_read(c, fid, 100, got, LENGTH, &done) == 0 && done == LENGTH);
	EXPECT(memcmp(bytes, got, LENGTH) == 0);
	EXPECT(ninep_read(c, fid, 90, got, 20, &done) == 0 && done == 20);
	EXPECT(memcmp(got, "\0\0\0\0\0\0\0\0\0\0", 10) == 0 && memcmp(got + 10, bytes, 10) == 0);
	a = (struct ninep_attr){ .mtime = 12, .mtime_nsec = 34, .mode = 0600, .uid = 7 };
	EXPECT(ninep_setattr(c, fid, NINEP_SET_MTIME | NINEP_SET_MTIME_TO | NINEP_SET_MODE | NINEP_SET_UID, &a) == 0);
	EXPECT(ninep_getattr(c, fid, &a) == 0);
	EXPECT(a.mtime == 12 && a.mtime_nsec == 34 && a.mode == (NINEP_FILE | 0600) && a.uid == 7);
	EXPECT(ninep_clunk(c, fid) == 0);
	/* At the end, wherever it says. */
	EXPECT(opened(s, "file", NINEP_WRONLY | NINEP_APPEND | NINEP_TRUNC, &fid));
	EXPECT(ninep_write(c, fid, 0, "one", 3, &done) == 0 && ninep_write(c, fid, 0, "two", 3, &done) == 0);
	EXPECT(ninep_clunk(c, fid) == 0 && opened(s, "file", NINEP_RDONLY, &fid));
	EXPECT(ninep_read(c, fid, 0, got, 10, &done) == 0 && done == 6 && memcmp(got, "onetwo", 6) == 0);
	return ninep_clunk(c, fid) == 0;
}

static bool names_kept(struct session *s)
{
	static struct ninep_dir_entry e[16];
	struct ninep_client *c = &s->client;
	char name[16], target[20];
	unsigned count, found = 0;
	uint64_t offset = 0;
	uint32_t dir, fid;

	EXPECT(ninep_mkdir(c, s->root, "dir", 0755) == 0 && ninep_mkdir(c, s->root, "dir", 0755) == NINEP_EEXIST);
	EXPECT(ninep_walk(c, s->root, "dir", &dir) == 0);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		EXPECT(ninep_symlink(c, dir, name, "where/it/leads") == 0);
	}
	EXPECT(ninep_walk(c, dir, "n7", &fid) == 0 && ninep_readlink(c, fid, target, sizeof(target)) == 0);
	EXPECT(strcmp(target, "where/it/leads") == 0 && ninep_link(c, s->root, "again", fid) == 0);
	EXPECT(ninep_clunk(c, fid) == 0 && opened(s, "dir", NINEP_RDONLY, &fid));
	do {
		EXPECT(ninep_readdir(c, fid, offset, e, 16, &count) == 0);
		for (unsigned i = 0; i < count; i++) {
			offset = e[i].next;
			found += e[i].name[0] == 'n' && e[i].type == NINEP_DT_LNK;
			if (e[i].name[0] == 'n')
				EXPECT(ninep_unlink(c, dir, e[i].name, false) == 0);
		}
	} while (count);
	EXPECT(found == NAMES);
	EXPECT(ninep_clunk(c, fid) == 0);
	EXPECT(ninep_rename(c, s->root, "file", dir, "moved") == 0);
	EXPECT(ninep_unlink(c, s->root, "dir", true) == NINEP_ENOTEMPTY);
	EXPECT(ninep_unlink(c, s->root, "dir", false) == NINEP_EISDIR);
	EXPECT(ninep_rename(c, s->root, "dir", dir, "below") == NINEP_EINVAL);
	EXPECT(ninep_unlink(c, dir, "moved", false) == 0 && ninep_unlink(c, s->root, "dir", true) == 0);
	EXPECT(ninep_mkdir(c, dir, "x", 0755) == NINEP_ENOENT);
	EXPECT(ninep_unlink(c, s->root, "again", false) == 0);
	return ninep_clunk(c, dir) == 0;
}

static bool space_ends(struct session *s)
{
	struct ninep_client *c = &s->client;
	struct ninep_space before, after;
	struct session other = { 0 };
	uint64_t at = 0;
	unsigned error;
	uint32_t fid;
	size_t done;

	EXPECT(ninep_statfs(c, s->root, &before) == 0 && before.blocks * before.block == QUOTA);
	EXPECT(session_open(&other, "mem.tests") && created(&other, "big", NINEP_RDWR, &fid));
	do {
		error = ninep_write(&other.client, fid, at, bytes, LENGTH, &done);
		at += done;
	} while (!error && at < 2 * QUOTA);
	EXPECT(error == NINEP_ENOSPC && at > QUOTA / 2 && at < QUOTA);
	EXPECT(ninep_mkdir(c, s->root, "full", 0755) == 0 || ninep_mkdir(c, s->root, "full", 0755) == NINEP_ENOSPC);
	(void)ninep_unlink(c, s->root, "full", true);
	EXPECT(ninep_unlink(c, s->root, "big", false) == 0);
	EXPECT(ninep_statfs(c, s->root, &after) == 0 && after.free < before.free / 2);
	/* It was the other's alone. */
	ninep_end(&other.client);
	do
		EXPECT(ninep_statfs(c, s->root, &after) == 0);
	while (after.free != before.free);
	return true;
}

static bool locks_kept(struct session *s)
{
	struct ninep_lock l = { .type = NINEP_LOCK_WRITE, .start = 10, .length = 5, .proc_id = 1 }, is = l;
	struct ninep_request waits = { .m.type = NINEP_TLOCK };
	struct session other = { 0 };
	uint32_t fid, theirs;

	EXPECT(created(s, "locked", NINEP_RDWR, &fid) && session_open(&other, "mem.tests"));
	EXPECT(opened(&other, "locked", NINEP_RDWR, &theirs));
	EXPECT(ninep_lock(&other.client, theirs, &l) == 0);
	is.proc_id = 2;
	EXPECT(ninep_lock(&s->client, fid, &is) == NINEP_EAGAIN);
	EXPECT(ninep_getlock(&s->client, fid, &is) == 0 && is.type == NINEP_LOCK_WRITE && is.proc_id == 1);
	waits.m.tlock.fid = fid;
	waits.m.tlock.type = NINEP_LOCK_READ;
	waits.m.tlock.flags = NINEP_LOCK_BLOCK;
	waits.m.tlock.client_id = ninep_text("");
	EXPECT(ninep_start(&s->client, &waits) == 0);
	is = l;
	EXPECT(ninep_getlock(&s->client, fid, &is) == 0 && !waits.done);
	ninep_end(&other.client); /* its locks go with it */
	EXPECT(ninep_finish(&waits) == 0 && waits.m.rlock.status == 0);
	EXPECT(ninep_unlink(&s->client, s->root, "locked", false) == 0);
	return ninep_clunk(&s->client, fid) == 0;
}

static bool fifo_opens(struct session *s)
{
	struct ninep_request waits = { .m.type = NINEP_TLOPEN };
	struct ninep_client *c = &s->client;
	uint32_t in, out;
	size_t done;

	EXPECT(ninep_mknod(c, s->root, "fifo", NINEP_FIFO | 0600, 0) == 0);
	EXPECT(ninep_walk(c, s->root, "fifo", &in) == 0 && ninep_walk(c, s->root, "fifo", &out) == 0);
	EXPECT(ninep_open(c, out, NINEP_WRONLY | NINEP_NONBLOCK) == NINEP_ENXIO);
	waits.m.tlopen.fid = in;
	EXPECT(ninep_start(c, &waits) == 0);
	EXPECT(ninep_read(c, in, 0, got, 1, &done) == NINEP_EBADF && !waits.done);
	EXPECT(ninep_flush(&waits) == NINEP_EINTR);
	EXPECT(ninep_open(c, out, NINEP_WRONLY | NINEP_NONBLOCK) == NINEP_ENXIO);
	waits.m.type = NINEP_TLOPEN;
	waits.m.tlopen.fid = in;
	waits.m.tlopen.flags = NINEP_RDONLY;
	EXPECT(ninep_start(c, &waits) == 0);
	EXPECT(ninep_open(c, out, NINEP_WRONLY) == 0 && ninep_finish(&waits) == 0);
	EXPECT(ninep_write(c, out, 0, "through", 7, &done) == 0 && done == 7);
	EXPECT(ninep_read(c, in, 0, got, 7, &done) == 0 && done == 7 && memcmp(got, "through", 7) == 0);
	EXPECT(ninep_clunk(c, out) == 0 && ninep_read(c, in, 0, got, 7, &done) == 0 && done == 0);
	EXPECT(ninep_clunk(c, in) == 0 && ninep_unlink(c, s->root, "fifo", false) == 0);
	return true;
}

static bool files_in_memory(void)
{
	static struct session s;

	for (coreid_t core = 0; core < cores_up(); core++) {
		EXPECT(service_begin(&s, core, "mem", "mem.tests"));
		EXPECT(bytes_kept(&s) && names_kept(&s) && space_ends(&s) && locks_kept(&s) && fifo_opens(&s));
		EXPECT(service_end(&s));
	}
	return true;
}

/* --- pipes ------------------------------------------------------------------------------------------- */

/* Its ends, from one session each. */
static bool pipe_made(struct session *r, struct session *w, uint32_t *in, uint32_t *out)
{
	char number[16] = "", path[20];
	uint32_t fid;
	size_t done;

	EXPECT(opened(r, "new", NINEP_RDONLY, &fid));
	EXPECT(ninep_read(&r->client, fid, 0, number, sizeof(number) - 1, &done) == 0 && done > 1);
	number[done - 1] = 0;
	snprintf(path, sizeof(path), "%s/r", number);
	EXPECT(opened(r, path, NINEP_RDONLY, in));
	snprintf(path, sizeof(path), "%s/w", number);
	EXPECT(opened(w, path, NINEP_WRONLY, out));
	return ninep_clunk(&r->client, fid) == 0;
}

static bool pipe_carries(struct session *r, struct session *w, uint32_t in, uint32_t out)
{
	static struct ninep_request reading, writing;
	uint32_t events = NINEP_READY_IN;
	size_t done;

	EXPECT(ninep_read_start(&r->client, &reading, in, 0, got, 100) == 0);
	EXPECT(ninep_write(&w->client, out, 0, "hello", 5, &done) == 0 && done == 5);
	EXPECT(ninep_finish(&reading) == 0 && reading.m.rread.data.length == 5 && memcmp(got, "hello", 5) == 0);
	EXPECT(ninep_write(&w->client, out, 0, bytes, 65000, &done) == 0 && done == 65000);
	EXPECT(ninep_ready(&r->client, in, &events) == 0 && events == NINEP_READY_IN);
	events = NINEP_READY_OUT | NINEP_READY_NOW;
	EXPECT(ninep_ready(&w->client, out, &events) == 0 && events == 0);
	/* Too much: it waits until there is room for all of it. */
	EXPECT(ninep_write_start(&w->client, &writing, out, 0, bytes + 65000, 4096) == 0);
	EXPECT(ninep_read(&r->client, in, 0, got, 65000, &done) == 0 && done == 65000);
	EXPECT(ninep_finish(&writing) == 0 && writing.m.rwrite.count == 4096);
	EXPECT(ninep_read(&r->client, in, 0, got + 65000, 4096, &done) == 0 && done == 4096);
	EXPECT(memcmp(got, bytes, 69096) == 0);
	return true;
}

static bool ends_are_told(struct session *r, struct session *w, uint32_t in, uint32_t out)
{
	static struct ninep_request reading;
	uint32_t events = NINEP_READY_IN, in2, out2;
	struct session other = { 0 };
	size_t done;

	EXPECT(ninep_read_start(&r->client, &reading, in, 0, got, 100) == 0);
	EXPECT(ninep_clunk(&w->client, out) == 0);
	EXPECT(ninep_finish(&reading) == 0 && reading.m.rread.data.length == 0);
	EXPECT(ninep_ready(&r->client, in, &events) == 0 && events == NINEP_READY_HANGUP);
	EXPECT(ninep_clunk(&r->client, in) == 0);
	/* A reader that goes. */
	EXPECT(session_open(&other, "pipe.tests") && pipe_made(&other, w, &in2, &out2));
	ninep_end(&other.client);
	events = 0;
	EXPECT(ninep_ready(&w->client, out2, &events) == 0 && events == NINEP_READY_ERROR);
	EXPECT(ninep_write(&w->client, out2, 0, "x", 1, &done) == NINEP_EPIPE);
	EXPECT(ninep_clunk(&w->client, out2) == 0);
	EXPECT(ninep_walk(&w->client, w->root, "1", &out2) == NINEP_ENOENT);
	return true;
}

static bool pipes_between_sessions(void)
{
	static struct session r, w;
	uint32_t in, out;

	for (coreid_t core = 0; core < cores_up(); core++) {
		EXPECT(service_begin(&r, core, "pipe", "pipe.tests") && session_open(&w, "pipe.tests"));
		EXPECT(pipe_made(&r, &w, &in, &out) && pipe_carries(&r, &w, in, out));
		EXPECT(ends_are_told(&r, &w, in, out));
		ninep_end(&w.client);
		EXPECT(service_end(&r));
	}
	return true;
}

/* --- as they are at the start -------------------------------------------------------------------------- */

static bool services_there(void)
{
	static const char *const names[] = { "mem.files", "pipe", "dev" };
	struct session s = { 0 };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		EXPECT(session_open(&s, names[i]));
		ninep_end(&s.client);
	}
	return true;
}

const struct test mem_tests[] = {
	{ "files in memory on each core", files_in_memory },
	{ "pipes on each core", pipes_between_sessions },
	{ "mem, pipe and dev are there", services_there },
	{ 0 },
};
