/*
 * The memory file system's inodes, directories, contents and locks.
 *
 * Oracle: the same random operations on a directory of this machine give the same errors, the same tree and the same
 * bytes; locks against an array of who has which byte; every byte of memory that was counted comes back, also when the
 * quota ends any operation in its middle. ASan.
 */
/* needs: services/mem/inode.c services/mem/data.c services/mem/directory.c services/mem/names.c services/mem/lock.c */
/* needs: services/mem/extent.c tests/unit/mem_frame.c */
/* needs: libos/pipe/pipe.c tests/unit/ninep_later.c */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/mem/memfs.h"

#define QUOTA (UINT64_C(64) << 20)
#define STEPS 6000
#define NAMES 6
#define DEPTH 3
#define SPAN 20000

static struct memfs fs;
static uint64_t ticks;

static struct mem_time tick(void) { return (struct mem_time){ ++ticks / 1000, ticks % 1000 }; }

static uint64_t random_state = 88172645463325252;

static unsigned below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

static void begin(uint64_t quota) { assert_int_equal(memfs_init(&fs, quota, tick), 0); }

static void end(void)
{
	memfs_destroy(&fs);
	assert_int_equal(fs.used, 0);
	assert_int_equal(fs.inodes, 0);
}

static unsigned make(struct mem_inode *dir, const char *name, uint32_t mode, struct mem_inode **out)
{
	struct ninep_creation what = { .name = ninep_text(name), .target = ninep_text("target"), .mode = mode };

	return mem_create(dir, &what, 0, out);
}

/* --- like this machine's ------------------------------------------------------------------------- */

/* The directory that a path ends in, and its last name. */
static unsigned path_walk(const char *path, struct mem_inode **dir, struct ninep_text *last)
{
	const char *slash;
	unsigned error;

	for (*dir = fs.root; (slash = strchr(path, '/')); path = slash + 1) {
		error = mem_lookup(*dir, (struct ninep_text){ path, (uint16_t)(slash - path) }, dir);
		if (error)
			return error;
		if (!mem_is_dir(*dir)) /* a link leads nowhere */
			return mem_format(*dir) == NINEP_SYMLINK ? NINEP_ENOENT : NINEP_ENOTDIR;
	}
	*last = ninep_text(path);
	return 0;
}

static void path_draw(char *path)
{
	unsigned depth = 1 + below(DEPTH);

	*path = 0;
	for (unsigned i = 0; i < depth; i++)
		sprintf(path + strlen(path), "%s%c", i ? "/" : "", 'a' + below(NAMES));
}

static unsigned host_error(int result) { return result < 0 ? (unsigned)errno : 0; }

static void write_both(const char *path, struct mem_inode *i)
{
	static char bytes[SPAN];
	uint32_t count = below(SPAN), offset = below(SPAN);
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	memset(bytes, (int)below(256), count);
	assert_int_equal(pwrite(fd, bytes, count, offset), count);
	assert_int_equal(mem_write(i, offset, bytes, &count), 0);
	close(fd);
}

static void change_bytes(const char *path, struct mem_inode *dir, struct ninep_text name)
{
	struct ninep_attr a = { .size = below(2 * SPAN) };
	struct mem_inode *i;
	struct stat s;

	if (mem_lookup(dir, name, &i)) {
		assert_int_equal(lstat(path, &s), -1);
		return;
	}
	if (mem_format(i) != NINEP_FILE)
		return;
	if (below(3)) {
		write_both(path, i);
	} else {
		assert_int_equal(truncate(path, (off_t)a.size), 0);
		assert_int_equal(mem_setattr(i, NINEP_SET_SIZE, &a), 0);
	}
}

static void two_names(const char *path, const char *other, bool rename_it)
{
	struct mem_inode *dir, *newdir, *i;
	struct ninep_text name, newname;
	unsigned expected, error = path_walk(path, &dir, &name);

	if (!error)
		error = path_walk(other, &newdir, &newname);
	if (rename_it) {
		expected = host_error(rename(path, other));
		error = error ? error : mem_rename(dir, name, newdir, newname);
	} else {
		expected = host_error(linkat(AT_FDCWD, path, AT_FDCWD, other, 0));
		error = error ? error : mem_lookup(dir, name, &i);
		error = error ? error : mem_link(newdir, newname, i);
	}
	/* Of two reasons either will do. */
	assert_int_equal(!error, !expected);
}

