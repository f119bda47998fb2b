/*
 * mem [NAME] [quota=MIB]: a file system in memory over 9P, under a name, "mem" if none is given.
 *
 * Files may take as many MiB as the quota says; statfs tells.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libos/core/error_text.h"
#include "services/mem/tree.h"

#define QUOTA_MIB 256
#define MIB_BITS 20

static struct mem_time now(void)
{
	struct timespec t = { 0 };

	/* A machine without a clock counts from its start. */
	if (clock_gettime(CLOCK_REALTIME, &t))
		clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mem_time){ (uint64_t)t.tv_sec, (uint64_t)t.tv_nsec };
}

static err_t serve(const char *name, uint64_t quota)
{
	static struct memfs fs;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err && memfs_init(&fs, quota, now))
		err = ERR_NO_MEMORY;
	return err ? err : ninep_serve_tree(f, mem_tree(&fs), name);
}

int main(int argc, char **argv)
{
	uint64_t quota = QUOTA_MIB;
	const char *name = "mem";
	err_t err;

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "quota=", 6))
			quota = strtoull(argv[i] + 6, NULL, 10);
		else
			name = argv[i];
	err = serve(name, quota << MIB_BITS);
	if (!err)
		return 0;
	fprintf(stderr, "mem: %s\n", error_text(err));
	return 1;
}
