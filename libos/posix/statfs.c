/*
 * statfs, as Linux and BSD have it, out of statvfs.
 */
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static int convert(int failed, const struct statvfs *from, struct statfs *to)
{
	if (failed)
		return -1;
	memset(to, 0, sizeof(*to));
	to->f_bsize = from->f_bsize;
	to->f_frsize = from->f_frsize;
	to->f_blocks = from->f_blocks;
	to->f_bfree = from->f_bfree;
	to->f_bavail = from->f_bavail;
	to->f_files = from->f_files;
	to->f_ffree = from->f_ffree;
	to->f_namelen = from->f_namemax;
	to->f_flags = from->f_flag;
	return 0;
}

int statfs(const char *path, struct statfs *out)
{
	struct statvfs found;

	return convert(statvfs(path, &found), &found, out);
}

int fstatfs(int fd, struct statfs *out)
{
	struct statvfs found;

	return convert(fstatvfs(fd, &found), &found, out);
}
