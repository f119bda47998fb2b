/*
 * Serving 9P: a tree of files is a table of names and handlers.
 *
 * One tree is served in both dialects, over any fabric and over streams. Handlers are
 * straight-line code without locks, called by the thread that runs ninep_serve or
 * ninep_connection_serve. A handler that cannot answer yet (a console that nobody has typed at) says
 * ninep_later and NINEP_LATER, and the others go on. All errors are those of error.h.
 *
 * What is not in a file's handlers is answered as it should be: EOPNOTSUPP, EPERM, EROFS; truncation of a
 * file that has no setattr does nothing, as a shell's > ctl asks for it.
 */
#pragma once

#include "libos/ninep/head.h"
#include "libos/ninep/link.h"

#define NINEP_NAME_MAX 255
#define NINEP_FIDS_MAX 16384   /* of one client; then EMFILE */
#define NINEP_PENDING_MAX 64   /* answers of one client that are put off; then EAGAIN */
#define NINEP_TEXT_MAX 16384   /* of a file that is a text */
#define NINEP_LATER UINT32_MAX /* what a handler returns after ninep_later */
#define NINEP_FID_BUCKETS 64

#define NINEP_FIFO 0010000u
#define NINEP_CHAR 0020000u
#define NINEP_DIR 0040000u
#define NINEP_FILE 0100000u
#define NINEP_SYMLINK 0120000u
#define NINEP_FORMAT 0170000u

/* Flags of open, Linux's numbers. */
#define NINEP_RDONLY 0u
#define NINEP_WRONLY 1u
#define NINEP_RDWR 2u
#define NINEP_ACCESS 3u
#define NINEP_CREAT 0100u
#define NINEP_EXCL 0200u
#define NINEP_TRUNC 01000u
#define NINEP_APPEND 02000u
#define NINEP_NONBLOCK 04000u

/* Bits of Tsetattr's valid. */
#define NINEP_SET_MODE 1u
#define NINEP_SET_UID 2u
#define NINEP_SET_GID 4u
#define NINEP_SET_SIZE 8u
#define NINEP_SET_ATIME 16u /* to now, unless with the bit below */
#define NINEP_SET_MTIME 32u
#define NINEP_SET_CTIME 64u
#define NINEP_SET_ATIME_TO 128u
#define NINEP_SET_MTIME_TO 256u

/* Of Tready: poll's. */
#define NINEP_READY_IN 1u
#define NINEP_READY_OUT 4u
#define NINEP_READY_ERROR 8u
#define NINEP_READY_HANGUP 16u
#define NINEP_READY_NOW 0x80000000u /* which hold now: not put off */

/* Of Tlock. */
#define NINEP_LOCK_READ 0u
#define NINEP_LOCK_WRITE 1u
#define NINEP_LOCK_NONE 2u
#define NINEP_LOCK_BLOCK 1u /* flag: wait for it */

struct ninep_node;
struct ninep_connection;
struct ninep_pending;
struct ninep_call;

/* What a fid stands for. Children of a node in a table have their parent's key. */
struct ninep_file {
	const struct ninep_node *node;
	uint64_t key; /* which of many with this node: a process, a core */
	void *open;   /* the handlers', from open to close */
};

struct ninep_space {
	uint64_t blocks, free, files, files_free;
	uint32_t type, block; /* bytes */
};

/* What is to be made in a directory, by the format in `mode`; a link's `target`, a device's `rdev`. */
struct ninep_creation {
	struct ninep_text name, target;
	uint32_t mode, gid, flags;
	uint64_t rdev;
};

struct ninep_lock {
	uint8_t type; /* NINEP_LOCK_READ, ... */
	uint32_t flags, proc_id;
	uint64_t start, length; /* 0: to the end, however far that will be */
	struct ninep_text client_id;
};

/* A user of shared memory. */
struct ninep_ring {
	uint64_t ticket; /* for the memory */
	uint32_t serial; /* who it is there; never 0, and never used again */
	bool direct;     /* its notification was taken: others wake it by that */
};

/* How a file is to be mapped: Tmap's. */
#define NINEP_MAP_READ 1u
#define NINEP_MAP_WRITE 2u
#define NINEP_MAP_HEAD 4u   /* not its bytes but its head: head.h */
#define NINEP_MAP_TREE 8u   /* of any file: the head of its tree */
#define NINEP_MAP_STORE 16u /* to write, and to mark that; with NINEP_MAP_HEAD: the marks */

struct ninep_mapping {
	uint64_t ticket; /* for a frame; 0: that is beyond the end */
	uint64_t size;   /* of the file */
};

