/*
 * A server with a mirror: what its clients change is told to another server, which can take its place.
 *
 * The log is a sequence of records. Each is a request that was served and changed something, with what came of it: the
 * mirror serves it, too, for a *shadow* of the client's connection, whose fids, shared offsets, tokens and locks so are
 * as those of the real one. What fails changes nothing and is not told, nor is what only reads. A request that has been
 * put off is told when it is done. The state that a new mirror begins with goes as records, too (ninep_log_save).
 *
 * A record is told before its request is answered. So when the server dies, each request that was answered is in
 * the mirror, and of those that were not, the mirror knows which were done: it keeps, by tag, the last answer that
 * its shadow gave. A client that finds its server dead shows the secret of its session (Tsession) to the heir, which
 * gives it the shadow's fids but for those that it does not know any more, and sends again what was not answered: that
 * is answered from what was kept, or done now.
 *
 * Tags: a client with a session counts in a tag's upper ten bits how often it has used the lower six. So a tag comes
 * again after 1,023 requests, and before that the mirror is told to forget what it has kept for it.
 *
 * Files are told by qid.path, which the service finds them by. FIFOs and files that are texts lose their being open.
 */
#pragma once

#include "libos/ninep/pending.h"
#include "libos/ninep/server.h"

#define NINEP_SLOT_BITS 6 /* of a tag: which of a client's requests in flight */
#define NINEP_SLOTS (1u << NINEP_SLOT_BITS)

enum ninep_record_kind {
	NINEP_RECORD_REQUEST,
	NINEP_RECORD_FORGET,      /* result[0]: a tag whose slot's answer is not wanted any more */
	NINEP_RECORD_END,         /* the client has gone */
	NINEP_RECORD_SESSION,     /* result: its secret; time: its pid */
	NINEP_RECORD_SHARED,      /* payload: struct ninep_saved */
	NINEP_RECORD_FID,         /* ... */
	NINEP_RECORD_TOKEN,       /* result: its words; time: the shared file */
	NINEP_RECORD_ANSWER,      /* message: the answer that is kept for its slot */
	NINEP_RECORD_WHOLE,       /* that was all of it; result: connections so far */
	NINEP_RECORD_SERVICE = 64 /* and above: the service's own */
};

struct ninep_record {
	uint32_t kind;
	uint32_t length;  /* of the message that follows, without its payload */
	uint32_t payload; /* ... which follows that */
	uint32_t dialect;
	uint64_t connection;
	uint64_t result[2];
	uint64_t time[2]; /* what the service's clock said, if it was asked */
};

struct ninep_saved {
	uint64_t path, offset;
	uint32_t flags, fid, shared; /* shared: its number; 0: none */
	uint32_t open;
};

struct ninep_log {
	/* Takes a record, for good: it may wait for room. */
	void (*put)(struct ninep_log *l, struct ninep_record *r, const void *message, const void *payload);
	/* A request has been told, if there was something to tell: the clock goes on. May be NULL. */
	void (*told)(struct ninep_log *l);
	uint8_t message[NINEP_INLINE];
};

/* An answer that is kept, without its payload; of a read, the request, with the offset and the count that it had. */
struct ninep_answered {
	uint16_t tag, length, room; /* length 0: none is kept */
	uint8_t *bytes;
};

/* --- the server that has a mirror; called by the library where s->log is set ------------------------------- */

/* A request has been served, and is not answered yet. */
void ninep_log_request(struct ninep_call *c, unsigned error);
/* A lock was granted: its client hears of it when the log has it. */
void ninep_log_grant(struct ninep_pending *p, unsigned error);
/* A connection has ended, and what it had is closed. */
void ninep_log_end(struct ninep_connection *n);
/* A fid of that connection goes without a request. */
void ninep_log_drop(const struct ninep_connection *n, uint32_t fid);
/* Tells all connections, shadows among them. The files that they have must have been told before. */
void ninep_log_save(struct ninep_server *s);

/* --- the mirror -------------------------------------------------------------------------------------------- */

struct ninep_replay {
	struct ninep_server *server;
	/* The file with that qid.path, as its handler `open` leaves it; false: there is none. */
	bool (*find)(void *arg, uint64_t path, uint32_t flags, struct ninep_file *out);
	/* The clock is to say that. */
	void (*clock)(void *arg, const uint64_t time[2]);
	void *arg;
	struct ninep_shared **shared; /* by number, while the state comes */
	uint32_t shared_count;
};

/* Does what the record says. EPROTO: it cannot, or something else has come of it; then this is no mirror any more. */
unsigned ninep_replay(struct ninep_replay *p, const struct ninep_record *r, const void *message, const void *payload);
/* What a load that ended before its end has left. */
void ninep_replay_end(struct ninep_replay *p);

/* --- the heir ------------------------------------------------------------------------------------------------ */

/*
 * Of a client that goes on here: this request has been done already, and is answered. Else false: it is to be served,
 * perhaps a little differently.
 */
bool ninep_resumed(struct ninep_call *c);
/* Those of that process end; 0: those that nobody can come back to. */
void ninep_shadows_end(struct ninep_server *s, uint64_t pid);
/* Frees what was kept. */
void ninep_answered_free(struct ninep_connection *n);
/* Keeps a message for its tag. Without memory none is kept: false. */
bool ninep_answer_keep(struct ninep_connection *n, const struct ninep_message *m, enum ninep_dialect dialect);
/* NULL: there is none. */
struct ninep_connection *ninep_shadow_find(struct ninep_server *s, uint64_t number);
struct ninep_connection *ninep_shadow_make(struct ninep_server *s, uint64_t number);
void ninep_shadow_free(struct ninep_connection *n);
