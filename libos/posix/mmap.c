/*
 * mmap: memory of one's own, and files.
 *
 * A shared file is mapped by its server's own memory, where the server gives that (mapping.h). All others are read when
 * they are mapped; what is written to a shared one is written back by msync, munmap, and when the process ends: those
 * pages that then differ from the file (CAVEATS.md). Shared memory without a file has one without a name (shm.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "libos/posix/errno.h"
#include "libos/posix/fd.h"
#include "libos/posix/mapping.h"
#include "libos/posix/process.h"
#include "libos/posix/region.h"
#include "libos/posix/shm.h"

#define ACCESSES (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PAGE_MASK (PAGE_SIZE - 1)

/* A shared, writable file at addresses, that is written back. */
struct attachment {
	struct attachment *next;
	struct open_file *file; /* held */
	vaddr_t va;
	uint64_t bytes, offset;
};

static struct attachment *attachments;

/* Nobody writes what is run. */
static bool both(int access) { return access & PROT_WRITE && access & PROT_EXEC; }

static uint64_t whole_pages(uint64_t bytes) { return (bytes + PAGE_MASK) & ~(uint64_t)PAGE_MASK; }

/* --- writing back -------------------------------------------------------------------------------------------- */

/* One page, of which `bytes` are the file's. */
static int page_write(const struct attachment *a, vaddr_t va, uint64_t offset, size_t bytes)
{
	char *now = malloc(PAGE_SIZE);
	size_t done = 0;
	int error = now ? a->file->ops->read(a->file, now, bytes, offset, &done) : ENOMEM;

	if (!error && (done < bytes || memcmp(now, (void *)va, bytes) != 0))
		error = a->file->ops->write(a->file, (void *)va, bytes, offset, &done);
	free(now);
	return error;
}

/* What of an attachment lies in the range, and in the file. */
static int range_write(const struct attachment *a, vaddr_t va, uint64_t bytes)
{
	vaddr_t from = va > a->va ? va : a->va, end = va + bytes < a->va + a->bytes ? va + bytes : a->va + a->bytes;
	struct stat st;
	int error = from < end ? a->file->ops->stat(a->file, &st) : 0;

	for (; from < end && !error; from += PAGE_SIZE) {
		uint64_t offset = a->offset + (from - a->va), left;

		if (offset >= (uint64_t)st.st_size)
			break;
		left = (uint64_t)st.st_size - offset;
		error = page_write(a, from, offset, left < PAGE_SIZE ? left : PAGE_SIZE);
	}
	return error;
}

static int attachments_write(vaddr_t va, uint64_t bytes)
{
	int error = 0, one;

	for (const struct attachment *a = attachments; a; a = a->next) {
		one = range_write(a, va, bytes);
		error = error ? error : one;
	}
	return error;
}

static void mappings_end(void)
{
	/* Another thread that is at it is stopped in the midst of that. */
	if (!mutex_try(&mapping_lock))
		return;
	(void)attachments_write(0, UINT64_MAX);
	(void)mapping_settle(0, UINT64_MAX);
	mutex_unlock(&mapping_lock);
}

static int attachment_add(struct open_file *f, vaddr_t va, uint64_t bytes, uint64_t offset)
{
	struct attachment *a = calloc(1, sizeof(*a));

	if (!a)
		return ENOMEM;
	file_hold(f);
	*a = (struct attachment){ attachments, f, va, bytes, offset };
	attachments = a;
	return 0;
}

/* Takes a range out of all; one that is cut in two becomes two. What cannot be remembered is written already. */
static void attachments_cut(vaddr_t va, uint64_t bytes)
{
	struct attachment **at = &attachments, *a;

	while ((a = *at)) {
		vaddr_t end = a->va + a->bytes, cut_end = va + bytes;

		if (va >= end || cut_end <= a->va) {
			at = &a->next;
			continue;
		}
		if (cut_end < end)
			(void)attachment_add(a->file, cut_end, end - cut_end, a->offset + (cut_end - a->va));
		if (va > a->va) {
			a->bytes = va - a->va;
			at = &a->next;
			continue;
		}
		/* Found anew, for a part may have been put before it. */
		for (at = &attachments; *at != a; at = &(*at)->next)
			;
		*at = a->next;
		file_drop(a->file);
		free(a);
	}
}

