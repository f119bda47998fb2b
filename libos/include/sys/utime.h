/* Times of files, for newlib's <utime.h>. */
#ifndef _SKERRY_SYS_UTIME_H
#define _SKERRY_SYS_UTIME_H

#include <sys/types.h>

struct utimbuf {
	time_t actime, modtime;
};

#ifdef __cplusplus
extern "C" {
#endif

int utime(const char *__path, const struct utimbuf *__times);

#ifdef __cplusplus
}
#endif

#endif
