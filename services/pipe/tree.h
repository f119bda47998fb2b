/* Pipes as a 9P tree. */
#pragma once

#include "libos/ninep/server.h"

#define PIPES_MAX 4096

extern const struct ninep_node pipe_root;
/* How many there are. */
unsigned pipes_count(void);