/* --- mapping -------------------------------------------------------------------------------------------------- */

static int file_check(const struct open_file *f, int access, int flags)
{
	int how = f->flags & O_ACCMODE;

	if (!f->ops->read || f->ops->stream || f->ops == &file_dir_ops || (f->ops == &file_ninep_ops && f->ninep.ring))
		return ENODEV;
	if (how == O_WRONLY || (flags & MAP_SHARED && access & PROT_WRITE && how != O_RDWR))
		return EACCES;
	return 0;
}

static int file_load(struct open_file *f, vaddr_t va, uint64_t bytes, uint64_t offset)
{
	size_t done = 1;
	int error = 0;

	for (uint64_t at = 0; at < bytes && done && !error; at += done)
		error = f->ops->read(f, (char *)va + at, bytes - at, offset + at, &done);
	return error;
}

/* Addresses: those that are wanted, emptied, or new ones. */
static int place_make(vaddr_t at, uint64_t bytes, int flags, struct region **r, vaddr_t *va)
{
	int error;

	if (!(flags & MAP_FIXED)) {
		error = region_make(bytes, r);
		*va = error ? 0 : (*r)->va;
		return error;
	}
	if (at & PAGE_MASK)
		return EINVAL;
	*va = at;
	*r = region_of(at, bytes);
	if (!*r)
		return ENOMEM; /* only where mmap has put something before */
	error = mapping_cut(at, bytes);
	if (!error)
		error = attachments_write(at, bytes);
	attachments_cut(at, bytes);
	return error;
}

/* Makes the pages writable, empty or the file's, then what they are to be. */
static int pages_make(struct region *r, vaddr_t va, uint64_t bytes, int access, int flags, struct open_file *f,
		      uint64_t offset)
{
	bool fresh = !(flags & MAP_FIXED);
	int error = EOPNOTSUPP;

	if (f && flags & MAP_SHARED) {
		error = region_access(r, va, bytes, PROT_NONE);
		error = error ? error : mapping_add(f, va, bytes, offset, (uint8_t)access);
	}
	if (error != EOPNOTSUPP)
		return error;
	if (fresh && !f)
		return region_access(r, va, bytes, (uint8_t)access);
	error = region_access(r, va, bytes, PROT_READ | PROT_WRITE);
	if (!error && !fresh)
		memset((void *)va, 0, bytes);
	if (!error && f)
		error = file_load(f, va, bytes, offset);
	if (!error && access != (PROT_READ | PROT_WRITE))
		error = region_access(r, va, bytes, (uint8_t)access);
	if (!error && f && flags & MAP_SHARED && (f->flags & O_ACCMODE) == O_RDWR)
		error = attachment_add(f, va, bytes, offset);
	return error;
}

static int map(vaddr_t at, uint64_t bytes, int access, int flags, struct open_file *f, uint64_t offset, vaddr_t *va)
{
	struct region *r;
	int error = f ? file_check(f, access, flags) : 0;

	if (!error)
		error = place_make(at, bytes, flags, &r, va);
	if (error)
		return error;
	error = pages_make(r, *va, bytes, access, flags, f, offset);
	if (error) {
		(void)region_access(r, *va, bytes, REGION_GONE);
		region_tidy(r);
	}
	return error;
}

void *mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset)
{
	bool shared = flags & MAP_SHARED, private = flags & MAP_PRIVATE;
	struct open_file *f = NULL;
	uint64_t length = whole_pages(bytes);
	vaddr_t va = 0;
	int error = 0;

	if (!bytes || access & ~ACCESSES || shared == private || offset & PAGE_MASK)
		error = EINVAL;
	else if (both(access))
		error = ENOTSUP;
	else if (offset < 0 || (offset && (uint64_t)offset + length > INT64_MAX))
		error = EOVERFLOW;
	else if (length < bytes || (uint64_t)offset + length < length)
		error = ENOMEM;
	else if (!(flags & MAP_ANONYMOUS) && !(f = fd_get(fd)))
		error = EBADF;
	/* Without /tmp it is nobody else's. */
	if (!error && shared && flags & MAP_ANONYMOUS) {
		f = shm_unnamed(length);
		offset = 0;
	}
	if (!error) {
		process_mappings_end = mappings_end;
		mutex_lock(&mapping_lock);
		error = map((vaddr_t)at, length, access, flags, f, (uint64_t)offset, &va);
		mutex_unlock(&mapping_lock);
	}
	if (f)
		file_drop(f);
	if (!error)
		return (void *)va;
	errno = error;
	return MAP_FAILED;
}

