/*
 * 9P: a write to the null file of the dev service, on the same core and on another, of 1 byte to 64 KiB.
 *
 * The payload lies in a buffer that the link's ends share (ninep_*), or in the program's memory, from where it is
 * copied once (ninep_copy_*). Both sides are counted, from the call till the answer is there. On another core both
 * poll: a core without anything to do is not what is measured.
 */
#include <stdlib.h>
#include <string.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/client.h"
#include "libos/thread/thread.h"
#include "user/bench/bench.h"

#define SAMPLES 16
#define LOOPS 625 /* 10,000 in all */
#define SERVICE "bench.dev"

struct session {
	struct ninep_client client;
	struct bulk_buffer buffer;
	uint32_t root, null;
	uint64_t pid;
	uint32_t size;
	bool copy;
};

static err_t session_error(unsigned error) { return error ? ERR_MESSAGE : ERR_OK; }

static err_t session_open(struct session *s, coreid_t core)
{
	const char *argv[] = { "dev", SERVICE };
	struct fabric *f;
	unsigned error;
	err_t err = fabric_here(&f);

	if (!err)
		err = mon_spawn(core, 2, argv, &s->pid);
	if (err)
		return err;
	while ((error = ninep_connect(&s->client, f, SERVICE)) == NINEP_ENOENT)
		thread_yield();
	if (!error)
		error = ninep_attach(&s->client, "bench", "", &s->root);
	if (!error)
		error = ninep_walk(&s->client, s->root, "null", &s->null);
	if (!error)
		error = ninep_open(&s->client, s->null, NINEP_WRONLY);
	if (!error)
		error = ninep_buffer_take(&s->client, &s->buffer);
	return session_error(error);
}

static err_t session_close(struct session *s)
{
	uint32_t stop;
	size_t done;
	unsigned error = ninep_walk(&s->client, s->root, "stop", &stop);

	if (!error)
		error = ninep_open(&s->client, stop, NINEP_WRONLY);
	if (!error)
		error = ninep_write(&s->client, stop, 0, "x", 1, &done);
	if (!error && mon_wait(s->pid, NULL, NULL))
		error = NINEP_EIO;
	ninep_end(&s->client);
	return session_error(error);
}

static unsigned write_once(struct session *s)
{
	unsigned error;
	uint32_t took;
	size_t done;

	if (!s->copy && s->size > NINEP_SHORT) {
		error = ninep_write_buffer(&s->client, s->null, 0, &s->buffer, s->size, &took);
		return error ? error : took != s->size;
	}
	error = ninep_write(&s->client, s->null, 0, bench_bytes, s->size, &done);
	return error ? error : done != s->size;
}

/* The name ends in the size, and begins with ninep_far for another core; "copy" in it: out of the program's memory. */
static err_t measure_writes(const struct measure *m)
{
	coreid_t core = dispatcher_core();
	double values[SAMPLES];
	static struct session s;
	unsigned error = 0;
	err_t err;

	memset(&s, 0, sizeof(s));
	if (m->cores > 1)
		core = (core + 1) % bench_cores();
	s.size = (uint32_t)strtoul(strrchr(m->name, '_') + 1, NULL, 10);
	s.copy = strstr(m->name, "copy") != NULL;
	err = session_open(&s, core);
	if (!err)
		err = session_error(write_once(&s));
	if (err)
		return err;
	s.client.copies = 0;
	BENCH_SAMPLES(values, SAMPLES, LOOPS, error |= write_once(&s));
	/* Small payloads ride in the message, larger ones are copied when one asks for it, and not else. */
	if (s.client.copies != (s.copy || s.size <= NINEP_SHORT ? SAMPLES * LOOPS : 0))
		error = NINEP_EIO;
	err = session_close(&s);
	if (!err)
		err = session_error(error);
	if (!err)
		report_samples(m, m->name, m->cores, values, SAMPLES);
	return err;
}

const struct measure ninep_measures[] = {
	{ "ninep_1", "9P write of 1 byte to null on the same core", "write", 2500, 1, measure_writes },
	{ "ninep_4096", "... of 4 KiB, in a shared buffer", "write", 3500, 1, measure_writes },
	{ "ninep_65536", "... of 64 KiB, in a shared buffer", "write", 3500, 1, measure_writes },
	{ "ninep_copy_65536", "... of 64 KiB, copied once out of the program's memory", "write", 0, 1, measure_writes },
	{ "ninep_far_1", "9P write of 1 byte to null on another core", "write", 2500, 2, measure_writes },
	{ "ninep_far_4096", "... of 4 KiB, in a shared buffer", "write", 3500, 2, measure_writes },
	{ "ninep_far_65536", "... of 64 KiB, in a shared buffer", "write", 3500, 2, measure_writes },
	{ 0 },
};
