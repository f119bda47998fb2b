/*
 * A 9P2000.L client: sessions, requests in flight, and a call for each thing that one does to files.
 *
 * All calls return 0 or an error of error.h; when the link has ended, ECONNRESET, also for what was
 * in flight. A client is one thread's at a time. Requests may be started, many at once, and
 * finished in any order:
 *
 *     ninep_read_start(c, &r, fid, offset, into, count);
 *     ...
 *     error = ninep_finish(&r);      r.m.rread.data.length bytes are there
 *
 * A payload of more than NINEP_SHORT bytes goes by a lent buffer, if the link has one free; what
 * is in user memory is copied once, into the buffer or out of it. Who writes from a buffer of the
 * pool (ninep_buffer_take) and reads into one has no copy at all.
 */
#pragma once

#include "libos/ninep/link.h"
#include "libos/ninep/server.h"

#define NINEP_TAGS 64
#define NINEP_SHORT 32
#define NINEP_TARGET_MAX 4096

struct ninep_request {
	struct ninep_client *client; /* NULL: not in flight */
	struct ninep_message m;      /* the request, then the answer */
	unsigned tag;                /* its place in the client's table, and its tag but for Tversion */
	unsigned error;
	bool done;
	bool lent;                 /* the buffer is with the server */
	bool kept;                 /* ... and is the caller's when it is back */
	struct bulk_buffer buffer; /* lent, or come back */
	void *into;                /* where a payload or a text is to be; NULL: it stays in the buffer */
	uint32_t room;
};

struct ninep_client {
	struct ninep_link link;
	struct channel channel; /* when ninep_connect opened it */
	struct ninep_request *flight[NINEP_TAGS];
	uint64_t tags; /* in use */
	uint32_t fids; /* numbers given out so far */
	uint32_t *spare;
	uint32_t spares, spare_room; /* numbers that came back */
	bool ours;                   /* the server knows our messages, too */
	uint32_t dropped;            /* a fid that the next walk takes along to be clunked, and 1 */
	bool keeps;                  /* ... and keeps sessions (log.h) */
	bool held;                   /* another thread waits at the link: it is not made anew meanwhile */
	uint64_t secret[2];          /* of our session; 0: there is none */
	uint16_t turn[NINEP_TAGS];   /* how often each tag was used, with a session */
	uint64_t resumed;            /* how often it has gone on at an heir */
	unsigned broken;             /* why the link has ended; 0: it has not */
	uint64_t copies, copied;     /* payloads that were copied, and their bytes */
	/*
	 * For several threads: what waits till an answer has come, for whomever, in place of the client itself; it
	 * takes answers by ninep_poll. NULL: the client waits at its link.
	 */
	void (*wait)(struct ninep_client *c);
	/* Opens channel and link to the heir of a server that has died, waiting for it; an error: there is none. */
	unsigned (*again)(struct ninep_client *c);
};

struct ninep_dir_entry {
	struct ninep_qid qid;
	uint8_t type;
	uint64_t next; /* offset of the one after it */
	char name[NINEP_NAME_MAX + 1];
};

/* --- sessions ------------------------------------------------------------------------------------- */

/* To a service of that name: opens the channel with bulk memory, agrees on a version. */
unsigned ninep_connect(struct ninep_client *c, struct fabric *f, const char *name);
/* Over a link, which is the client's then; closed again on an error. */
unsigned ninep_begin(struct ninep_client *c, const struct ninep_link *link);
/*
 * From now on a server's death is not seen: the client goes on at the heir, whose channel `again` opens. What its
 * requests point to must stay till they are finished. EOPNOTSUPP: this server has no heirs.
 */
unsigned ninep_keep(struct ninep_client *c, unsigned (*again)(struct ninep_client *c));
/* Ends everything; what is in flight gets ECONNRESET. */
void ninep_end(struct ninep_client *c);

/* --- requests ---------------------------------------------------------------------------------------- */

/* Sends r->m; its tag is set here. Waits when all tags are in use. */
unsigned ninep_start(struct ninep_client *c, struct ninep_request *r);
/* Waits for the answer, which is in r->m then. */
unsigned ninep_finish(struct ninep_request *r);
/* Both. */
unsigned ninep_request(struct ninep_client *c, struct ninep_request *r);
/* Takes what has come, and sends what waits for room, without waiting. */
void ninep_poll(struct ninep_client *c);
/* It is not wanted any more: returns when it has been answered or forgotten. EINTR, or what finish would give. */
unsigned ninep_flush(struct ninep_request *r);
/* ... who has sent a Tflush for it, and got the answer to that, says so: it ends with this error. */
void ninep_abandon(struct ninep_request *r, unsigned error);

