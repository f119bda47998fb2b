/*
 * The namespace of the calling process: trees of 9P services, mounted where paths begin. docs/namespace.md
 *
 * A source is SERVICE[!TREE][/PATH]: a service's name, what Tattach asks it for, a path in that.
 */
#ifndef _SKERRY_NAMESPACE_H
#define _SKERRY_NAMESPACE_H

#ifdef __cplusplus
extern "C" {
#endif

#define SKERRY_REPLACE 0
#define SKERRY_BEFORE 1 /* before what is there: a union */
#define SKERRY_AFTER 2
#define SKERRY_CREATE 4 /* new files of the union are made in this source */

/* Each gives 0, or -1 and errno. Nothing is connected before it is used. */
int skerry_mount(const char *__source, const char *__at, unsigned __flags);
/* What `from` shows is seen at `at`, too. */
int skerry_bind(const char *__from, const char *__at, unsigned __flags);
/* `source` NULL: all of the mount point's. */
int skerry_unmount(const char *__source, const char *__at);
/* A line for each source that makes the same namespace by skerry_namespace_set; to be freed. NULL and errno. */
char *skerry_namespace(void);
int skerry_namespace_set(const char *__text);

#ifdef __cplusplus
}
#endif

#endif
