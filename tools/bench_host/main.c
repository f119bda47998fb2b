/*
 * bench_host [commit]: takes the samples and prints one JSON object per measure on
 * standard output, nothing else.  The table for people goes to standard error.
 *
 * With one processor the two threads share it and the figures across cores mean
 * nothing but that it works.
 */
/* needs: libos/fabric/urpc.c libos/fabric/hint.c libos/fabric/wait.c libos/fabric/wait_board.c */
/* needs: libos/fabric/channel.c libos/fabric/channel_urpc.c libos/fabric/hosted/hosted.c */
/* needs: libos/fabric/hosted/looks.c */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/bench_host/bench_host.h"

static const struct measure *measures[MEASURES_MAX];
static double values[MEASURES_MAX][SAMPLES];
static unsigned count;
static int cpu[2];
static _Alignas(PAGE_SIZE) char pool[FRAMES + POOL_ROOM][SIZE_OF_BITS(URPC_FRAME_BITS)];

static void pin(int to)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(to, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity");
}

/* The first two processors that we may use; the same twice when there is one. */
static void cpus_find(void)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set)) {
		perror("sched_getaffinity");
		exit(1);
	}
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	if (n == 1)
		cpu[1] = cpu[0];
}

struct peer {
	const struct measure *m;
	uint32_t up;
};

static void *peer_main(void *arg)
{
	struct peer *p = arg;

	pin(cpu[1]);
	mem_store32_release(&p->up, 1);
	p->m->there(p->m->rounds);
	return NULL;
}

static double sample_pair(const struct measure *m)
{
	struct peer p = { .m = m };
	uint64_t start, took;
	pthread_t t;

	if (pthread_create(&t, NULL, peer_main, &p)) {
		perror("pthread_create");
		exit(1);
	}
	while (!mem_load32_acquire(&p.up))
		sched_yield();
	start = bench_clock();
	m->here(m->rounds);
	took = bench_clock() - start;
	pthread_join(t, NULL);
	return (double)took / (double)m->rounds;
}

static double sample(const struct measure *m, char *frame)
{
	uint64_t start;

	m->reset(frame);
	if (m->sample)
		return m->sample(m->rounds);
	if (m->there)
		return sample_pair(m);
	start = bench_clock();
	m->here(m->rounds);
	return (double)(bench_clock() - start) / (double)m->rounds;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const struct measure *m, const double *v, const char *commit)
{
	printf("{\"name\":\"%s\",\"unit\":\"cycles/%s\",\"method\":\"tsc\",\"accelerator\":\"native\",\"cores\":%u,"
	       "\"median\":%.1f,\"min\":%.1f,\"max\":%.1f,\"p10\":%.1f,\"n\":%d,\"commit\":\"%s\"}\n",
	       m->name, m->unit, m->cores, v[SAMPLES / 2], v[0], v[SAMPLES - 1], v[SAMPLES / 10], SAMPLES, commit);
}

static void table_add(const struct measure *m)
{
	for (; m->name; m++)
		measures[count++] = m;
}

static const double *values_of(const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		const char *a = measures[i]->name, *b = name;

		while (*a && *a == *b)
			a++, b++;
		if (*a == *b)
			return values[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const double *urpc, *raw;

	cpus_find();
	pin(cpu[0]);
	table_add(raw_measures);
	table_add(urpc_measures);
	table_add(idle_measures);
	for (unsigned s = 0; s < SAMPLES; s++)
		for (unsigned i = 0; i < count; i++)
			values[i][s] = sample(measures[i], pool[s % FRAMES]);
	for (unsigned i = 0; i < count; i++) {
		qsort(values[i], SAMPLES, sizeof(double), compare);
		report(measures[i], values[i], argc > 1 ? argv[1] : "unknown");
	}
	urpc = values_of("urpc_rt");
	raw = values_of("raw_two_lines_rt");
	fprintf(stderr, "urpc_rt to raw_two_lines_rt: median %.3f, p10 %.3f\n", urpc[SAMPLES / 2] / raw[SAMPLES / 2],
		urpc[SAMPLES / 10] / raw[SAMPLES / 10]);
	return 0;
}
