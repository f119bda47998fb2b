/*
 * Looking a path up: through the namespace, over mount points and symbolic links, to a file of a server or of the
 * libOS's own.
 *
 * A place holds a fid of its server till it is dropped, or taken over by an open file. `path` is what was found,
 * without links on the way. "..", as POSIX has it, is what is above the directory that was come to: what stands
 * before it is looked up. Functions return 0 or an errno value.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "libos/posix/file_server.h"
#include "libos/posix/path.h"

enum place_kind { PLACE_NINEP, PLACE_BOOT, PLACE_CONSOLE, PLACE_DIR, PLACE_FD };

#define PLACE_NOFOLLOW 1u  /* a link at the end is what is wanted */
#define PLACE_DIRECTORY 2u /* it must be a directory: ENOTDIR */
#define PLACE_OPEN 8u      /* ... and be opened with p->open_flags, if that goes with finding it: p->opened */
#define PLACE_STAT 16u     /* what stat tells is wanted, and maybe no fid: p->known, fid NINEP_NO_FID */
#define PLACE_CHANGE 4u    /* something is to be made or removed in it: of a union, where that goes to */

struct place {
	enum place_kind kind;
	/* of PLACE_NINEP */
	struct file_server *server;
	uint32_t generation, fid;
	struct ninep_qid qid;
	uint32_t open_flags; /* Tlopen's */
	bool opened, known;
	struct stat attributes; /* if `known` */
	/* of PLACE_BOOT */
	const uint8_t *data;
	uint64_t size;
	uint64_t number; /* of what is the libOS's own; PLACE_FD: the descriptor */
	char path[FILE_PATH_MAX];
};

/* `at`: a directory's descriptor, or AT_FDCWD, which a relative path begins at. */
int place_find(int at, const char *path, unsigned flags, struct place *p);
/*
 * The directory that the last component of a path is in, or is to be, and that component in `name` (FILE_NAME_MAX
 * + 1 bytes). *dir: a slash follows it. EBUSY: it is a mount point, or "/". EINVAL: it is "." or "..".
 */
int place_parent(int at, const char *path, struct place *p, char *name, bool *dir);
void place_drop(struct place *p);
bool place_is_dir(const struct place *p);
int place_stat(const struct place *p, struct stat *out);
/* The client of a place's server, or NULL and EIO when the server has gone. Then place_leave, else nothing. */
struct ninep_client *place_enter(const struct place *p, uint32_t *back);
void place_leave(const struct place *p, uint32_t back);

/* Makes an absolute, clean path of one that may begin at a directory or the working directory. */
int path_of(int at, const char *path, char *out, bool *dir);

/* Within the client of a server: what is known of a fid. A number of ninep/error.h. */
unsigned ninep_stat_of(struct file_server *s, uint32_t fid, struct stat *out);
/* Of what its server has told in memory. */
void ninep_stat_told(const struct file_server *s, const struct ninep_attr *a, struct stat *out);

/* --- the working directory and umask (directory.c) -------------------------------------------------------- */

/* FILE_PATH_MAX bytes. */
void cwd_get(char *out);
/* A clean path that is known to be a directory's: for children. */
int cwd_set(const char *path);
extern mode_t file_umask;

/* --- the libOS's own trees (local_tree.c) ------------------------------------------------------------------ */

/* Fills kind, number, data of what "#boot", "#cons", "#fd" or "#root" have there; ENOENT, ENOTDIR. */
int local_find(const char *tree, const char *path, struct place *p);
void local_stat(enum place_kind kind, uint64_t number, uint64_t size, struct stat *out);
#define LOCAL_CONSOLE 0x100u /* the console's number */
/* The index-th name of a tree; false: there are no more. */
#define LOCAL_NAME 12 /* room for a name that is no constant */
bool local_entry(const char *tree, unsigned index, char room[LOCAL_NAME], const char **name, uint64_t *number,
		 mode_t *mode);