/* All may be NULL. They return 0 or an error. */
struct ninep_handlers {
	/* Of a directory: what is in it beside its table. */
	unsigned (*lookup)(const struct ninep_file *dir, struct ninep_text name, struct ninep_file *out);
	/*
	 * ... the first entry at `*index` (from 0) or after it, where there are none in between; *index becomes its
	 * own. ENOENT after the last; `name` has NINEP_NAME_MAX + 1 bytes.
	 */
	unsigned (*entry)(const struct ninep_file *dir, uint64_t *index, struct ninep_file *out, char *name);
	/* What is above it, for nodes that are in no table. */
	unsigned (*parent)(const struct ninep_file *f, struct ninep_file *out);
	/* Changes what the table says. */
	unsigned (*attr)(const struct ninep_file *f, struct ninep_attr *a);
	/* May be put off, but at a creation. */
	unsigned (*open)(struct ninep_call *c, struct ninep_file *f, uint32_t flags);
	void (*close)(struct ninep_file *f);
	/* A file that is a text made when it is opened: writes up to `room` bytes. */
	unsigned (*text)(const struct ninep_file *f, char *into, size_t room, size_t *length);
	/* Up to *count bytes to where the client will find them; *count becomes how many. 0: the end. */
	unsigned (*read)(struct ninep_call *c, struct ninep_file *f, uint64_t offset, void *into, uint32_t *count);
	/* The client may change `from` meanwhile: what one parses one copies first. It is good till the return. */
	unsigned (*write)(struct ninep_call *c, struct ninep_file *f, uint64_t offset, const void *from,
			  uint32_t *count);
	unsigned (*create)(const struct ninep_file *dir, const struct ninep_creation *what, struct ninep_file *out);
	unsigned (*link)(const struct ninep_file *dir, struct ninep_text name, const struct ninep_file *f);
	unsigned (*remove)(const struct ninep_file *dir, struct ninep_text name, bool directory);
	unsigned (*rename)(const struct ninep_file *dir, struct ninep_text name, const struct ninep_file *newdir,
			   struct ninep_text newname);
	/* NINEP_TARGET_MAX bytes at most. */
	unsigned (*readlink)(struct ninep_call *c, const struct ninep_file *f, char *into, uint32_t *length);
	/* `valid` (Tsetattr's bits) says which of a's mode, uid, gid, size, mtime are to be set. */
	unsigned (*setattr)(const struct ninep_file *f, uint32_t valid, const struct ninep_attr *a);
	unsigned (*sync)(const struct ninep_file *f);
	/* *status: 0 done, 1 blocked. May be put off. */
	unsigned (*lock)(struct ninep_call *c, const struct ninep_file *f, const struct ninep_lock *l, uint8_t *status);
	/* What keeps `l` from being taken takes its place; else its type becomes NINEP_LOCK_NONE. */
	unsigned (*getlock)(struct ninep_call *c, const struct ninep_file *f, struct ninep_lock *l);
	/* A fid that was open is closed by this client, or with it: so are its locks on that file, as POSIX has it. */
	void (*unlock)(const struct ninep_connection *n, const struct ninep_file *f);
	/* *events: those that are asked for, and become those of them that hold, with errors. May be put off. */
	unsigned (*ready)(struct ninep_call *c, struct ninep_file *f, uint32_t *events);
	/*
	 * Memory that the users of an open file share: gives this one a ticket for it, and takes, by `ticket` unless
	 * that is 0, a notification that wakes it.
	 */
	unsigned (*ring)(struct ninep_call *c, const struct ninep_file *f, uint64_t ticket, struct ninep_ring *out);
	/* ... a ticket for the notification of the user of that number. */
	unsigned (*peer)(struct ninep_call *c, const struct ninep_file *f, uint32_t number, uint64_t *ticket);
	/* ... wakes these. */
	void (*poke)(const struct ninep_file *f, uint64_t sleepers);
	/* A fid that was open is closed. */
	void (*left)(const struct ninep_connection *n, const struct ninep_file *f, uint32_t fid);
	/*
	 * Memory with the bytes of an open file: a ticket for the frame of 1 << NINEP_EXTENT_BITS bytes, at a multiple
	 * of that, in which the one at `offset` is. What `how` asks for the fid may do.
	 */
	unsigned (*map)(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint32_t how,
			struct ninep_mapping *out);
	/* ... what was stored there is as lasting as what was written. Without it Tfsync calls `sync`. */
	unsigned (*settle)(struct ninep_call *c, const struct ninep_file *f, uint64_t offset, uint64_t count);
	/* Which of NINEP_APPEND and NINEP_NONBLOCK an open file has from now on. */
	unsigned (*flags)(struct ninep_file *f, uint32_t flags);
	unsigned (*space)(const struct ninep_file *f, struct ninep_space *s);
	/* A fid more or less stands for it. */
	void (*hold)(const struct ninep_file *f);
	void (*drop)(const struct ninep_file *f);
};

