/*
 * What a server tells about a file, and about all that it has, in memory: pages to read, which only the server writes.
 *
 * A file's head is its own for good: a file that was made anew has another. While the file becomes shorter the sequence
 * is odd, and then another even one than before: what was read meanwhile may be of neither. As long as `names` stays,
 * a path of directories that led to the file leads to it, and who could open it can. `attr` holds while `told` is odd,
 * and is another one's when that has changed.
 *
 * Who may write a file stores in its frames instead while `stores` is set: before its end, and if the sequence is the
 * same afterwards, else it writes as ever. Then it marks that: the one page that clients write. When marks were given
 * away (`marked`), attributes hold only as long as none is set: that is to be seen first.
 *
 * The head of a tree has how many names have come so far: what was not there is not there as long as that stays.
 */
#pragma once

#include <stdint.h>

#define NINEP_HEAD_BITS 12
#define NINEP_EXTENT_BITS 16 /* of what Tmap gives */

struct ninep_attr {
	uint32_t mode, uid, gid, version;
	uint64_t path, nlink, size, mtime, mtime_nsec;
	uint64_t atime, atime_nsec, ctime, ctime_nsec; /* ctime 0: both are as mtime */
	uint64_t rdev;
	uint64_t used; /* bytes that it takes; of a file with holes less than its size. 0: as many as its size */
};

struct ninep_head {
	uint64_t sequence, size, names, told;
	uint64_t stores, marked;
	struct ninep_attr attr;
};

struct ninep_marks {
	uint64_t stored;
};

struct ninep_tree_head {
	uint64_t came;
};
