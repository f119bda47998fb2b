/*
 * Programs that lie in files: executable.h.
 *
 * Only what is loaded is read, up to the end of the last segment. The monitor checks everything itself; what is looked
 * at here is for a good errno.
 */
#include "libos/posix/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/core/elf.h"
#include "libos/core/dispatcher.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/vspace.h"
#include "libos/posix/errno.h"
#include "libos/posix/open_file.h"

/* What this process was started from. */
static struct {
	struct executable_origin origin;
	char *path; /* NULL: it is in the boot archive */
} own;

static struct executable_origin origin_of(const struct stat *st)
{
	return (struct executable_origin){ st->st_ino, (uint64_t)st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec };
}

static int file_read(int fd, uint8_t *to, uint64_t bytes)
{
	uint64_t at = 0;

	while (at < bytes) {
		ssize_t n = pread(fd, to + at, bytes - at, (off_t)at);

		if (n <= 0)
			return n ? errno : ENOEXEC;
		at += (uint64_t)n;
	}
	return 0;
}

/* Bytes up to the end of what is loaded. */
static uint64_t extent_of(const struct elf_image *image)
{
	uint64_t end = image->has_tls ? image->tls.offset + image->tls.file_bytes : 0;

	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_segment *g = &image->segment[i];

		if (g->offset + g->file_bytes > end)
			end = g->offset + g->file_bytes;
	}
	return end > PAGE_SIZE ? end : PAGE_SIZE;
}

static int frame_make(int fd, uint64_t bytes, uint64_t size, cptr_t *frame)
{
	unsigned bits = PAGE_BITS;
	vaddr_t at;
	int error;

	while (SIZE_OF_BITS(bits) < bytes)
		bits++;
	if (frame_alloc_map(bits, frame, &at))
		return ENOMEM;
	error = file_read(fd, (uint8_t *)at, bytes < size ? bytes : size);
	vspace_unmap(at);
	if (error)
		shared_free(*frame);
	return error;
}

int executable_load(int fd, const char *path, struct executable *e)
{
	struct elf_image image;
	struct stat st;
	uint8_t *head;
	uint64_t n;
	bool dir;
	int error;

	if (fstat(fd, &st))
		return errno;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return EACCES;
	head = malloc(PAGE_SIZE);
	if (!head)
		return ENOMEM;
	n = (uint64_t)st.st_size < PAGE_SIZE ? (uint64_t)st.st_size : PAGE_SIZE;
	error = file_read(fd, head, n);
	if (!error)
		error = errno_from(elf_open(&image, head, n, (uint64_t)st.st_size, 0, USER_END_VA));
	free(head);
	if (!error)
		error = path_of(AT_FDCWD, path, e->path, &dir);
	if (!error)
		error = frame_make(fd, extent_of(&image), (uint64_t)st.st_size, &e->frame);
	if (!error)
		strncpy(e->name, strrchr(e->path, '/') + 1, sizeof e->name - 1);
	e->origin = origin_of(&st);
	return error;
}

int executable_own(struct executable *e)
{
	int fd, error;

	*e = (struct executable){ 0 };
	if (!own.path) {
		memcpy(e->name, process_args()->name, sizeof e->name);
		return 0;
	}
	fd = open(own.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	error = executable_load(fd, own.path, e);
	close(fd);
	if (error || !memcmp(&e->origin, &own.origin, sizeof own.origin))
		return error;
	executable_drop(e);
	return ETXTBSY;
}

void executable_drop(struct executable *e)
{
	if (e->frame)
		shared_free(e->frame);
	e->frame = 0;
}

void executable_pack(const struct executable *e, struct inherit *i)
{
	if (!e->frame)
		return;
	inherit_section(i, INHERIT_PROGRAM);
	inherit_add(i, &e->origin, sizeof e->origin);
	inherit_add(i, e->path, strlen(e->path) + 1);
}

int executable_unpack(const char *data, size_t bytes)
{
	if (bytes < sizeof own.origin + 2 || data[bytes - 1])
		return EPROTO;
	memcpy(&own.origin, data, sizeof own.origin);
	own.path = strdup(data + sizeof own.origin);
	return own.path ? 0 : ENOMEM;
}
