/*
 * 9P in the system: the dev service on the cores that there are, by LMP and by URPC.
 *
 * Oracle: contents, error numbers, that nothing is lost of a client that is killed or of requests whose server
 * is.
 */
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/client.h"
#include "libos/thread/thread.h"
#include "user/tests/tap.h"

#define CORES_TRIED 3
#define CLIENTS 40
#define FIDS 50
#define IN_FLIGHT 30

static coreid_t cores_up(void)
{
	struct mon_core core;
	coreid_t n = 0;

	while (n < CORES_TRIED && !mon_core(n, &core) && core.state == MON_CORE_UP)
		n++;
	return n;
}

struct session {
	struct ninep_client client;
	uint64_t pid;
	uint32_t root;
};

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

/* Starts a service under that name and a session with it. */
static bool service_begin(struct session *s, coreid_t core, const char *name)
{
	const char *argv[] = { "dev", name };

	EXPECT_OK(mon_spawn(core, 2, argv, &s->pid));
	return session_open(s, name);
}

static bool opened(struct session *s, const char *path, uint32_t flags, uint32_t *fid)
{
	EXPECT(ninep_walk(&s->client, s->root, path, fid) == 0);
	EXPECT(ninep_open(&s->client, *fid, flags) == 0);
	return true;
}

/* Ends it, and sees that it has ended well. */
static bool service_end(struct session *s)
{
	uint64_t status;
	uint32_t fid;
	unsigned cause;
	size_t done;

	EXPECT(opened(s, "stop", NINEP_WRONLY, &fid));
	EXPECT(ninep_write(&s->client, fid, 0, "x", 1, &done) == 0);
	EXPECT_OK(mon_wait(s->pid, &cause, &status));
	EXPECT(cause == MON_EXITED && status == 0);
	ninep_end(&s->client);
	return true;
}

/* --- files ------------------------------------------------------------------------------------- */

