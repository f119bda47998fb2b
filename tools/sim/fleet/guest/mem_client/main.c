/*
 * A client of the file system in memory, with a ledger: files of its own, made, appended to, renamed, removed (also
 * while they are open) and read, and a counter that is everybody's, under a lock. It knows what each of its calls must
 * give, done once, and what is in each file.
 */
#include "libos/fleet/fleet.h"
#include "libos/ninep/client.h"
#include "libos/thread/thread.h"
#include "services/mem/member.h"
#include "tools/sim/fleet/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 6
#define NAME 40
#define ENTRIES_MOST 60
#define COUNTER "counter"
#define WAIT_NS 100000
#define DIRECTORY true

/* What is appended; it says where it belongs. */
struct entry {
	uint64_t client, serial, index, more[13];
};

static struct mine {
	bool there, named;
	uint32_t fid;
	uint64_t serial, name, entries;
} mine[FILES];

static struct fabric *fabric;
static struct ninep_client files;
static uint32_t root, counter;
static uint64_t self, serials;

static const char *text(unsigned error) { return error ? ninep_error_text(error) : "no error"; }

static void must(unsigned error, unsigned wanted, const char *what, const struct mine *f)
{
	if (error != wanted)
		host_violation("client %lu: %s of file %lu, %lu entries, gives \"%s\", and should give \"%s\"", self,
			       what, f ? f->serial : 0, f ? f->entries : 0, text(error), text(wanted));
}

static void name_of(uint64_t name, char text[NAME]) { snprintf(text, NAME, "%lu.%lu", self, name); }

static struct entry entry_of(const struct mine *f, uint64_t index)
{
	struct entry e = { .client = self, .serial = f->serial, .index = index };

	memset(e.more, (int)(index % 251), sizeof e.more);
	return e;
}

/* --- its own files ------------------------------------------------------------------------------ */

static void make(struct mine *f)
{
	char name[NAME];

	*f = (struct mine){ .there = true, .named = true, .serial = ++serials };
	f->name = f->serial;
	name_of(f->name, name);
	must(ninep_walk(&files, root, "", &f->fid), 0, "walk", f);
	must(ninep_create(&files, f->fid, name, NINEP_RDWR | NINEP_EXCL | NINEP_APPEND, 0600), 0, "create", f);
	host_count("names", 1);
}

static void append(struct mine *f)
{
	struct entry e = entry_of(f, f->entries);
	size_t done;

	must(ninep_write(&files, f->fid, 0, &e, sizeof e, &done), 0, "write", f);
	if (done != sizeof e)
		host_violation("client %lu writes %lu bytes", self, done);
	f->entries++;
}

static void entry_check(const struct mine *f, uint64_t index)
{
	struct entry is, e = entry_of(f, index);
	size_t done;

	must(ninep_read(&files, f->fid, index * sizeof is, &is, sizeof is, &done), 0, "read", f);
	if (done != sizeof is || memcmp(&is, &e, sizeof e))
		host_violation("client %lu reads entry %lu of file %lu, %lu bytes, where %lu of %lu was", self,
			       is.index, is.serial, done, index, f->serial);
}

static void look(const struct mine *f)
{
	struct ninep_attr a;

	must(ninep_getattr(&files, f->fid, &a), 0, "getattr", f);
	if (a.size != f->entries * sizeof(struct entry) || (a.nlink != 0) != f->named)
		host_violation("client %lu: file %lu of %lu entries has %lu bytes, %lu names", self, f->serial,
			       f->entries, a.size, a.nlink);
	if (f->entries)
		entry_check(f, host_random(f->entries));
}

static void move(struct mine *f)
{
	char from[NAME], to[NAME];
	uint32_t fid;

	name_of(f->name, from);
	f->name = ++serials;
	name_of(f->name, to);
	must(ninep_rename(&files, root, from, root, to), 0, "rename", f);
	must(ninep_walk(&files, root, from, &fid), NINEP_ENOENT, "walk to the old name", f);
	must(ninep_walk(&files, root, to, &fid), 0, "walk to the new name", f);
	must(ninep_clunk(&files, fid), 0, "clunk", f);
}

static void take_away(struct mine *f)
{
	char name[NAME];

	name_of(f->name, name);
	f->named = false;
	must(ninep_unlink(&files, root, name, !DIRECTORY), 0, "unlink", f);
	must(ninep_unlink(&files, root, name, !DIRECTORY), NINEP_ENOENT, "a second unlink", f);
	host_count("names", -1);
}

