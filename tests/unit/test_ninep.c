/*
 * 9P clients and servers: over a socket pair, over the hosted fabric with and without bulk memory, and a server
 * that is sent what no client should.
 *
 * Oracle: what was written is read; every error is the documented number; a client that has gone leaves no open
 * file and no reference; copies are counted; ASan finds what is lost.
 */
/* needs: libos/ninep/serve_ring.c */
/* needs: libos/ninep/client_session.c */
/* needs: libos/ninep/log.c libos/ninep/replay.c libos/ninep/session.c */
/* needs: libos/ninep/serve_read.c libos/ninep/serve_attr.c libos/ninep/share.c libos/ninep/client_share.c */
/* needs: libos/ninep/codec.c libos/ninep/error.c libos/ninep/link.c libos/ninep/link_channel.c */
/* needs: libos/ninep/link_stream.c libos/ninep/client.c libos/ninep/client_file.c libos/ninep/connection.c */
/* needs: libos/ninep/client_names.c */
/* needs: libos/ninep/fid.c libos/ninep/server.c libos/ninep/serve.c libos/ninep/serve_change.c libos/ninep/tree.c tests/unit/ninep_tree.c */
/* needs: libos/fabric/urpc.c libos/fabric/channel.c libos/fabric/channel_urpc.c libos/fabric/wait.c */
/* needs: libos/fabric/wait_board.c libos/fabric/hint.c libos/fabric/bulk.c libos/fabric/hosted/hosted.c */
/* needs: libos/fabric/hosted/looks.c */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "libos/fabric/hosted/hosted.h"
#include "libos/ninep/client.h"
#include "tests/unit/ninep_tree.h"

#define ROUNDS 300

/* --- a socket pair: while the client waits, the server is served ------------------------------- */

struct end {
	int fd;
	struct ninep_connection *served; /* at the other end; NULL: it is the server's */
};

struct world {
	struct end client_end, server_end;
	struct ninep_connection server;
	struct ninep_client client;
	uint32_t root;
};

static err_t result(ssize_t n, uint32_t *done)
{
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	*done = (uint32_t)n;
	return n ? ERR_OK : ERR_CLOSED;
}

static err_t end_read(void *arg, void *into, uint32_t room, uint32_t *done)
{
	return result(recv(((struct end *)arg)->fd, into, room, MSG_DONTWAIT), done);
}

/* A part is all that goes at a time. */
static err_t end_write(void *arg, const void *from, uint32_t length, uint32_t *done)
{
	uint32_t some = 0;
	err_t err = ERR_OK;

	for (*done = 0; *done < length && !err; *done += some) {
		some = 0;
		err = result(send(((struct end *)arg)->fd, (const char *)from + *done, length - *done,
				  MSG_DONTWAIT | MSG_NOSIGNAL),
			     &some);
	}
	return err;
}

static err_t end_wait(void *arg, bool writing, cycles_t deadline)
{
	struct end *e = arg;

	(void)writing;
	(void)deadline;
	return e->served ? ninep_connection_serve(e->served) : ERR_OK;
}

static const struct ninep_stream end_stream = { .read = end_read, .write = end_write, .wait = end_wait };

static void world_pair(struct world *w, uint32_t msize)
{
	struct ninep_link link;
	int fd[2];

	memset(w, 0, sizeof(*w));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w->client_end = (struct end){ fd[0], &w->server };
	w->server_end = (struct end){ fd[1], NULL };
	assert_int_equal(ninep_link_stream(&link, &end_stream, &w->server_end, msize), ERR_OK);
	ninep_connection_init(&w->server, &tree_root, &link);
	tree_length = 0;
}

static void world_open(struct world *w, uint32_t msize)
{
	struct ninep_link link;

	world_pair(w, msize);
	assert_int_equal(ninep_link_stream(&link, &end_stream, &w->client_end, 65560), ERR_OK);
	assert_int_equal(ninep_begin(&w->client, &link), 0);
	assert_int_equal(w->client.link.msize, msize < 65560 ? msize : 65560);
	assert_int_equal(ninep_attach(&w->client, "me", "", &w->root), 0);
}