static bool null_and_zero(struct session *s)
{
	static char bytes[200000];
	uint32_t null, zero;
	size_t done;

	EXPECT(opened(s, "null", NINEP_RDWR, &null) && opened(s, "zero", NINEP_RDWR, &zero));
	EXPECT(ninep_write(&s->client, null, 0, "x", 1, &done) == 0 && done == 1);
	EXPECT(ninep_write(&s->client, null, 0, bytes, sizeof(bytes), &done) == 0 && done == sizeof(bytes));
	EXPECT(ninep_read(&s->client, null, 0, bytes, sizeof(bytes), &done) == 0 && done == 0);
	memset(bytes, 1, sizeof(bytes));
	EXPECT(ninep_read(&s->client, zero, 0, bytes, sizeof(bytes), &done) == 0 && done == sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		EXPECT(bytes[i] == 0);
	EXPECT(ninep_clunk(&s->client, null) == 0 && ninep_clunk(&s->client, zero) == 0);
	return true;
}

static bool time_goes_on(struct session *s)
{
	char first[100] = "", second[100] = "";
	uint32_t fid;
	size_t done;

	EXPECT(opened(s, "time", NINEP_RDONLY, &fid));
	EXPECT(ninep_read(&s->client, fid, 0, first, sizeof(first) - 1, &done) == 0 && done > 20);
	/* What was there when it was opened stays. */
	EXPECT(ninep_read(&s->client, fid, 0, second, sizeof(second) - 1, &done) == 0);
	EXPECT(strcmp(first, second) == 0);
	EXPECT(ninep_clunk(&s->client, fid) == 0);
	EXPECT(opened(s, "time", NINEP_RDONLY, &fid));
	EXPECT(ninep_read(&s->client, fid, 0, second, sizeof(second) - 1, &done) == 0);
	EXPECT(strcmp(first, second) != 0);
	EXPECT(ninep_clunk(&s->client, fid) == 0);
	return true;
}

static bool errors_come(struct session *s)
{
	uint32_t fid = 0;
	size_t done;

	EXPECT(ninep_walk(&s->client, s->root, "nothing", &fid) == NINEP_ENOENT);
	EXPECT(ninep_walk(&s->client, s->root, "null/below", &fid) == NINEP_ENOENT);
	EXPECT(ninep_open(&s->client, s->root, NINEP_RDWR) == NINEP_EISDIR);
	EXPECT(ninep_walk(&s->client, s->root, "time", &fid) == 0);
	EXPECT(ninep_open(&s->client, fid, NINEP_WRONLY) == NINEP_EACCES);
	EXPECT(ninep_read(&s->client, fid, 0, &done, 1, &done) == NINEP_EBADF);
	EXPECT(ninep_clunk(&s->client, fid) == 0);
	EXPECT(ninep_clunk(&s->client, fid) == NINEP_EBADF);
	EXPECT(ninep_mkdir(&s->client, s->root, "dir", 0755) == NINEP_EROFS);
	return true;
}

static bool directory_read(struct session *s)
{
	static struct ninep_dir_entry e[20];
	unsigned count, found = 0;
	uint32_t fid;

	EXPECT(opened(s, "", NINEP_RDONLY, &fid));
	EXPECT(ninep_readdir(&s->client, fid, 0, e, 20, &count) == 0);
	for (unsigned i = 0; i < count; i++)
		found += !strcmp(e[i].name, "null") || !strcmp(e[i].name, "time") || !strcmp(e[i].name, "..");
	EXPECT(found == 3);
	EXPECT(ninep_clunk(&s->client, fid) == 0);
	return true;
}

static bool files_served(void)
{
	static struct session s;

	for (coreid_t core = 0; core < cores_up(); core++) {
		EXPECT(service_begin(&s, core, "dev.files"));
		EXPECT(null_and_zero(&s) && time_goes_on(&s) && errors_come(&s) && directory_read(&s));
		EXPECT(service_end(&s));
	}
	return true;
}

/* --- buffers ------------------------------------------------------------------------------------ */

static bool payloads_not_copied(void)
{
	static struct session s;
	struct bulk_buffer b;
	uint32_t zero, done;
	uint64_t copies;

	for (coreid_t core = 0; core < cores_up(); core++) {
		EXPECT(service_begin(&s, core, "dev.bulk"));
		EXPECT(opened(&s, "zero", NINEP_RDWR, &zero));
		EXPECT(ninep_buffer_take(&s.client, &b) == 0);
		copies = s.client.copies;
		memset(b.data, 7, NINEP_BUFFER_BYTES);
		EXPECT(ninep_write_buffer(&s.client, zero, 0, &b, NINEP_BUFFER_BYTES, &done) == 0);
		EXPECT(done == NINEP_BUFFER_BYTES && b.data[done - 1] == 7);
		EXPECT(ninep_read_buffer(&s.client, zero, 0, &b, 5000, &done) == 0 && done == 5000);
		EXPECT(b.data[4999] == 0 && b.data[5000] == 7);
		EXPECT(s.client.copies == copies);
		ninep_buffer_free(&s.client, &b);
		EXPECT(service_end(&s));
	}
	return true;
}

/* --- in flight ------------------------------------------------------------------------------------ */

static bool requests_in_flight(void)
{
	static struct ninep_request r[IN_FLIGHT], slow;
	static struct session s;
	static char in[IN_FLIGHT][64], event[16];
	uint32_t zero, fid;
	size_t done;

	for (coreid_t core = 0; core < cores_up(); core++) {
		memset(in, 1, sizeof(in));
		EXPECT(service_begin(&s, core, "dev.flight"));
		EXPECT(opened(&s, "zero", NINEP_RDONLY, &zero) && opened(&s, "event", NINEP_RDWR, &fid));
		EXPECT(ninep_write(&s.client, fid, 0, "early", 5, &done) == NINEP_EAGAIN);
		EXPECT(ninep_read_start(&s.client, &slow, fid, 0, event, sizeof(event)) == 0);
		for (unsigned i = 0; i < IN_FLIGHT; i++)
			EXPECT(ninep_read_start(&s.client, &r[i], zero, 0, in[i], i + 1) == 0);
		for (unsigned i = IN_FLIGHT; i-- > 0;) {
			EXPECT(ninep_finish(&r[i]) == 0 && r[i].m.rread.data.length == i + 1);
			EXPECT(in[i][i] == 0 && in[i][i + 1] == 1);
		}
		EXPECT(!slow.done);
		EXPECT(ninep_write(&s.client, fid, 0, "hello", 5, &done) == 0);
		EXPECT(ninep_finish(&slow) == 0 && slow.m.rread.data.length == 5 && !memcmp(event, "hello", 5));
		EXPECT(ninep_read_start(&s.client, &slow, fid, 0, event, sizeof(event)) == 0);
		EXPECT(ninep_flush(&slow) == NINEP_EINTR);
		EXPECT(ninep_write(&s.client, fid, 0, "late", 4, &done) == NINEP_EAGAIN);
		EXPECT(service_end(&s));
	}
	return true;
}

/* --- ends ---------------------------------------------------------------------------------------- */

static bool server_killed(void)
{
	static struct ninep_request slow;
	static struct session s;
	static char event[16];
	uint32_t fid;

	for (coreid_t core = 0; core < cores_up(); core++) {
		EXPECT(service_begin(&s, core, "dev.killed"));
		EXPECT(opened(&s, "event", NINEP_RDWR, &fid));
		EXPECT(ninep_read_start(&s.client, &slow, fid, 0, event, sizeof(event)) == 0);
		EXPECT_OK(mon_kill(s.pid));
		EXPECT(ninep_finish(&slow) == NINEP_ECONNRESET);
		EXPECT(ninep_clunk(&s.client, fid) == NINEP_ECONNRESET);
		EXPECT_OK(mon_wait(s.pid, NULL, NULL));
		ninep_end(&s.client);
	}
	return true;
}

/* Many sessions, one after the other, each left with fids open and a read that is not answered. */
static bool clients_that_go(void)
{
	static struct ninep_request slow;
	static struct session s, other;
	static char event[16];
	uint32_t fid;

	for (coreid_t core = 0; core < cores_up(); core++) {
		EXPECT(service_begin(&s, core, "dev.clients"));
		for (unsigned i = 0; i < CLIENTS; i++) {
			EXPECT(session_open(&other, "dev.clients"));
			for (unsigned n = 0; n < FIDS; n++)
				EXPECT(opened(&other, "time", NINEP_RDONLY, &fid));
			EXPECT(opened(&other, "event", NINEP_RDONLY, &fid));
			EXPECT(ninep_read_start(&other.client, &slow, fid, 0, event, sizeof(event)) == 0);
			ninep_end(&other.client);
			EXPECT(slow.done && slow.error == NINEP_ECONNRESET);
		}
		EXPECT(errors_come(&s));
		EXPECT(service_end(&s));
	}
	return true;
}

const struct test ninep_tests[] = {
	{ "files of a service on each core", files_served },
	{ "payloads in buffers are not copied", payloads_not_copied },
	{ "requests in flight, answered later, flushed", requests_in_flight },
	{ "a server that is killed in mid-answer", server_killed },
	{ "clients that go with files open", clients_that_go },
	{ 0 },
};