static void one_name(unsigned what, const char *path)
{
	static const uint32_t formats[] = { NINEP_FILE | 0644, NINEP_DIR | 0755, NINEP_SYMLINK | 0777 };
	struct mem_inode *dir, *i;
	struct ninep_creation made = { .target = ninep_text("target") };
	unsigned expected, error = path_walk(path, &dir, &made.name);

	if (what < 3) {
		made.mode = formats[what];
		expected = what == 1   ? host_error(mkdir(path, 0755))
			   : what == 2 ? host_error(symlink("target", path))
				       : host_error(open(path, O_CREAT | O_EXCL | O_WRONLY, 0644));
		error = error ? error : mem_create(dir, &made, 0, &i);
	} else {
		expected = what == 3 ? host_error(unlink(path)) : host_error(rmdir(path));
		error = error ? error : mem_remove(dir, made.name, what == 4);
	}
	assert_int_equal(error, expected);
}

static void same_bytes(const char *path, struct mem_inode *i, uint64_t size)
{
	static char a[3 * SPAN], b[3 * SPAN];
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, a, sizeof(a)), size);
	assert_int_equal(mem_read(i, 0, b, sizeof(b)), size);
	assert_memory_equal(a, b, size);
	close(fd);
}

/* All names below the directory are there on both sides. */
static void same_tree(const char *path, struct mem_inode *dir)
{
	char name[NINEP_NAME_MAX + 1], below_it[1000];
	unsigned here = 0, there = 0;
	struct mem_inode *i;
	struct dirent *e;
	struct stat s;
	DIR *d = opendir(path);

	for (uint64_t index = 0; !mem_next(dir, &index, &i, name); index++, here++) {
		snprintf(below_it, sizeof(below_it), "%s/%s", path, name);
		assert_int_equal(lstat(below_it, &s), 0);
		assert_int_equal(s.st_mode & S_IFMT, mem_format(i));
		assert_true(mem_is_dir(i) || s.st_nlink == i->links);
		if (mem_is_dir(i))
			same_tree(below_it, i);
		else if (mem_format(i) == NINEP_FILE)
			same_bytes(below_it, i, (uint64_t)s.st_size);
	}
	while ((e = readdir(d)))
		there += e->d_name[0] != '.';
	closedir(d);
	assert_int_equal(here, there);
	assert_int_equal(here, dir->dir.count);
}

static void like_this_machine(void **state)
{
	char folder[] = "/tmp/skerry_mem_XXXXXX", path[20], other[20], command[60];

	(void)state;
	begin(QUOTA);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned what = below(10);
		struct ninep_text name;
		struct mem_inode *dir;

		path_draw(path);
		path_draw(other);
		if (what < 5)
			one_name(what, path);
		else if (what < 8)
			two_names(path, other, what > 5);
		else if (!path_walk(path, &dir, &name))
			change_bytes(path, dir, name);
		if (step % 97 == 0) {
			same_tree(".", fs.root);
			closefrom(3);
		}
	}
	same_tree(".", fs.root);
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	end();
}

/* --- sizes ------------------------------------------------------------------------------------------ */

