/*
 * What posix_spawn is asked to have done in the child before it begins: file actions and attributes, as bytes that go
 * over with what it inherits. The child does it, in order, once it has all that.
 */
#pragma once

#include <spawn.h>

#include "libos/posix/inherit.h"

void spawn_actions_put(struct inherit *text, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes);
/* In the child: an errno. */
int spawn_actions_do(const char *data, size_t bytes);
