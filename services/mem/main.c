/*
 * mem [quota=MIB]: a file system in memory over 9P, by a fleet (member.c).
 * mem NAME [quota=MIB]: by this process alone, under that name.
 *
 * Files may take as many MiB as the quota says; statfs tells.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/core/error_text.h"
#include "services/mem/member.h"
#include "services/mem/tree.h"

#define QUOTA_MIB 256
#define MIB_BITS 20

static err_t serve(const char *name, uint64_t quota)
{
	static struct memfs fs;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err && memfs_init(&fs, quota, mem_clock))
		err = ERR_NO_MEMORY;
	return err ? err : ninep_serve_tree(f, mem_tree(&fs), name);
}

int main(int argc, char **argv)
{
	uint64_t quota = QUOTA_MIB;
	const char *name = NULL;
	err_t err;

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "quota=", 6))
			quota = strtoull(argv[i] + 6, NULL, 10);
		else if (!strchr(argv[i], '=')) /* the fleet's own have one */
			name = argv[i];
	if (!name)
		return mem_member(argc, argv, quota << MIB_BITS);
	err = serve(name, quota << MIB_BITS);
	if (!err)
		return 0;
	fprintf(stderr, "mem: %s\n", error_text(err));
	return 1;
}