static void world_close(struct world *w)
{
	ninep_end(&w->client);
	close(w->client_end.fd);
	if (!w->server.dead)
		assert_int_equal(ninep_connection_serve(&w->server), ERR_CLOSED);
	ninep_connection_close(&w->server);
	close(w->server_end.fd);
	assert_int_equal(tree_opens, 0);
	assert_int_equal(tree_holds, 0);
	assert_null(tree_waiting);
}

static uint32_t opened(struct ninep_client *c, uint32_t root, const char *path, uint32_t flags)
{
	uint32_t fid = 0;

	assert_int_equal(ninep_walk(c, root, path, &fid), 0);
	assert_int_equal(ninep_open(c, fid, flags), 0);
	return fid;
}

/* --- files ------------------------------------------------------------------------------------- */

/* All of it, whatever carries it: reads what it wrote, in one request and in many. */
static void files_go(struct ninep_client *c, uint32_t root)
{
	static char out[150000], in[150000];
	uint32_t fid = opened(c, root, "/deep//bytes", NINEP_RDWR), copy;
	struct ninep_attr a;
	size_t done;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	assert_int_equal(ninep_write(c, fid, 0, out, sizeof(out), &done), 0);
	assert_int_equal(done, sizeof(out));
	assert_int_equal(ninep_getattr(c, fid, &a), 0);
	assert_int_equal(a.size, sizeof(out));
	assert_int_equal(a.mode, NINEP_FILE | 0666);
	memset(in, 0, sizeof(in));
	assert_int_equal(ninep_read(c, fid, 0, in, sizeof(in), &done), 0);
	assert_int_equal(done, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(ninep_read(c, fid, sizeof(out) - 3, in, sizeof(in), &done), 0);
	assert_int_equal(done, 3);
	assert_int_equal(ninep_read(c, fid, sizeof(out), in, 10, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(ninep_write(c, fid, TREE_FILE_MAX, out, 1, &done), NINEP_ENOSPC);
	assert_int_equal(ninep_fsync(c, fid), 0);
	assert_int_equal(ninep_lock(c, fid, &(struct ninep_lock){ .type = 0, .client_id = ninep_text("x") }), 0);
	assert_int_equal(ninep_lock(c, fid, &(struct ninep_lock){ .type = 1, .client_id = ninep_text("x") }),
			 NINEP_EAGAIN);
	assert_int_equal(ninep_walk(c, root, "bytes", &copy), 0);
	assert_int_equal(ninep_open(c, copy, NINEP_WRONLY | NINEP_TRUNC), 0);
	assert_int_equal(ninep_getattr(c, fid, &a), 0);
	assert_int_equal(a.size, 0);
	assert_int_equal(ninep_read(c, copy, 0, in, 1, &done), NINEP_EBADF);
	assert_int_equal(ninep_clunk(c, copy), 0);
	assert_int_equal(ninep_clunk(c, fid), 0);
}

static void trees_go(struct ninep_client *c, uint32_t root)
{
	struct ninep_dir_entry e[20];
	uint32_t fid = 99, dir, status;
	char text[64] = "";
	unsigned count;
	size_t done;

	dir = opened(c, root, "numbers", NINEP_RDONLY);
	assert_int_equal(ninep_readdir(c, dir, 0, e, 20, &count), 0);
	assert_int_equal(count, 5);
	assert_string_equal(e[0].name, ".");
	assert_string_equal(e[4].name, "3");
	assert_int_equal(e[4].type, NINEP_DT_DIR);
	assert_int_equal(ninep_readdir(c, dir, e[3].next, e, 20, &count), 0);
	assert_true(count == 1 && strcmp(e[0].name, "3") == 0);
	assert_int_equal(ninep_readdir(c, dir, e[0].next, e, 20, &count), 0);
	assert_int_equal(count, 0);
	status = opened(c, root, "numbers/2/status", NINEP_RDONLY);
	assert_int_equal(ninep_read(c, status, 0, text, sizeof(text), &done), 0);
	assert_string_equal(text, "number 2\n");
	assert_int_equal(ninep_clunk(c, status), 0);
	assert_int_equal(ninep_clunk(c, dir), 0);
	/* More names than a message takes, up and down. */
	assert_int_equal(
		ninep_walk(c, root, "deep/../deep/../deep/../deep/../deep/../deep/../deep/../deep/../deep/bytes", &fid),
		0);
	assert_int_equal(ninep_clunk(c, fid), 0);
	assert_int_equal(ninep_walk(c, root, "link", &fid), 0);
	assert_int_equal(ninep_readlink(c, fid, text, sizeof(text)), 0);
	assert_string_equal(text, "bytes");
	assert_int_equal(ninep_readlink(c, fid, text, 3), NINEP_EPROTO);
	assert_int_equal(ninep_clunk(c, fid), 0);
}

static void errors_go(struct ninep_client *c, uint32_t root)
{
	uint32_t fid = 99;
	struct ninep_attr a = { .mode = 0 };
	struct ninep_space space;
	size_t done;
	char b;

	assert_int_equal(ninep_walk(c, root, "nothing", &fid), NINEP_ENOENT);
	assert_int_equal(ninep_walk(c, root, "deep/nothing", &fid), NINEP_ENOENT);
	assert_int_equal(ninep_walk(c, root, "bytes/x", &fid), NINEP_ENOENT);
	assert_int_equal(ninep_walk(c, 1234, "deep", &fid), NINEP_EBADF);
	assert_int_equal(ninep_open(c, 1234, 0), NINEP_EBADF);
	assert_int_equal(ninep_open(c, root, NINEP_RDWR), NINEP_EISDIR);
	assert_int_equal(ninep_walk(c, root, "null", &fid), 0);
	assert_int_equal(ninep_read(c, fid, 0, &b, 1, &done), NINEP_EBADF);
	assert_int_equal(ninep_open(c, fid, NINEP_RDONLY), NINEP_EACCES);
	assert_int_equal(ninep_open(c, fid, NINEP_WRONLY | NINEP_TRUNC), 0);
	assert_int_equal(ninep_open(c, fid, NINEP_WRONLY), NINEP_EBUSY);
	assert_int_equal(ninep_setattr(c, fid, NINEP_SET_SIZE, &a), 0);
	assert_int_equal(ninep_setattr(c, fid, NINEP_SET_MODE, &a), NINEP_EPERM);
	assert_int_equal(ninep_lock(c, fid, &(struct ninep_lock){ .client_id = ninep_text("") }), NINEP_EOPNOTSUPP);
	assert_int_equal(ninep_statfs(c, fid, &space), 0);
	assert_int_equal(space.type, 0x01021997);
	assert_int_equal(ninep_clunk(c, fid), 0);
	assert_int_equal(ninep_clunk(c, fid), NINEP_EBADF);
	assert_int_equal(ninep_mkdir(c, root, "d", 0755), NINEP_EROFS);
	assert_int_equal(ninep_unlink(c, root, "bytes", false), NINEP_EROFS);
}

static void changes_go(struct ninep_client *c, uint32_t root)
{
	uint32_t dir, fid;
	size_t done;

	assert_int_equal(ninep_walk(c, root, "made", &dir), 0);
	assert_int_equal(ninep_walk(c, dir, "", &fid), 0);
	/* Made to be read only, and open for writing all the same. */
	assert_int_equal(ninep_create(c, fid, "one", NINEP_WRONLY | NINEP_CREAT, 0444), 0);
	assert_int_equal(ninep_write(c, fid, 0, "x", 1, &done), 0);
	assert_int_equal(ninep_link(c, dir, "two", fid), 0);
	assert_int_equal(ninep_clunk(c, fid), 0);
	assert_int_equal(ninep_mkdir(c, dir, "one", 0755), NINEP_EEXIST);
	assert_int_equal(ninep_mkdir(c, dir, "..", 0755), NINEP_EINVAL);
	assert_int_equal(ninep_mkdir(c, dir, "", 0755), NINEP_EINVAL);
	assert_int_equal(ninep_symlink(c, dir, "a/b", "one"), NINEP_EINVAL);
	assert_int_equal(ninep_link(c, dir, "a/b", fid), NINEP_EBADF);
	assert_int_equal(ninep_rename(c, dir, "one", dir, "."), NINEP_EINVAL);
	assert_int_equal(ninep_unlink(c, dir, ".", true), NINEP_EINVAL);
	assert_int_equal(ninep_mkdir(c, dir, "sub", 0755), 0);
	assert_int_equal(ninep_symlink(c, dir, "sym", "one"), 0);
	assert_int_equal(ninep_rename(c, dir, "two", dir, "three"), 0);
	assert_int_equal(ninep_unlink(c, dir, "two", false), NINEP_ENOENT);
	assert_int_equal(ninep_unlink(c, dir, "sub", false), NINEP_EISDIR);
	assert_int_equal(ninep_unlink(c, dir, "sub", true), 0);
	assert_int_equal(ninep_unlink(c, dir, "three", false), 0);
	assert_int_equal(ninep_unlink(c, dir, "sym", false), 0);
	assert_int_equal(ninep_unlink(c, dir, "one", false), 0);
	assert_int_equal(ninep_clunk(c, dir), 0);
}

static void all_of_it(struct ninep_client *c, uint32_t root)
{
	files_go(c, root);
	trees_go(c, root);
	errors_go(c, root);
	changes_go(c, root);
}

static void over_a_stream(void **state)
{
	static const uint32_t msizes[] = { 4096, 9000, 70000 };
	struct world w;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		world_open(&w, msizes[i]);
		all_of_it(&w.client, w.root);
		world_close(&w);
	}
}

/* --- in flight ------------------------------------------------------------------------------------ */

static void many_in_flight(void **state)
{
	static struct ninep_request r[100];
	static char in[100][100];
	struct world w;
	uint32_t fid;
	size_t done;

	(void)state;
	world_open(&w, 70000);
	fid = opened(&w.client, w.root, "bytes", NINEP_RDWR);
	assert_int_equal(ninep_write(&w.client, fid, 0, "abcdefghij", 10, &done), 0);
	/* More than there are tags: the last ones wait for the first. */
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(ninep_read_start(&w.client, &r[i], fid, i % 10, in[i], 1), 0);
	for (unsigned i = 100; i-- > 0;) {
		assert_int_equal(ninep_finish(&r[i]), 0);
		assert_int_equal(in[i][0], 'a' + i % 10);
	}
	world_close(&w);
}

static void later_and_flush(void **state)
{
	struct ninep_request slow = { 0 }, second = { 0 };
	struct ninep_pending *p;
	char in[10] = "";
	struct world w;
	uint32_t fid, other;

	(void)state;
	world_open(&w, 70000);
	fid = opened(&w.client, w.root, "later", NINEP_RDONLY);
	assert_int_equal(ninep_read_start(&w.client, &slow, fid, 0, in, 4), 0);
	/* Others go on. */
	other = opened(&w.client, w.root, "bytes", NINEP_RDONLY);
	assert_int_equal(ninep_clunk(&w.client, other), 0);
	ninep_poll(&w.client);
	assert_false(slow.done);
	assert_non_null(p = tree_waiting);
	tree_waiting = NULL;
	ninep_answer(p, 0, "hello", 5); /* more than was asked for */
	assert_int_equal(ninep_finish(&slow), 0);
	assert_int_equal(slow.m.rread.data.length, 4);
	assert_string_equal(in, "hell");
	/* Flushed, and clunked away, and left behind by a client that goes. */
	tree_cancels = 0;
	assert_int_equal(ninep_read_start(&w.client, &slow, fid, 0, in, 4), 0);
	assert_int_equal(ninep_flush(&slow), NINEP_EINTR);
	assert_int_equal(tree_cancels, 1);
	assert_int_equal(ninep_read_start(&w.client, &slow, fid, 0, in, 4), 0);
	assert_int_equal(ninep_clunk(&w.client, fid), 0);
	assert_int_equal(ninep_finish(&slow), NINEP_EINTR);
	fid = opened(&w.client, w.root, "later", NINEP_RDONLY);
	assert_int_equal(ninep_read_start(&w.client, &slow, fid, 0, in, 4), 0);
	assert_int_equal(ninep_read_start(&w.client, &second, fid, 0, in, 4), 0);
	assert_int_equal(ninep_walk(&w.client, w.root, "bytes", &other), 0);
	world_close(&w);
	assert_int_equal(tree_cancels, 4);
	assert_true(slow.done && slow.error == NINEP_ECONNRESET);
}

/* An open that waits is not for a walk that opens: it is given up, answered once, and can be asked for by itself. */
static void walk_to_what_waits(void **state)
{
	struct ninep_request r = { .m.type = NINEP_TLOPEN };
	struct ninep_pending *p;
	struct ninep_qid qid;
	struct world w;
	uint32_t fid;

	(void)state;
	world_open(&w, 70000);
	w.client.ours = true;
	tree_cancels = 0;
	tree_waiting = NULL;
	assert_int_equal(ninep_walk_open(&w.client, w.root, "slow", NINEP_RDONLY, &fid, &qid), NINEP_EINTR);
	assert_int_equal(tree_cancels, 1);
	assert_null(tree_waiting);
	assert_int_equal(w.client.tags, 0);
	assert_int_equal(ninep_walk(&w.client, w.root, "slow", &fid), 0);
	r.m.tlopen.fid = fid;
	assert_int_equal(ninep_start(&w.client, &r), 0);
	(void)ninep_connection_serve(&w.server);
	assert_non_null(p = tree_waiting);
	tree_waiting = NULL;
	ninep_answer(p, 0, NULL, 0);
	assert_int_equal(ninep_finish(&r), 0);
	assert_int_equal(ninep_clunk(&w.client, fid), 0);
	world_close(&w);
	assert_int_equal(tree_cancels, 1);
}

static void server_that_dies(void **state)
{
	struct ninep_request slow = { 0 };
	struct world w;
	uint32_t fid;
	char in[4];

	(void)state;
	world_open(&w, 70000);
	fid = opened(&w.client, w.root, "later", NINEP_RDONLY);
	assert_int_equal(ninep_read_start(&w.client, &slow, fid, 0, in, 4), 0);
	assert_int_equal(ninep_connection_serve(&w.server), ERR_OK);
	/* In mid-answer: a header that promises more. */
	assert_int_equal(send(w.server_end.fd, "\x0f\0\0\0\x75\0\0\x04", 8, 0), 8);
	shutdown(w.server_end.fd, SHUT_WR);
	assert_int_equal(ninep_finish(&slow), NINEP_ECONNRESET);
	assert_int_equal(ninep_clunk(&w.client, fid), NINEP_ECONNRESET);
	world_close(&w);
}

/* --- what no client should send ------------------------------------------------------------------ */

/* Sends these bytes and takes one whole answer. */
static uint32_t exchange(struct world *w, const void *bytes, uint32_t length, uint8_t *answer)
{
	ssize_t n;

	assert_int_equal(send(w->client_end.fd, bytes, length, 0), length);
	(void)ninep_connection_serve(&w->server);
	n = recv(w->client_end.fd, answer, 5000, MSG_DONTWAIT);
	return n < 0 ? 0 : (uint32_t)n;
}
#define ANSWER(w, bytes, expected)                                                                   \
	do {                                                                                         \
		uint8_t got_[5000];                                                                  \
		assert_int_equal(exchange(w, bytes, sizeof(bytes) - 1, got_), sizeof(expected) - 1); \
		assert_memory_equal(got_, expected, sizeof(expected) - 1);                           \
	} while (0)
#define RLERROR(tag, number) "\x0b\0\0\0\x07" tag "\0" number "\0\0\0"

static void bad_requests(void **state)
{
	static char bytes[6000];
	uint8_t answer[5000];
	struct world w;

	(void)state;
	world_pair(&w, 4096);
	ANSWER(&w, "\x0b\0\0\0\x78\x01\0\0\0\0\0", RLERROR("\x01", "\x47")); /* no version yet: EPROTO */
	ANSWER(&w,
	       "\x15\0\0\0\x64\xff\xff\x00\x20\0\0\x08\x00"
	       "9P2000.L",
	       "\x15\0\0\0\x65\xff\xff\x00\x10\0\0\x08\x00"
	       "9P2000.L");
	ANSWER(&w, "\x17\0\0\0\x68\x01\0\x05\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff",
	       "\x14\0\0\0\x69\x01\0\x80\0\0\0\0\0\0\0\0\0\0\0\0");
	/* The fid is in use. */
	ANSWER(&w, "\x17\0\0\0\x68\x01\0\x05\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff", RLERROR("\x01", "\x09"));
	ANSWER(&w, "\x11\0\0\0\x6e\x02\0\x05\0\0\0\x06\0\0\0\0\0", "\x09\0\0\0\x6f\x02\0\0\0");
	ANSWER(&w, "\x11\0\0\0\x6e\x02\0\x05\0\0\0\x06\0\0\0\0\0", RLERROR("\x02", "\x09"));
	ANSWER(&w, "\x11\0\0\0\x6e\x02\0\x05\0\0\0\xff\xff\xff\xff\0\0", RLERROR("\x02", "\x09"));
	ANSWER(&w, "\x07\0\0\0\xc8\x03\0", RLERROR("\x03", "\x5f")); /* no such type */
	ANSWER(&w, "\x07\0\0\0\x6d\x03\0", RLERROR("\x03", "\x5f")); /* an answer */
	ANSWER(&w, "\x08\0\0\0\x78\x03\0\0", RLERROR("\x03", "\x47"));
	/* 17 names. */
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "\x44\0\0\0\x6e\x04\0\x05\0\0\0\x07\0\0\0\x11\0", 17);
	for (unsigned i = 0; i < 17; i++)
		memcpy(bytes + 17 + 3 * i, "\x01\0.", 3);
	assert_int_equal(exchange(&w, bytes, 68, answer), 11);
	assert_memory_equal(answer, RLERROR("\x04", "\x16"), 11);
	/* Longer than agreed: read over, and what follows is answered. */
	memcpy(bytes, "\x70\x17\0\0\x76\x05\0", 7);
	assert_int_equal(exchange(&w, bytes, 6000, answer), 11);
	assert_memory_equal(answer, RLERROR("\x05", "\x5a"), 11);
	ANSWER(&w, "\x0b\0\0\0\x78\x06\0\x06\0\0\0", "\x07\0\0\0\x79\x06\0");
	/* A size that cannot be is the end. */
	ANSWER(&w, "\x03\0\0\0\x78\x06\0", "");
	assert_true(w.server.dead);
	world_close(&w);
}

/* Sends a message in 9P2000 and reads the answer into it; the memory that it points to is `answer`. */
static uint8_t ask(struct world *w, struct ninep_message *m, uint8_t *answer)
{
	uint8_t bytes[1000];
	uint32_t length = ninep_encode(m, NINEP_PLAIN, false, bytes, sizeof(bytes));

	length = exchange(w, bytes, length, answer);
	assert_int_equal(ninep_decode(m, NINEP_PLAIN, answer, length, NULL), ERR_OK);
	return m->type;
}

static void plain_open(struct world *w, const char *name, uint8_t mode)
{
	struct ninep_message m = { .type = NINEP_TWALK };
	uint8_t answer[5000];

	m.twalk.fid = 5;
	m.twalk.newfid = 6;
	m.twalk.names = (struct ninep_names){ 1, { ninep_text(name) } };
	assert_int_equal(ask(w, &m, answer), NINEP_RWALK);
	m = (struct ninep_message){ .type = NINEP_TOPEN };
	m.topen.fid = 6;
	m.topen.mode = mode;
	assert_int_equal(ask(w, &m, answer), NINEP_ROPEN);
}

static void plain_clunk(struct world *w)
{
	struct ninep_message m = { .type = NINEP_TCLUNK };
	uint8_t answer[5000];

	m.tclunk.fid = 6;
	assert_int_equal(ask(w, &m, answer), NINEP_RCLUNK);
}

static struct ninep_message plain_read(uint64_t offset, uint32_t count)
{
	struct ninep_message m = { .type = NINEP_TREAD };

	m.tread.fid = 6;
	m.tread.offset = offset;
	m.tread.count = count;
	return m;
}

/* Directories are stat records, whole ones, and read from where one was. */
static void plain_directory(struct world *w)
{
	struct ninep_message m = plain_read(0, 100);
	uint8_t answer[5000];
	struct ninep_stat s;
	uint32_t first;

	plain_open(w, "numbers", 0);
	assert_int_equal(ask(w, &m, answer), NINEP_RREAD);
	first = m.rread.data.length;
	assert_int_equal(ninep_stat_get(&s, m.rread.data.at, first), first); /* the second did not fit */
	assert_true(ninep_text_is(s.name, "1") && s.mode == (0x80000000u | 0555));
	m = plain_read(first, 1000);
	assert_int_equal(ask(w, &m, answer), NINEP_RREAD);
	assert_int_equal(m.rread.data.length, 2 * first);
	m = plain_read(3 * first, 1000);
	assert_int_equal(ask(w, &m, answer), NINEP_RREAD);
	assert_int_equal(m.rread.data.length, 0);
	m = plain_read(7, 1000);
	assert_int_equal(ask(w, &m, answer), NINEP_RERROR);
	plain_clunk(w);
}

/* 9P2000, as Plan 9's clients and a fallen back v9fs speak it. */
static void plain_dialect(void **state)
{
	struct ninep_message m = { .type = NINEP_TSTAT };
	uint8_t answer[5000], record[200];
	struct ninep_stat s;
	struct world w;

	(void)state;
	world_pair(&w, 4096);
	ANSWER(&w,
	       "\x15\0\0\0\x64\xff\xff\x00\x10\0\0\x08\x00"
	       "9P2000.u",
	       "\x13\0\0\0\x65\xff\xff\x00\x10\0\0\x06\x00"
	       "9P2000");
	ANSWER(&w, "\x0f\0\0\0\x66\x01\0\x09\0\0\0\0\0\0\0", "\x17\0\0\0\x6b\x01\0\x0e\0file not found"); /* Tauth */
	ANSWER(&w, "\x13\0\0\0\x68\x01\0\x05\0\0\0\xff\xff\xff\xff\0\0\0\0",
	       "\x14\0\0\0\x69\x01\0\x80\0\0\0\0\0\0\0\0\0\0\0\0");
	plain_directory(&w);
	tree_length = 10;
	plain_open(&w, "bytes", 0x11); /* to write, truncated */
	m.tstat.fid = 6;
	assert_int_equal(ask(&w, &m, answer), NINEP_RSTAT);
	assert_int_equal(ninep_stat_get(&s, m.rstat.stat.at, m.rstat.stat.length), m.rstat.stat.length);
	assert_true(ninep_text_is(s.name, "bytes") && s.length == 0);
	assert_int_equal(tree_length, 0);
	/* Twstat that sets the length and leaves the rest. */
	s = (struct ninep_stat){ .mode = UINT32_MAX, .length = 4 };
	m = (struct ninep_message){ .type = NINEP_TWSTAT };
	m.twstat.fid = 6;
	m.twstat.stat = (struct ninep_bytes){ record, ninep_stat_put(&s, record, sizeof(record)) };
	assert_int_equal(ask(&w, &m, answer), NINEP_RWSTAT);
	assert_int_equal(tree_length, 4);
	plain_clunk(&w);
	world_close(&w);
}

/* --- over the fabric ----------------------------------------------------------------------------- */

static struct hosted_world hosted;

struct service_thread {
	pthread_barrier_t ready;
	err_t err;
};

static void *serve(void *arg)
{
	struct service_thread *t = arg;
	struct ninep_server server;
	struct fabric_hosted f;

	hosted_join(&f, &hosted);
	t->err = ninep_server_init(&server, &f.fabric, &tree_root);
	if (!t->err)
		t->err = ninep_server_export(&server, "files");
	pthread_barrier_wait(&t->ready);
	if (!t->err)
		t->err = ninep_serve(&server);
	ninep_server_destroy(&server);
	hosted_leave(&f);
	return NULL;
}

/* Neither end copies, and what the server saw is in the memory that both have. */
static void buffers_go(struct ninep_client *c, uint32_t root)
{
	uint32_t fid = opened(c, root, "bytes", NINEP_RDWR), null = opened(c, root, "null", NINEP_WRONLY), done;
	struct bulk_buffer b, others[4];
	uint64_t copies = c->copies;
	unsigned taken = 0;

	assert_int_equal(ninep_buffer_take(c, &b), 0);
	memset(b.data, 'z', NINEP_BUFFER_BYTES);
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(ninep_write_buffer(c, null, 0, &b, NINEP_BUFFER_BYTES, &done), 0);
		assert_int_equal(done, NINEP_BUFFER_BYTES);
	}
	assert_int_equal(ninep_write_buffer(c, fid, 0, &b, 5000, &done), 0);
	assert_int_equal(done, 5000);
	memset(b.data, 0, NINEP_BUFFER_BYTES);
	assert_int_equal(ninep_read_buffer(c, fid, 0, &b, NINEP_BUFFER_BYTES, &done), 0);
	assert_int_equal(done, 5000);
	assert_true(b.data[0] == 'z' && b.data[4999] == 'z' && b.data[5000] == 0);
	/* An error brings it back, too. */
	assert_int_equal(ninep_read_buffer(c, null, 0, &b, 100, &done), NINEP_EBADF);
	assert_int_equal(c->copies, copies);
	ninep_buffer_free(c, &b);
	while (taken < 4 && !ninep_buffer_take(c, &others[taken]))
		taken++;
	assert_int_equal(taken, SIZE_OF_BITS(NINEP_BULK_BITS) / NINEP_BUFFER_BYTES);
	assert_int_equal(ninep_buffer_take(c, &b), NINEP_EAGAIN);
	while (taken)
		ninep_buffer_free(c, &others[--taken]);
	assert_int_equal(ninep_clunk(c, fid), 0);
	assert_int_equal(ninep_clunk(c, null), 0);
}