unsigned ninep_read_start(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset, void *into,
			  uint32_t count);
/* They fill r, for ninep_start or ninep_request. */
void ninep_read_prepare(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset, void *into,
			uint32_t count);
void ninep_write_prepare(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset,
			 const void *from, uint32_t count);
/* Lends a buffer for `count` bytes if that is worth it; *count becomes what one request can carry. */
void ninep_lend(struct ninep_client *c, struct ninep_request *r, uint32_t *count);

unsigned ninep_write_start(struct ninep_client *c, struct ninep_request *r, uint32_t fid, uint64_t offset,
			   const void *from, uint32_t count);

/* --- for the client's own parts -------------------------------------------------------------------- */

unsigned ninep_version_agree(struct ninep_client *c);
void ninep_request_end(struct ninep_request *r, unsigned error);
/* At the heir, with all that is in flight. An error: there is none. */
unsigned ninep_resume(struct ninep_client *c);

/* --- buffers of the link's pool -------------------------------------------------------------------- */

/* Takes one of 64 KiB; EAGAIN: all are in use; EOPNOTSUPP: this link has none. */
unsigned ninep_buffer_take(struct ninep_client *c, struct bulk_buffer *b);
void ninep_buffer_free(struct ninep_client *c, const struct bulk_buffer *b);
/* Without a copy: b's first `count` bytes; *done of them were taken. b is the caller's again. */
unsigned ninep_write_buffer(struct ninep_client *c, uint32_t fid, uint64_t offset, struct bulk_buffer *b,
			    uint32_t count, uint32_t *done);
/* ... up to `count` bytes into b; *done of them are there. */
unsigned ninep_read_buffer(struct ninep_client *c, uint32_t fid, uint64_t offset, struct bulk_buffer *b, uint32_t count,
			   uint32_t *done);

/* Numbers of fids, for who makes requests of his own. */
uint32_t ninep_fid_take(struct ninep_client *c);
void ninep_fid_give(struct ninep_client *c, uint32_t fid);

/* --- files: *fid is a new one, to be clunked ---------------------------------------------------------- */

unsigned ninep_attach(struct ninep_client *c, const char *user, const char *tree, uint32_t *fid);
unsigned ninep_attach_qid(struct ninep_client *c, const char *user, const char *tree, uint32_t *fid,
			  struct ninep_qid *qid);
/* By a path with slashes, also of more than 16 names; "" is a copy of `from`. All or nothing. */
unsigned ninep_walk(struct ninep_client *c, uint32_t from, const char *path, uint32_t *fid);
/* The same, and how far it went: `names` of the path are there, the last of them is `qid` (if there was one). */
struct ninep_way {
	uint32_t names;
	struct ninep_qid qid;
};
unsigned ninep_walk_way(struct ninep_client *c, uint32_t from, const char *path, uint32_t *fid, struct ninep_way *way);
unsigned ninep_clunk(struct ninep_client *c, uint32_t fid);
/*
 * A clunk that is not urgent: where the server can, the next ninep_walk_open or ninep_walk_attr takes it along,
 * or, when another fid is dropped before that, a message that is not answered.
 */
void ninep_drop(struct ninep_client *c, uint32_t fid);
/*
 * A walk of up to 16 names and an open, or the attributes (of `from` itself for ""), in one request. EOPNOTSUPP:
 * one by one. ENOENT means so; after any other error a walk may find links.
 */
unsigned ninep_walk_open(struct ninep_client *c, uint32_t from, const char *path, uint32_t flags, uint32_t *fid,
			 struct ninep_qid *qid);
/* r->m.rwalkattr then has them. */
unsigned ninep_walk_attr(struct ninep_client *c, uint32_t from, const char *path, struct ninep_request *r);
unsigned ninep_open(struct ninep_client *c, uint32_t fid, uint32_t flags);
/* `fid`, a directory's, becomes the new file's, open. */
unsigned ninep_create(struct ninep_client *c, uint32_t fid, const char *name, uint32_t flags, uint32_t mode);
/* Up to the end of the file, or `count`; *done are there, also with an error. */
unsigned ninep_read(struct ninep_client *c, uint32_t fid, uint64_t offset, void *into, size_t count, size_t *done);
unsigned ninep_write(struct ninep_client *c, uint32_t fid, uint64_t offset, const void *from, size_t count,
		     size_t *done);