struct ninep_node {
	const char *name; /* NULL: the table ends */
	uint32_t mode;    /* format and permissions */
	const struct ninep_handlers *handlers;
	const struct ninep_node *children; /* of a directory, or NULL */
	void *arg;                         /* the handlers' */
};

struct ninep_fid {
	struct ninep_fid *next;
	uint32_t fid;
	uint32_t flags;
	bool open;
	bool opening;                /* the answer is put off */
	struct ninep_shared *shared; /* it is open for what others have, too; NULL: for itself */
	struct ninep_file file;
	char *text; /* of a file that is one; `shared` has it, if that is there */
	size_t text_length;
	uint64_t dir_offset, dir_index; /* 9P2000: how far a directory was read */
};

/* Who has no tree but hands requests on: in place of the tree, after a request has been decoded and found good. */
struct ninep_relay {
	/* Fills c->out, or returns an error, or NINEP_LATER: then it answers by ninep_reply, with the lent buffer. */
	unsigned (*serve)(struct ninep_call *c);
	/* May a request of it be taken now? */
	bool (*room)(struct ninep_connection *n);
	/* It ends. */
	void (*gone)(struct ninep_connection *n);
};

struct ninep_server {
	struct fabric *fabric;
	const struct ninep_node *root;
	const struct ninep_relay *relay; /* or NULL */
	struct service service;
	struct wait_set set;
	struct ninep_connection *connections;
	uint32_t stalled;              /* connections that wait for room */
	struct ninep_connection *last; /* has an answer that goes when we wait next; or NULL */
	struct ninep_token *tokens;
	uint32_t tokens_given;
	bool stop; /* ninep_serve is to return */
	/* log.h; all may be NULL */
	bool keeps;                       /* sessions: a client can go on at another server */
	uint64_t numbers;                 /* of connections so far */
	struct ninep_log *log;            /* where all that changes is told */
	struct ninep_connection *shadows; /* of another server's clients */
	struct ninep_pending *granted;    /* locks, to be answered when that is told for which they were */
	/*
	 * NULL, or what the service does beside serving: called before each wait. Returns when it is to be called again
	 * at the latest, 0: no hurry; wait_set_interrupt of `set`, by another thread, calls it at once.
	 */
	cycles_t (*turn)(struct ninep_server *s);
};

struct ninep_connection {
	struct channel channel; /* of those that ninep_serve accepted */
	struct ninep_connection *next;
	struct ninep_server *server; /* NULL: it is nobody's */
	const struct ninep_node *root;
	const struct ninep_relay *relay; /* or NULL */
	void *tag;                       /* the relay's */
	uint64_t number;                 /* of a service's: one for each, also when it goes on elsewhere; 0: none */
	uint64_t secret[2];              /* of its session; 0: it has none */
	uint64_t pid;                    /* whose it is */
	bool resumed;                    /* the client was another server's before */
	struct ninep_answered *answered; /* log.h: by tag, what may come again; or NULL */
	struct ninep_link link;
	uint32_t msize_most; /* what a client may ask for */
	bool versioned;
	bool ours;  /* the client knows our messages, too */
	bool waits; /* for room: the link's, or the relay's */
	bool dead;
	uint32_t fids;
	struct ninep_fid *recent; /* the one used last */
	struct ninep_fid *spare;  /* the one removed last: its memory */
	struct ninep_fid *bucket[NINEP_FID_BUCKETS];
	struct ninep_pending *pending;
	uint32_t pendings;
};

/* A request that is being handled. */
struct ninep_call {
	struct ninep_connection *from;
	struct ninep_packet *packet;
	uint32_t fid;
	bool here; /* a read or write at the offset that is shared */
	struct ninep_message in, out;
};

/* --- services on a fabric ------------------------------------------------------------------------ */

err_t ninep_server_init(struct ninep_server *s, struct fabric *f, const struct ninep_node *root);
/* Announces it; `name` NULL: by its mailbox alone. */
err_t ninep_server_export(struct ninep_server *s, const char *name);
/* Serves till s->stop is set by a handler. */
err_t ninep_serve(struct ninep_server *s);
/* Closes all connections. */
void ninep_server_destroy(struct ninep_server *s);
/* All of that: serves a tree under a name till a handler says stop. */
err_t ninep_serve_tree(struct fabric *f, const struct ninep_node *root, const char *name);

