/* The tree of the dev service: the files that a program takes for granted. */
#pragma once

#include "libos/ninep/server.h"

extern const struct ninep_node dev_root;
