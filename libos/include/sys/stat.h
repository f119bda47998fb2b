/* What newlib's <sys/stat.h> keeps for other systems. */
#include_next <sys/stat.h>

#ifndef _SKERRY_SYS_STAT_H
#define _SKERRY_SYS_STAT_H

#define UTIME_NOW (-2L)
#define UTIME_OMIT (-1L)

#undef S_BLKSIZE
#define S_BLKSIZE 512 /* of st_blocks */

#ifdef __cplusplus
extern "C" {
#endif

int lstat(const char *__restrict __path, struct stat *__restrict __buf);
int mknod(const char *__path, mode_t __mode, dev_t __dev);

#ifdef __cplusplus
}
#endif

#endif