/* --- one connection, over a link of the caller's ---------------------------------------------------- */

/* Takes the link over. */
void ninep_connection_init(struct ninep_connection *n, const struct ninep_node *root, const struct ninep_link *link);
/* Handles all that is there. ERR_OK: look again when there may be more, or room; else it is over. */
err_t ninep_connection_serve(struct ninep_connection *n);
/* A client that takes no answers, or whose requests find no room in a relay, has no further ones taken. */
static inline bool ninep_connection_room(struct ninep_connection *n)
{
	return !ninep_link_stalled(&n->link) && (!n->relay || n->relay->room(n));
}
/* Cancels what is put off, closes what is open. */
void ninep_connection_close(struct ninep_connection *n);

/* --- answers that come later --------------------------------------------------------------------- */

/*
 * In a read, write, open, lock or ready handler, which then returns NINEP_LATER. NULL: too many (return EAGAIN).
 * `cancel` is called when
 * the answer is not wanted any more (flush, clunk, the client is gone): then it must not be given.
 */
struct ninep_pending *ninep_later(struct ninep_call *c, void (*cancel)(struct ninep_pending *p, void *arg), void *arg);
/*
 * Of a read: up to `count` bytes of data, no more than were asked for. Of a write: how many were taken. `count` is a
 * lock's status, the events that hold.
 */
void ninep_answer(struct ninep_pending *p, unsigned error, const void *data, uint32_t count);

/* --- for the parts of the server ------------------------------------------------------------------- */

/* By type of request: fills c->out, or returns an error, or NINEP_LATER. */
typedef unsigned ninep_serve_t(struct ninep_call *c);
ninep_serve_t *ninep_serve_of(unsigned type);
/* Sends c->out's like with the buffer that came with the request. */
void ninep_reply(struct ninep_connection *n, struct ninep_message *m, const struct bulk_buffer *lent);
void ninep_reply_error(struct ninep_connection *n, uint16_t tag, unsigned error, const struct bulk_buffer *lent);
/* With EINTR; fid or tag NULL: any. */
void ninep_pending_cancel(struct ninep_connection *n, const uint32_t *fid, const uint16_t *tag);

struct ninep_fid *ninep_fid_find(struct ninep_connection *n, uint32_t fid);
/* EBADF: in use. EMFILE. */
unsigned ninep_fid_add(struct ninep_connection *n, uint32_t fid, const struct ninep_file *file);
/* From now on it stands for another file; it is not open. */
void ninep_fid_move(struct ninep_fid *f, const struct ninep_file *to);
void ninep_fid_remove(struct ninep_connection *n, struct ninep_fid *f);
void ninep_fid_close(struct ninep_connection *n, struct ninep_fid *f);
void ninep_fids_clear(struct ninep_connection *n);
/* share.c */
void ninep_shared_drop(struct ninep_shared *s);
/* What handlers of open files get: what `open` made, or others changed. */
struct ninep_file *ninep_shared_file(struct ninep_shared *s);
static inline struct ninep_file *ninep_open_file(struct ninep_fid *f)
{
	return f->shared ? ninep_shared_file(f->shared) : &f->file;
}
void ninep_tokens_clear(struct ninep_connection *n);
/* NINEP_HERE becomes the description's offset. EINVAL: it has none. */
unsigned ninep_offset(const struct ninep_fid *f, uint64_t *offset);
/* So many bytes were read or written there. */
void ninep_advance(const struct ninep_connection *n, const struct ninep_fid *f, bool written, uint32_t count);

/* The tree: what a table says, and handlers beside it. */
/* EINVAL for what is no name of a file: empty, ".", "..", with a slash. ENAMETOOLONG. */
unsigned ninep_name_check(struct ninep_text name);
unsigned ninep_tree_walk(const struct ninep_node *root, const struct ninep_file *from, struct ninep_text name,
			 struct ninep_file *out);
/* As the handler: the first entry from *index on. */
unsigned ninep_tree_entry(const struct ninep_node *root, const struct ninep_file *dir, uint64_t *index,
			  struct ninep_file *out, char *name);
unsigned ninep_tree_attr(const struct ninep_node *root, const struct ninep_file *f, struct ninep_attr *a);
struct ninep_qid ninep_attr_qid(const struct ninep_attr *a);
static inline bool ninep_is_dir(const struct ninep_file *f) { return (f->node->mode & NINEP_FORMAT) == NINEP_DIR; }
static inline const struct ninep_handlers *ninep_handlers_of(const struct ninep_file *f)
{
	static const struct ninep_handlers none;

	return f->node->handlers ? f->node->handlers : &none;
}
