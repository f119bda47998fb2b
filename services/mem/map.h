/* Requests about a file's memory, which programs map: see map.c. */
#pragma once

#include "libos/ninep/server.h"

/* As the handlers of those names. */
unsigned mem_file_map(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint32_t how,
		      struct ninep_mapping *out);
unsigned mem_file_settle(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint64_t count);
void mem_file_left(const struct ninep_connection *n, const struct ninep_file *f, uint32_t fid);