/* Up to `room` entries from `offset` on (0, then the last one's next); *count 0: there are no more. */
unsigned ninep_readdir(struct ninep_client *c, uint32_t fid, uint64_t offset, struct ninep_dir_entry *entries,
		       unsigned room, unsigned *count);
unsigned ninep_getattr(struct ninep_client *c, uint32_t fid, struct ninep_attr *a);
unsigned ninep_setattr(struct ninep_client *c, uint32_t fid, uint32_t valid, const struct ninep_attr *a);
unsigned ninep_mkdir(struct ninep_client *c, uint32_t dir, const char *name, uint32_t mode);
unsigned ninep_symlink(struct ninep_client *c, uint32_t dir, const char *name, const char *target);
unsigned ninep_link(struct ninep_client *c, uint32_t dir, const char *name, uint32_t fid);
unsigned ninep_unlink(struct ninep_client *c, uint32_t dir, const char *name, bool directory);
unsigned ninep_rename(struct ninep_client *c, uint32_t dir, const char *name, uint32_t newdir, const char *newname);
/* With a NUL at its end; at most NINEP_TARGET_MAX bytes with it. */
unsigned ninep_readlink(struct ninep_client *c, uint32_t fid, char *into, size_t room);
unsigned ninep_fsync(struct ninep_client *c, uint32_t fid);
/* EAGAIN: another holds it. */
unsigned ninep_lock(struct ninep_client *c, uint32_t fid, const struct ninep_lock *l);
/* What keeps it from being taken takes its place (but client_id, which is not told); NINEP_LOCK_NONE: nothing does. */
unsigned ninep_getlock(struct ninep_client *c, uint32_t fid, struct ninep_lock *l);
/* Waits till one of those events (NINEP_READY_IN, ...) holds: *events become those that do. */
unsigned ninep_ready(struct ninep_client *c, uint32_t fid, uint32_t *events);
/* A token by which another client can have the open file, which then keeps its offset itself: use NINEP_HERE. */
unsigned ninep_pass(struct ninep_client *c, uint32_t fid, uint64_t offset, uint64_t token[2]);
/* *fid, which is new, is open for what the token stands for; a token can be taken once. */
unsigned ninep_take(struct ninep_client *c, const uint64_t token[2], uint32_t *fid, struct ninep_qid *qid);
/* Moves the offset of such a file (NINEP_SEEK_*); *now: to where. */
unsigned ninep_seek(struct ninep_client *c, uint32_t fid, int64_t by, uint32_t whence, uint64_t *now);
/* NINEP_APPEND, NINEP_NONBLOCK: the open file has them from now on, or not. */
unsigned ninep_flags(struct ninep_client *c, uint32_t fid, uint32_t flags);
/*
 * The memory that an open file's users share (libos/pipe/ring.h), and who we are among them; `notification`, a ticket
 * of the channel's or 0, is what wakes us.
 */
unsigned ninep_ring(struct ninep_client *c, uint32_t fid, uint64_t notification, struct ninep_ring *ring);
/* A ticket for the notification of the user of that number. */
unsigned ninep_peer(struct ninep_client *c, uint32_t fid, uint32_t number, uint64_t *ticket);
/* The server is to wake these: it does not answer. */
void ninep_poke(struct ninep_client *c, uint32_t fid, uint64_t sleepers);
/* A ticket for the memory that has the byte at `offset` (NINEP_MAP_*). EOPNOTSUPP: this server gives none. */
unsigned ninep_map(struct ninep_client *c, uint32_t fid, uint64_t offset, uint32_t how, struct ninep_mapping *out);
/* What was stored there, between those bytes, is as safe as what was written. */
unsigned ninep_settle(struct ninep_client *c, uint32_t fid, uint64_t offset, uint64_t count);
/* A FIFO or a device, by the format in `mode`. */
unsigned ninep_mknod(struct ninep_client *c, uint32_t dir, const char *name, uint32_t mode, uint64_t rdev);
unsigned ninep_statfs(struct ninep_client *c, uint32_t fid, struct ninep_space *s);
