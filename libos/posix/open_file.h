/* Opening, and what the kinds of open files share. Functions return 0 or an errno value. */
#pragma once

#include <sys/types.h>

#include "libos/posix/fd.h"
#include "libos/posix/place.h"

/* What open does, up to the number. */
int file_open(int at, const char *path, int flags, mode_t mode, struct open_file **out);
/* An open file of a place whose fid is open by now (PLACE_NINEP); the place is used up, also on an error. */
int file_of_place(struct place *p, int flags, struct open_file **out);
/* newlib's open flags as Tlopen's. */
uint32_t ninep_flags_of(int flags);

/* Of a file that has a server: its client, or NULL when the server has gone. */
struct ninep_client *file_enter(const struct open_file *f, uint32_t *back);
void file_leave(const struct open_file *f, uint32_t back);
/* Of a file_ninep that is shared: lseek. */
int file_ninep_seek(struct open_file *f, int whence, int64_t by, off_t *now);
/* Of a file_ninep: its server hears of O_APPEND and O_NONBLOCK. */
int file_ninep_flags(struct open_file *f, int flags);
/* Its st_mode, asked for once. */
int file_mode(struct open_file *f, mode_t *mode);
