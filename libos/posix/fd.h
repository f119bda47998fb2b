/*
 * Descriptors: numbers for open files.
 *
 * A struct open_file is what POSIX calls an open file description: what is behind it (ops), flags, offset. Any
 * number of descriptors stand for one (dup, fork), and every call that uses one holds a reference while it does.
 * The table maps numbers to open files; it grows on the heap, its first entries need none. It is made at first
 * use, with the console at 0, 1 and 2 unless something else was unpacked (fd_unpack).
 *
 * Functions return 0 or an errno value; calls of POSIX, with -1 and errno, are in other files. Any thread may use
 * all of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libos/posix/errno.h"
#include "libos/thread/thread.h"

#define FD_MOST 16384        /* descriptors of a process, whatever its limit */
#define FD_LIMIT_INIT 10240  /* ... as long as nobody says otherwise */
#define FILE_HERE UINT64_MAX /* as an offset: where the file is */

struct stat;
struct file_server;
struct open_file;

/* What a kind of file can do. NULL: not that, and then the call gives what is said there. */
struct open_file_ops {
	const char *kind; /* as /proc shows it */
	bool stream;      /* has no offset: lseek gives ESPIPE, read and write get FILE_HERE */
	/* Up to `bytes` from `offset`; *done 0: the end. May block, and then give EINTR (interrupt.h). EINVAL */
	int (*read)(struct open_file *f, void *to, size_t bytes, uint64_t offset, size_t *done);
	/* Some or all of it. EINVAL */
	int (*write)(struct open_file *f, const void *from, size_t bytes, uint64_t offset, size_t *done);
	int (*stat)(struct open_file *f, struct stat *out);
	/* Makes what was written lasting, or visible. EINVAL */
	int (*sync)(struct open_file *f);
	/* ioctl. ENOTTY */
	int (*control)(struct open_file *f, unsigned long request, void *argument);
	/* Which of poll's events hold. NULL: it never blocks. */
	int (*ready)(struct open_file *f, short events, short *now);
	/*
	 * For a child: writes what it needs besides path and flags to have this very file, and prepares the file for
	 * being shared. EOPNOTSUPP, or NULL: it is to open the path.
	 */
	int (*pack)(struct open_file *f, void *state, size_t room, size_t *bytes);
	/* In the child: makes it. */
	int (*unpack)(const void *state, size_t bytes, int flags, const char *path, struct open_file **out);
	/* The last reference has gone. f itself is freed by the caller. */
	void (*close)(struct open_file *f);
};

struct open_file {
	const struct open_file_ops *ops;
	struct mutex lock;   /* of the offset, while a call uses it */
	uint32_t references; /* descriptors, and calls under way */
	int flags;           /* O_ACCMODE and what F_GETFL tells */
	uint32_t mode;       /* st_mode as far as it is known: its format at least */
	uint64_t offset;
	char *path; /* absolute, as it was found, behind the struct; NULL: it has none */
	union {
		struct {
			struct file_server *server;
			uint32_t generation; /* of the connection that the fid is of */
			uint32_t fid;
			bool blocks; /* a synthetic file: an answer may be long in coming */
			bool shared; /* others have it too: the server keeps the offset */
			bool kept;   /* it was, as its head and the namespace were then: kept.h */
			uint32_t turn;
			uint64_t names;
			bool ring;            /* a pipe in memory that its users share: pipe_ring.h */
			uint8_t reads, looks; /* window.h's, and the end of what was written */
			uint64_t written;
			struct pipe_user *user;
			struct window *window; /* NULL: there is none */
		} ninep;
		struct {
			const uint8_t *data;
			uint64_t size, number;
		} boot;
		void *own; /* of other kinds */
	};
};

struct descriptor {
	struct open_file *file; /* NULL: free */
	bool cloexec;
};

/* fd.c's own; others may look at it from outside the process (about.h). */
struct fd_table {
	struct mutex lock;
	struct descriptor *at;
	int room, lowest; /* below `lowest` none is free */
	unsigned limit;
};

/* --- the table ------------------------------------------------------------------------------------ */

/* An open file with one reference, the caller's; `path` is copied, or NULL. ENOMEM. */
int file_make(const struct open_file_ops *ops, int flags, const char *path, struct open_file **out);
void file_hold(struct open_file *f);
/* Gives a reference back; closes the file with the last one. */
void file_drop(struct open_file *f);

/*
 * Is some of that memory such as a server may take away at any time? It is not touched in the midst of a request.
 * NULL: there is none.
 */
extern bool (*file_memory_foreign)(vaddr_t va, uint64_t bytes);

/* The file of a descriptor, held. NULL, and errno EBADF. */
struct open_file *fd_get(int fd);
/* Likewise, to read from or write to: O_RDONLY, O_WRONLY. EBADF if it was not opened for that. */
struct open_file *fd_get_for(int fd, int access);
/*
 * The lowest free number from `least` on; takes the caller's reference over, also when it fails. -1 and errno
 * EMFILE, ENOMEM.
 */
int fd_add(struct open_file *f, int least, bool cloexec);
/* A number of one's choice; what was there is closed. Takes the reference over. -1 and errno. */
int fd_put(int fd, struct open_file *f, bool cloexec);
/* -1 and errno. */
int fd_close(int fd);
/* All numbers from `least` on. */
void fd_close_from(int least);
/* Those with FD_CLOEXEC, as exec does. */
void fd_close_on_exec(void);
/* Whether it has FD_CLOEXEC; with `set` 0 or 1 it has from now on, or not. -1 and errno. */
int fd_cloexec(int fd, int set);
/* The first descriptor from `least` on; its file is held. -1: there is none. */
int fd_next(int least, struct open_file **f, bool *cloexec);
/* RLIMIT_NOFILE. EINVAL: over FD_MOST. */
unsigned fd_limit(void);
int fd_limit_set(unsigned limit);

/* --- for children ---------------------------------------------------------------------------------- */

/* As every process has them that was told of none: the console at 0, 1 and 2. */
bool fd_is_default(void);
/*
 * To the section: what fd_unpack makes the same descriptors of in another process; with `exec` without those that
 * have FD_CLOEXEC. It is for one process: ask again for another.
 */
struct inherit;
void fd_pack(struct inherit *i, bool exec);
/* For the one that packed it, when there is no child after all: what was prepared for it does not keep files open. */
void fd_pack_undo(const char *data, size_t bytes);
/* In a process that has opened nothing. What cannot be opened any more is left out. ENOMEM, EINVAL. */
int fd_unpack(const char *data, size_t bytes);

/* --- the kinds ---------------------------------------------------------------------------------------- */

extern const struct open_file_ops file_console_ops, file_boot_ops, file_ninep_ops, file_dir_ops;
