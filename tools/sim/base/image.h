/*
 * Images: shared objects that are loaded many times, each copy with variables of its own.
 *
 * A dynamic loader of the few relocations that gcc's position-independent code needs; dlmopen() has
 * room for 16 copies only.  Code is position independent, so each copy finds its own variables
 * next to it: going from one copy to another costs nothing but a call.  The text's pages are the
 * file's, shared by all.  What an image needs from outside, the program that loads it has
 * (linked with -rdynamic).
 */
#pragma once

#include <stdint.h>

struct image;

/*
 * Reads the file.  A symbol that it needs is looked for under `prefix` and its name first, then under
 * its name.  Ends the program, and says which are missing, when one is not there.
 */
struct image *image_open(const char *path, const char *prefix);
/* A fresh copy; where it lies. */
void *image_load(struct image *m);
/* The copy's memory is given back. */
void image_unload(struct image *m, void *copy);
/* Where a copy has something that the image exports. Ends the program when there is no such name. */
void *image_symbol(const struct image *m, void *copy, const char *name);
/* The image's file offset of one of its functions, exported or not; 0: it has none of that name. */
uint64_t image_function(const struct image *m, const char *name);
/* From now on copies find these bytes at an address of the image. */
void image_patch(struct image *m, uint64_t address, const void *bytes, unsigned length);
/* Where in its image an address of a copy's is, and which image that is; 0: in none. For addr2line. */
uint64_t image_offset(uint64_t address, const char **path);
/* Memory of one copy that is its own, in bytes. */
uint64_t image_own_bytes(const struct image *m);
