/* The memory file system as a 9P tree. */
#pragma once

#include "services/mem/memfs.h"

/* Names for that file system's root from now on; one at a time. */
const struct ninep_node *mem_tree(struct memfs *fs);
/* That inode as a file of the tree. */
struct ninep_file mem_file(struct mem_inode *i);
