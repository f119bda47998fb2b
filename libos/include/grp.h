/* newlib's header, and what it lacks. */
#ifndef _SKERRY_GRP_H
#define _SKERRY_GRP_H

#include_next <grp.h>

#ifdef __cplusplus
extern "C" {
#endif

int getgrouplist(const char *__user, gid_t __group, gid_t *__groups, int *__count);

#ifdef __cplusplus
}
#endif

#endif
