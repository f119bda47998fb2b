/*
 * Shared memory objects: files of /tmp/shm, which is made when it is first needed, by their names. Their memory is that
 * of the memory file system, which gives it to whoever maps them.
 */
#include "libos/posix/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/posix/errno.h"
#include "libos/posix/fd.h"

#define FOLDER "/tmp/shm"
#define NAME_BYTES 255
#define TRIES 100

/* -1 and errno for what is no name. */
static int path_of(const char *name, char *path)
{
	size_t length;

	while (*name == '/')
		name++;
	length = strlen(name);
	if (length > NAME_BYTES)
		return errno_fail(ENAMETOOLONG);
	if (!length || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return errno_fail(EINVAL);
	sprintf(path, FOLDER "/%s", name);
	return 0;
}

static int object_open(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags, mode);

	if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
		return fd;
	if (mkdir(FOLDER, 0777) && errno != EEXIST)
		return -1;
	return open(path, flags, mode);
}

int shm_open(const char *name, int flags, mode_t mode)
{
	char path[sizeof(FOLDER) + NAME_BYTES + 1];

	if (path_of(name, path))
		return -1;
	if ((flags & O_ACCMODE) == O_WRONLY)
		return errno_fail(EINVAL);
	return object_open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

int shm_unlink(const char *name)
{
	char path[sizeof(FOLDER) + NAME_BYTES + 1];

	return path_of(name, path) ? -1 : unlink(path);
}

struct open_file *shm_unnamed(uint64_t bytes)
{
	static unsigned serial;
	char path[64];
	struct open_file *f = NULL;
	int fd = -1, error = errno;

	for (unsigned i = 0; fd < 0 && i < TRIES && (!i || errno == EEXIST); i++) {
		snprintf(path, sizeof(path), FOLDER "/.%d.%u", (int)getpid(),
			 __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED));
		fd = object_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd >= 0) {
		(void)unlink(path);
		if (!ftruncate(fd, (off_t)bytes))
			f = fd_get(fd);
		close(fd);
	}
	errno = error;
	return f;
}