/* --- the rest --------------------------------------------------------------------------------------------------- */

int munmap(void *at, size_t bytes)
{
	vaddr_t va = (vaddr_t)at;
	uint64_t length = whole_pages(bytes);
	struct region *r, *next;
	int error;

	if (!bytes || va & PAGE_MASK || length < bytes || va + length < va)
		return errno_fail(EINVAL);
	mutex_lock(&mapping_lock);
	error = mapping_cut(va, length);
	if (!error)
		error = attachments_write(va, length);
	attachments_cut(va, length);
	for (r = region_next(NULL); r && !error; r = next) {
		next = region_next(r);
		if (va >= r->va + (r->pages << PAGE_BITS) || va + length <= r->va)
			continue;
		error = region_access(r, va, length, REGION_GONE);
		if (!error)
			region_tidy(r);
	}
	mutex_unlock(&mapping_lock);
	return error ? errno_fail(error) : 0;
}

/* For what looks at or changes pages that must be there: their region. -1 and errno, else with the lock. */
static struct region *pages_find(void *at, size_t bytes)
{
	vaddr_t va = (vaddr_t)at;
	uint64_t length = whole_pages(bytes);
	struct region *r;

	if (va & PAGE_MASK || length < bytes) {
		errno = EINVAL;
		return NULL;
	}
	mutex_lock(&mapping_lock);
	r = region_of(va, length);
	if (r && region_has(r, va, length))
		return r;
	mutex_unlock(&mapping_lock);
	errno = ENOMEM;
	return NULL;
}

/* What is a file's memory is changed by mapping.h, and is none of the region's. */
static int access_change(struct region *r, vaddr_t va, vaddr_t end, uint8_t access)
{
	vaddr_t from, to;
	int error = mapping_access(va, end - va, access);

	while (va < end && !error) {
		if (!mapping_next(va, end, &from, &to))
			from = to = end;
		if (from > va)
			error = region_access(r, va, from - va, access);
		va = to;
	}
	return error;
}

int mprotect(void *at, size_t bytes, int access)
{
	struct region *r;
	int error;

	if (access & ~ACCESSES || both(access))
		return errno_fail(access & ~ACCESSES ? EINVAL : ENOTSUP);
	if (!bytes)
		return 0;
	r = pages_find(at, bytes);
	if (!r)
		return -1;
	error = access_change(r, (vaddr_t)at, (vaddr_t)at + whole_pages(bytes), (uint8_t)access);
	mutex_unlock(&mapping_lock);
	return error ? errno_fail(error) : 0;
}

int msync(void *at, size_t bytes, int flags)
{
	int error;

	if (flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE) || (flags & MS_ASYNC && flags & MS_SYNC))
		return errno_fail(EINVAL);
	if (!pages_find(at, bytes))
		return -1;
	error = attachments_write((vaddr_t)at, whole_pages(bytes));
	if (!error)
		error = mapping_settle((vaddr_t)at, whole_pages(bytes));
	mutex_unlock(&mapping_lock);
	return error ? errno_fail(error) : 0;
}

/* Nothing is ever paged out. */
int mlock(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return 0;
}

int munlock(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
	return 0;
}

int mlockall(int flags) { return !flags || flags & ~(MCL_CURRENT | MCL_FUTURE) ? errno_fail(EINVAL) : 0; }

int munlockall(void) { return 0; }

int posix_madvise(void *at, size_t bytes, int advice)
{
	(void)bytes;
	return (vaddr_t)at & PAGE_MASK || advice < POSIX_MADV_NORMAL || advice > POSIX_MADV_DONTNEED ? EINVAL : 0;
}

int madvise(void *at, size_t bytes, int advice)
{
	int error = posix_madvise(at, bytes, advice);

	return error ? errno_fail(error) : 0;
}
