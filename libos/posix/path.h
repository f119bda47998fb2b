/*
 * Paths as texts: joined, cleaned, taken apart. Nothing is looked up.
 *
 * A clean path is absolute, without "." and without slashes in a row or at its end ("/" itself is one). It may
 * have "..", which only a lookup can resolve. Pure; functions return 0 or an errno value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FILE_PATH_MAX 4096 /* with the NUL, as PATH_MAX */
#define FILE_NAME_MAX 255

/*
 * Makes `path` clean, in `out` of FILE_PATH_MAX bytes; a relative one begins at `base`, which is clean. *dir: it
 * ends with a slash, or with a component "." or "..": what it names must be a directory. ENOENT: it is empty.
 * ENAMETOOLONG.
 */
int path_join(const char *base, const char *path, char *out, bool *dir);
/* Cuts the last component off a clean path; it goes to `name` (FILE_NAME_MAX + 1 bytes). That of "/" is empty. */
void path_cut(char *path, char *name);
/* The first component ".." of a clean path, at its slash; NULL: there is none. */
char *path_dotdot(char *path);
/* Does it begin with that clean path, by whole components? *rest is what follows, without a slash. */
bool path_under(const char *path, const char *at, const char **rest);
