/*
 * 9P to the host's files, through virtio-9p: writes to one file of the folder that QEMU shares, at its beginning.
 *
 * Elapsed ticks, from the call till the answer is there; most of them are the emulator's and its host's. Without
 * the device nothing is measured.
 */
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/client.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 64
#define FILE_NAME "skerry-bench.tmp"

struct session {
	struct ninep_client client;
	uint32_t root, file;
};

static unsigned session_open(struct session *s, struct fabric *f)
{
	unsigned error = ninep_connect(&s->client, f, "host");

	if (!error)
		error = ninep_attach(&s->client, "bench", "", &s->root);
	if (!error)
		error = ninep_walk(&s->client, s->root, "", &s->file);
	return error ? error : ninep_create(&s->client, s->file, FILE_NAME, NINEP_RDWR | NINEP_TRUNC, 0600);
}

static unsigned write_once(struct session *s, uint32_t size)
{
	size_t done = 0;
	unsigned error = ninep_write(&s->client, s->file, 0, bench_bytes, size, &done);

	return error ? error : done != size;
}

static err_t measure_host(const struct measure *m)
{
	uint32_t size = (uint32_t)strtoul(strrchr(m->name, '_') + 1, NULL, 10);
	static struct session s;
	double values[SAMPLES];
	struct fabric *f;
	unsigned error;
	err_t err = fabric_here(&f);

	if (err)
		return err;
	memset(&s, 0, sizeof(s));
	error = session_open(&s, f);
	if (error == NINEP_ENOENT)
		return ERR_OK;
	if (error)
		return ERR_MESSAGE;
	BENCH_SAMPLES(values, SAMPLES, LOOPS, error |= write_once(&s, size));
	error |= ninep_unlink(&s.client, s.root, FILE_NAME, false);
	ninep_end(&s.client);
	if (!error)
		report_samples(m, m->name, m->cores, values, SAMPLES);
	return error ? ERR_MESSAGE : ERR_OK;
}

const struct measure host_measures[] = {
	{ "ninep_host_1", "9P write of 1 byte to a file of the host, if it offers some", "write", 0, 1, measure_host },
	{ "ninep_host_4096", "... of 4 KiB", "write", 0, 1, measure_host },
	{ "ninep_host_65536", "... of 64 KiB", "write", 0, 1, measure_host },
	{ 0 },
};
