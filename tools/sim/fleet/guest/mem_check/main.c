/* When the clients have done all: is each name there that they made and did not remove, and is the counter right? */
#include "libos/ninep/client.h"
#include "services/mem/member.h"
#include "tools/sim/fleet/host.h"

#define SOME 32 /* entries at a time */

static struct ninep_client files;

static void must(unsigned error, const char *what)
{
	if (error)
		host_violation("the check's %s gives \"%s\"", what, ninep_error_text(error));
}

/* Names but "." and "..", and the counter's. */
static uint64_t names(uint32_t root)
{
	static struct ninep_dir_entry entry[SOME];
	uint64_t n = 0, offset = 0;
	unsigned count;
	uint32_t fid;

	must(ninep_walk(&files, root, "", &fid), "walk");
	must(ninep_open(&files, fid, NINEP_RDONLY), "open");
	do {
		must(ninep_readdir(&files, fid, offset, entry, SOME, &count), "readdir");
		for (unsigned i = 0; i < count; i++)
			n += entry[i].name[0] >= '0' && entry[i].name[0] <= '9';
		if (count)
			offset = entry[count - 1].next;
	} while (count);
	return n;
}

int main(void)
{
	struct fabric *f;
	uint32_t root, fid;
	uint64_t n = 0;
	size_t done;

	if (fabric_here(&f))
		return 1;
	must(ninep_connect(&files, f, MEM_FILES), "connection");
	must(ninep_attach(&files, "", "", &root), "attach");
	n = names(root);
	if (n != host_count("names", 0))
		host_violation("%lu names are there, and should be %lu", n, host_count("names", 0));
	must(ninep_walk(&files, root, "counter", &fid), "walk to the counter");
	must(ninep_open(&files, fid, NINEP_RDONLY), "open of the counter");
	must(ninep_read(&files, fid, 0, &n, sizeof n, &done), "read of the counter");
	if (n != host_count("counted", 0))
		host_violation("the counter is %lu, and should be %lu", n, host_count("counted", 0));
	ninep_end(&files);
	return 0;
}
