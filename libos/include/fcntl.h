/* What newlib's <fcntl.h> lacks. */
#include_next <fcntl.h>

#ifndef _SKERRY_FCNTL_H
#define _SKERRY_FCNTL_H

#ifndef O_DSYNC
#define O_DSYNC O_SYNC
#define O_RSYNC O_SYNC
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 16
#endif

#define POSIX_FADV_NORMAL 0
#define POSIX_FADV_SEQUENTIAL 1
#define POSIX_FADV_RANDOM 2
#define POSIX_FADV_NOREUSE 3
#define POSIX_FADV_WILLNEED 4
#define POSIX_FADV_DONTNEED 5

#ifdef __cplusplus
extern "C" {
#endif

int posix_fallocate(int __fd, off_t __offset, off_t __length);
int posix_fadvise(int __fd, off_t __offset, off_t __length, int __advice);

#ifdef __cplusplus
}
#endif

#endif
