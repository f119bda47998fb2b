/*
 * The memory file system and pipes, by 9P: a write or a read of a file, bytes through a pipe, on the same core.
 *
 * Payloads of more than a line lie in a buffer that the link's ends share, so each is copied once, into the file or
 * the pipe or out of it. Both sides are counted. What programs see of it, by POSIX's calls, is in bench_files.c.
 */
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/client.h"
#include "libos/thread/thread.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 250
#define SERVICE "bench.mem"

static struct session {
	struct ninep_client client;
	struct bulk_buffer buffer;
	uint32_t root, in, out; /* in is read from, out written to */
	uint64_t pid;
	uint32_t size;
} s;

static err_t error_of(unsigned error) { return error ? ERR_MESSAGE : ERR_OK; }

static unsigned opened(const char *path, uint32_t flags, uint32_t *fid)
{
	unsigned error = ninep_walk(&s.client, s.root, path, fid);

	return error ? error : ninep_open(&s.client, *fid, flags);
}

static err_t session_open(const char *program)
{
	const char *argv[] = { program, SERVICE };
	struct fabric *f;
	unsigned error;
	err_t err = fabric_here(&f);

	memset(&s, 0, sizeof(s));
	if (!err)
		err = mon_spawn(dispatcher_core(), 2, argv, &s.pid);
	if (err)
		return err;
	while ((error = ninep_connect(&s.client, f, SERVICE)) == NINEP_ENOENT)
		thread_yield();
	if (!error)
		error = ninep_attach(&s.client, "bench", "", &s.root);
	if (!error)
		error = ninep_buffer_take(&s.client, &s.buffer);
	return error_of(error);
}

static err_t session_close(void)
{
	err_t err = mon_kill(s.pid);

	ninep_end(&s.client);
	return err ? err : mon_wait(s.pid, NULL, NULL);
}

static unsigned write_once(void)
{
	static char payload[NINEP_SHORT];
	unsigned error;
	uint32_t took;
	size_t done;

	if (s.size > NINEP_SHORT) {
		error = ninep_write_buffer(&s.client, s.out, 0, &s.buffer, s.size, &took);
		return error ? error : took != s.size;
	}
	error = ninep_write(&s.client, s.out, 0, payload, s.size, &done);
	return error ? error : done != s.size;
}

static unsigned read_once(void)
{
	static char payload[NINEP_SHORT];
	unsigned error;
	uint32_t got;
	size_t done;

	if (s.size > NINEP_SHORT) {
		error = ninep_read_buffer(&s.client, s.in, 0, &s.buffer, s.size, &got);
		return error ? error : got != s.size;
	}
	error = ninep_read(&s.client, s.in, 0, payload, s.size, &done);
	return error ? error : done != s.size;
}

static unsigned file_open(void)
{
	unsigned error = ninep_walk(&s.client, s.root, "", &s.out);

	if (!error)
		error = ninep_create(&s.client, s.out, "file", NINEP_WRONLY, 0600);
	return error ? error : opened("file", NINEP_RDONLY, &s.in);
}

static unsigned pipe_open(void)
{
	uint32_t made;
	unsigned error = opened("new", NINEP_RDONLY, &made); /* the service is new: this one is number 1 */

	if (!error)
		error = opened("1/r", NINEP_RDONLY, &s.in);
	return error ? error : opened("1/w", NINEP_WRONLY, &s.out);
}

/* The name says what, and ends in the size. */
static err_t measure_mem(const struct measure *m)
{
	bool pipe = !strncmp(m->name, "pipe", 4), reads = strstr(m->name, "read");
	double values[SAMPLES];
	unsigned error = 0;
	err_t err = session_open(pipe ? "pipe" : "mem");

	s.size = (uint32_t)strtoul(strrchr(m->name, '_') + 1, NULL, 10);
	if (!err)
		err = error_of(pipe ? pipe_open() : file_open());
	if (!err)
		err = error_of(write_once());
	if (err)
		return err;
	if (pipe) {
		error = read_once();
		BENCH_SAMPLES(values, SAMPLES, LOOPS, error |= write_once() | read_once());
	} else if (reads) {
		BENCH_SAMPLES(values, SAMPLES, LOOPS, error |= read_once());
	} else {
		BENCH_SAMPLES(values, SAMPLES, LOOPS, error |= write_once());
	}
	err = session_close();
	if (!err)
		err = error_of(error);
	if (!err)
		report_samples(m, m->name, m->cores, values, SAMPLES);
	return err;
}

const struct measure mem_measures[] = {
	{ "mem_write_1", "9P write of 1 byte to a file in memory", "write", 0, 1, measure_mem },
	{ "mem_write_4096", "... of 4 KiB", "write", 0, 1, measure_mem },
	{ "mem_write_65536", "... of 64 KiB", "write", 0, 1, measure_mem },
	{ "mem_read_4096", "9P read of 4 KiB of a file in memory", "read", 0, 1, measure_mem },
	{ "pipe_through_64", "9P write of 64 bytes to a pipe, and their read", "pair", 0, 1, measure_mem },
	{ "pipe_through_4096", "... of 4 KiB", "pair", 0, 1, measure_mem },
	{ 0 },
};