/* Lines that are no message, then good ones. */
static void garbage(struct fabric *f)
{
	struct channel_options o = { .bulk_bits = NINEP_BULK_BITS };
	struct urpc_message m = { .word = { 0 } };
	struct ninep_client c = { 0 };
	struct ninep_link link;
	uint32_t root;

	assert_int_equal(channel_open(f, "files", &o, &c.channel), ERR_OK);
	srand(1);
	for (unsigned i = 0; i < 2000; i++) {
		for (unsigned w = 0; w < URPC_WORDS; w++)
			m.word[w] = (uint64_t)rand() << 32 ^ (uint64_t)rand();
		/* Short ones, which are taken one by one, some of them with a buffer. */
		m.word[0] = (m.word[0] & ~UINT64_C(0x3fffffff)) | (i % 57);
		if (i % 2)
			m.word[0] &= ~UINT64_C(0xc0000000);
		while (channel_send(&c.channel, &m) == ERR_AGAIN)
			(void)channel_receive(&c.channel, &m);
		while (!channel_receive(&c.channel, &m))
			;
	}
	while (!channel_receive_wait(&c.channel, &m, fabric_now(f) + 50000000))
		;
	assert_int_equal(ninep_link_channel(&link, &c.channel), ERR_OK);
	assert_int_equal(ninep_begin(&c, &link), 0);
	assert_int_equal(ninep_attach(&c, "", "", &root), 0);
	ninep_end(&c);
}

