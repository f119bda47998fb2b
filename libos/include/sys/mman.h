/* Mappings of files and of memory. */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <sys/cdefs.h>
#include <sys/types.h>

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4

#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_ANON MAP_ANONYMOUS
#define MAP_NORESERVE 0x4000 /* taken, without an effect */
#define MAP_FAILED ((void *)-1)

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

#define MCL_CURRENT 1
#define MCL_FUTURE 2

#define POSIX_MADV_NORMAL 0
#define POSIX_MADV_RANDOM 1
#define POSIX_MADV_SEQUENTIAL 2
#define POSIX_MADV_WILLNEED 3
#define POSIX_MADV_DONTNEED 4
#define MADV_NORMAL POSIX_MADV_NORMAL
#define MADV_RANDOM POSIX_MADV_RANDOM
#define MADV_SEQUENTIAL POSIX_MADV_SEQUENTIAL
#define MADV_WILLNEED POSIX_MADV_WILLNEED

#ifdef __cplusplus
extern "C" {
#endif

void *mmap(void *__at, size_t __bytes, int __access, int __flags, int __fd, off_t __offset);
int munmap(void *__at, size_t __bytes);
int mprotect(void *__at, size_t __bytes, int __access);
int msync(void *__at, size_t __bytes, int __flags);
int mlock(const void *__at, size_t __bytes);
int munlock(const void *__at, size_t __bytes);
int mlockall(int __flags);
int munlockall(void);
int posix_madvise(void *__at, size_t __bytes, int __advice);
int shm_open(const char *__name, int __flags, mode_t __mode);
int shm_unlink(const char *__name);
int madvise(void *__at, size_t __bytes, int __advice);

#ifdef __cplusplus
}
#endif

#endif