static void holes(void **state)
{
	struct ninep_attr a = { 0 };
	struct mem_inode *i;
	uint32_t count = 5;
	char bytes[20];

	(void)state;
	begin(QUOTA);
	assert_int_equal(make(fs.root, "f", NINEP_FILE, &i), 0);
	assert_int_equal(mem_write(i, UINT64_C(1) << 40, "hello", &count), 0);
	mem_attr(i, &a);
	assert_int_equal(a.size, (UINT64_C(1) << 40) + 5);
	assert_int_equal(a.used, MEM_BLOCK);
	assert_int_equal(mem_read(i, (UINT64_C(1) << 40) - 5, bytes, sizeof(bytes)), 10);
	assert_memory_equal(bytes, "\0\0\0\0\0hello", 10);
	assert_int_equal(mem_read(i, 12345, bytes, 5), 5);
	assert_memory_equal(bytes, "\0\0\0\0\0", 5);
	/* What was cut off does not come back. */
	assert_int_equal(mem_truncate(i, (UINT64_C(1) << 40) + 1), 0);
	assert_int_equal(mem_truncate(i, (UINT64_C(1) << 40) + 5), 0);
	assert_int_equal(mem_read(i, UINT64_C(1) << 40, bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "h\0\0\0\0", 5);
	assert_int_equal(mem_truncate(i, MEM_FILE_MAX + 1), NINEP_EFBIG);
	assert_int_equal(mem_write(i, MEM_FILE_MAX - 2, "hello", &count), NINEP_EFBIG);
	assert_int_equal(mem_write(i, MEM_FILE_MAX - 5, "hello", &count), 0);
	end();
}

static void many_names(void **state)
{
	struct mem_inode *i;
	unsigned seen = 0, number;
	char name[NINEP_NAME_MAX + 1];

	(void)state;
	begin(QUOTA);
	for (unsigned n = 0; n < 10000; n++) {
		snprintf(name, sizeof(name), "file%u", n);
		assert_int_equal(make(fs.root, name, NINEP_FILE, &i), 0);
	}
	assert_int_equal(make(fs.root, name, NINEP_FILE, &i), NINEP_EEXIST);
	/* While they are read, each second one goes, and others come: those that stay are read once, in order. */
	for (uint64_t index = 0; !mem_next(fs.root, &index, &i, name); index++) {
		if (sscanf(name, "file%u", &number) != 1)
			continue;
		assert_int_equal(number, seen);
		seen += 2;
		snprintf(name, sizeof(name), "file%u", number + 1);
		assert_int_equal(mem_remove(fs.root, ninep_text(name), false), 0);
		snprintf(name, sizeof(name), "new%u", number);
		if (number % 7 == 0)
			assert_int_equal(make(fs.root, name, NINEP_FILE, &i), 0);
	}
	assert_int_equal(seen, 10000);
	memset(name, 'n', NINEP_NAME_MAX);
	name[NINEP_NAME_MAX] = 0;
	assert_int_equal(make(fs.root, name, NINEP_DIR, &i), 0);
	assert_int_equal(mem_lookup(fs.root, ninep_text(name), &i), 0);
	end();
}

/* --- lives -------------------------------------------------------------------------------------------- */

static void removed_but_held(void **state)
{
	struct mem_inode *file, *dir, *i;
	uint32_t count = 4;
	char bytes[4];

	(void)state;
	begin(QUOTA);
	assert_int_equal(make(fs.root, "f", NINEP_FILE, &file), 0);
	assert_int_equal(make(fs.root, "d", NINEP_DIR, &dir), 0);
	mem_hold(file);
	mem_hold(dir);
	assert_int_equal(mem_write(file, 0, "text", &count), 0);
	assert_int_equal(mem_remove(fs.root, ninep_text("f"), false), 0);
	assert_int_equal(mem_remove(fs.root, ninep_text("d"), true), 0);
	assert_int_equal(mem_read(file, 0, bytes, 4), 4);
	assert_int_equal(make(dir, "x", NINEP_FILE, &i), NINEP_ENOENT);
	assert_int_equal(mem_link(fs.root, ninep_text("again"), file), NINEP_ENOENT);
	assert_int_equal(mem_rename(fs.root, ninep_text("f"), dir, ninep_text("f")), NINEP_ENOENT);
	assert_int_equal(fs.inodes, 3);
	mem_drop(file);
	mem_drop(dir);
	assert_int_equal(fs.inodes, 1);
	end();
}

/* What a script of all operations does, however far the quota lets it. */
static void script(void)
{
	static char bytes[3 * MEM_BLOCK];
	struct ninep_lock l = { .type = NINEP_LOCK_WRITE, .start = 10, .length = 10 };
	struct mem_inode *d, *f, *i;
	uint32_t count = sizeof(bytes);
	char name[20];

	if (make(fs.root, "d", NINEP_DIR, &d) || make(d, "f", NINEP_FILE, &f))
		return;
	for (unsigned n = 0; n < 20; n++) {
		snprintf(name, sizeof(name), "n%u", n);
		(void)make(d, name, n % 2 ? NINEP_SYMLINK : NINEP_FIFO, &i);
	}
	(void)mem_write(f, 0, bytes, &count);
	count = 1;
	(void)mem_write(f, 1 << 30, "x", &count);
	(void)mem_lock(f, (struct mem_owner){ 1, 1 }, &l);
	(void)mem_link(fs.root, ninep_text("g"), f);
	(void)mem_rename(d, ninep_text("f"), fs.root, ninep_text("h"));
	l = (struct ninep_lock){ .type = NINEP_LOCK_NONE, .start = 12, .length = 2 };
	(void)mem_lock(f, (struct mem_owner){ 1, 1 }, &l);
	(void)mem_truncate(f, 5000);
	(void)mem_remove(fs.root, ninep_text("g"), false);
}

static void quota_ends_anything(void **state)
{
	struct mem_inode *i;
	uint32_t count;

	(void)state;
	for (uint64_t quota = 300; quota < 60000; quota += 40) {
		begin(quota);
		script();
		assert_true(fs.used <= quota);
		end();
	}
	begin(1 << 20);
	assert_int_equal(make(fs.root, "f", NINEP_FILE, &i), 0);
	for (uint64_t at = 0;; at += count) {
		count = 4;
		if (mem_write(i, at * MEM_BLOCK, "full", &count))
			break;
	}
	assert_true(fs.used > (1 << 20) - 2 * MEM_BLOCK);
	assert_int_equal(mem_truncate(i, 0), 0);
	assert_true(fs.used < 2000);
	end();
}

/* --- locks --------------------------------------------------------------------------------------------- */

#define BYTES 24
#define OWNERS 3

static int8_t held[OWNERS][BYTES]; /* 0: nothing, 1: read, 2: write */

static struct mem_owner owner_of(unsigned n) { return (struct mem_owner){ n + 1, n }; }

static bool may_lock(unsigned who, const struct ninep_lock *l)
{
	for (unsigned o = 0; o < OWNERS; o++)
		for (uint64_t b = l->start; b < l->start + l->length; b++)
			if (o != who && held[o][b] && (held[o][b] == 2 || l->type == NINEP_LOCK_WRITE))
				return false;
	return true;
}

static void like_an_array(void **state)
{
	struct ninep_lock l, got;
	struct mem_inode *i;
	unsigned who;

	(void)state;
	begin(QUOTA);
	assert_int_equal(make(fs.root, "f", NINEP_FILE, &i), 0);
	for (unsigned step = 0; step < 100000; step++) {
		who = below(OWNERS);
		l = (struct ninep_lock){ .type = (uint8_t)below(3), .start = below(BYTES) };
		l.length = 1 + below(BYTES - (unsigned)l.start);
		got = l;
		mem_getlock(i, owner_of(who), &got);
		if (l.type == NINEP_LOCK_NONE || may_lock(who, &l)) {
			assert_int_equal(got.type, NINEP_LOCK_NONE);
			assert_int_equal(mem_lock(i, owner_of(who), &l), 0);
			memset(&held[who][l.start], l.type == NINEP_LOCK_NONE ? 0 : 1 + l.type, l.length);
		} else {
			assert_int_equal(mem_lock(i, owner_of(who), &l), NINEP_EAGAIN);
			assert_int_not_equal(got.proc_id, who);
			assert_int_equal(held[got.proc_id][got.start], 1 + got.type);
			assert_int_equal(held[got.proc_id][got.start + got.length - 1], 1 + got.type);
		}
		if (below(500) == 0) {
			mem_unlock_client(i, who + 1);
			memset(held[who], 0, BYTES);
		}
	}
	end();
}

static unsigned granted, order[2];

static void note(void *arg, unsigned error)
{
	assert_int_equal(error, 0);
	order[granted++] = (unsigned)(uintptr_t)arg;
}

static void waits_go_on(void **state)
{
	struct ninep_lock all = { .type = NINEP_LOCK_WRITE }, none = { .type = NINEP_LOCK_NONE, .start = 5 };
	struct ninep_lock high = { .type = NINEP_LOCK_READ, .start = 7, .length = 2 };
	struct mem_wait *gone;
	struct mem_inode *i;

	(void)state;
	begin(QUOTA);
	assert_int_equal(make(fs.root, "f", NINEP_FILE, &i), 0);
	assert_int_equal(mem_lock(i, owner_of(0), &all), 0);
	assert_int_equal(mem_lock(i, owner_of(1), &high), NINEP_EAGAIN);
	assert_non_null(mem_wait(i, owner_of(1), &all, note, (void *)1));
	gone = mem_wait(i, owner_of(2), &all, note, (void *)9);
	assert_non_null(mem_wait(i, owner_of(2), &high, note, (void *)2));
	mem_wait_cancel(i, gone);
	assert_int_equal(mem_lock(i, owner_of(0), &none), 0);
	assert_int_equal(granted, 1);
	assert_int_equal(order[0], 2);
	mem_unlock_client(i, 1);
	assert_int_equal(granted, 1); /* the other has two bytes of it */
	mem_unlock_client(i, 3);
	assert_int_equal(granted, 2);
	assert_int_equal(order[1], 1);
	mem_unlock_client(i, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_this_machine),   cmocka_unit_test(holes),
		cmocka_unit_test(many_names),          cmocka_unit_test(removed_but_held),
		cmocka_unit_test(quota_ends_anything), cmocka_unit_test(like_an_array),
		cmocka_unit_test(waits_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