static void over_the_fabric(void **state)
{
	struct service_thread t = { .err = ERR_OK };
	struct ninep_client c;
	struct fabric_hosted f;
	pthread_t thread;
	uint32_t root, fid;
	size_t done;

	(void)state;
	hosted_world_init(&hosted);
	hosted_join(&f, &hosted);
	pthread_barrier_init(&t.ready, NULL, 2);
	pthread_create(&thread, NULL, serve, &t);
	pthread_barrier_wait(&t.ready);
	assert_int_equal(ninep_connect(&c, &f.fabric, "nobody"), NINEP_ENOENT);
	garbage(&f.fabric);
	assert_int_equal(ninep_connect(&c, &f.fabric, "files"), 0);
	assert_int_equal(ninep_attach(&c, "", "", &root), 0);
	all_of_it(&c, root);
	buffers_go(&c, root);
	fid = opened(&c, root, "bytes", NINEP_RDONLY); /* left open */
	fid = opened(&c, root, "stop", NINEP_WRONLY);
	assert_int_equal(ninep_write(&c, fid, 0, "x", 1, &done), 0);
	pthread_join(thread, NULL);
	assert_int_equal(t.err, ERR_OK);
	assert_int_equal(ninep_clunk(&c, fid), NINEP_ECONNRESET);
	ninep_end(&c);
	assert_int_equal(tree_opens, 0);
	assert_int_equal(tree_holds, 0);
	hosted_leave(&f);
	hosted_world_destroy(&hosted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_a_stream),    cmocka_unit_test(many_in_flight),
		cmocka_unit_test(later_and_flush),  cmocka_unit_test(walk_to_what_waits),
		cmocka_unit_test(server_that_dies), cmocka_unit_test(bad_requests),
		cmocka_unit_test(plain_dialect),    cmocka_unit_test(over_the_fabric),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