static void leave(struct mine *f)
{
	must(ninep_clunk(&files, f->fid), 0, "clunk", f);
	f->there = false;
}

static void file_step(struct mine *f)
{
	uint64_t what = host_random(8);

	if (!f->there)
		make(f);
	else if (f->entries == ENTRIES_MOST && f->named)
		take_away(f);
	else if (f->entries == ENTRIES_MOST || (what == 0 && !f->named))
		leave(f);
	else if (what == 1 && f->named)
		move(f);
	else if (what == 2 && f->named)
		take_away(f);
	else if (what < 6)
		append(f);
	else
		look(f);
}

/* --- what is everybody's ----------------------------------------------------------------------------- */

static void counter_lock(uint8_t type)
{
	struct ninep_lock l = { .type = type, .flags = NINEP_LOCK_BLOCK, .proc_id = 1, .client_id = { "", 0 } };

	must(ninep_lock(&files, counter, &l), 0, type == NINEP_LOCK_NONE ? "unlock" : "lock", NULL);
}

static void count(void)
{
	uint64_t n = 0;
	size_t done;

	counter_lock(NINEP_LOCK_WRITE);
	must(ninep_read(&files, counter, 0, &n, sizeof n, &done), 0, "read of the counter", NULL);
	if (n != host_count("counted", 0))
		host_violation("client %lu finds %lu counted, not %lu", self, n, host_count("counted", 0));
	n++;
	must(ninep_write(&files, counter, 0, &n, sizeof n, &done), 0, "write of the counter", NULL);
	host_count("counted", 1);
	counter_lock(NINEP_LOCK_NONE);
}

static void folder(void)
{
	char name[NAME];

	name_of(++serials, name);
	must(ninep_mkdir(&files, root, name, 0700), 0, "mkdir", NULL);
	must(ninep_mkdir(&files, root, name, 0700), NINEP_EEXIST, "a second mkdir", NULL);
	must(ninep_unlink(&files, root, name, DIRECTORY), 0, "rmdir", NULL);
}

static void step(void)
{
	uint64_t what = host_random(10);

	if (what == 0)
		count();
	else if (what == 1)
		folder();
	else
		file_step(&mine[host_random(FILES)]);
}

/* --- its life --------------------------------------------------------------------------------------------- */

/* The heir, when it is there. */
static unsigned heir_open(struct ninep_client *c)
{
	struct channel_options options = { .bulk_bits = NINEP_BULK_BITS };
	err_t err;

	while ((err = channel_open(fabric, MEM_FILES, &options, &c->channel)))
		thread_sleep_until(fabric_now(fabric) + WAIT_NS);
	err = ninep_link_channel(&c->link, &c->channel);
	return ninep_error_of(err);
}

/* The first who comes makes it. */
static void counter_open(void)
{
	unsigned error;

	must(ninep_walk(&files, root, "", &counter), 0, "walk", NULL);
	error = ninep_create(&files, counter, COUNTER, NINEP_RDWR | NINEP_EXCL, 0600);
	if (error != NINEP_EEXIST) {
		must(error, 0, "create of the counter", NULL);
		return;
	}
	must(ninep_clunk(&files, counter), 0, "clunk", NULL);
	must(ninep_walk(&files, root, COUNTER, &counter), 0, "walk to the counter", NULL);
	must(ninep_open(&files, counter, NINEP_RDWR), 0, "open of the counter", NULL);
}

static void begin(void)
{
	while (ninep_connect(&files, fabric, MEM_FILES))
		thread_sleep_until(fabric_now(fabric) + WAIT_NS);
	must(ninep_keep(&files, heir_open), 0, "the session", NULL);
	must(ninep_attach(&files, "", "", &root), 0, "attach", NULL);
	counter_open();
}

int main(int argc, char **argv)
{
	if (argc < 2 || fabric_here(&fabric))
		return 1;
	self = strtoull(argv[1], NULL, 10);
	begin();
	for (uint64_t i = 0; host_go_on(i); i++) {
		uint64_t from = fabric_now(fabric);

		step();
		host_answered("files", from);
	}
	for (struct mine *f = mine; f < mine + FILES; f++)
		for (uint64_t i = 0; f->there && i < f->entries; i++)
			entry_check(f, i);
	host_count("resumed", (int64_t)files.resumed);
	ninep_end(&files);
	host_done();
	return 0;
}
