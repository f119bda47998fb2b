/*
 * What starters, the children that they start, and the check at the end agree on.
 */
#pragma once

#include "kernel/abi/types.h"

#define CHILD_RAN "ran"       /* table: how often each child has begun to run */
#define NUMBER_USED "numbers" /* table: how many children have this number now */
#define CHILDREN "children"   /* counter: of all starters */

static inline int child_status(uint64_t child) { return (int)(child * 31 % 251); }
