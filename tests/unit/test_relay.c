/*
 * The relay of services/host: clients over socket pairs, and behind it a tree of libos/ninep in the device's place.
 *
 * Oracle: each client's fids are its own; what a client that goes leaves behind is closed in the tree; a flushed
 * read ends with EINTR and is cancelled there; one that never ends, with ETIMEDOUT; ASan finds what is lost.
 */
/* needs: libos/ninep/serve_ring.c */
/* needs: libos/ninep/client_session.c */
/* needs: libos/ninep/log.c libos/ninep/replay.c libos/ninep/session.c */
/* needs: services/host/relay.c services/host/fids.c libos/ninep/serve_read.c libos/ninep/serve_attr.c */
/* needs: libos/ninep/codec.c libos/ninep/error.c libos/ninep/link.c libos/ninep/link_channel.c */
/* needs: libos/ninep/link_stream.c libos/ninep/client.c libos/ninep/client_file.c libos/ninep/connection.c */
/* needs: libos/ninep/client_names.c */
/* needs: libos/ninep/fid.c libos/ninep/server.c libos/ninep/serve.c libos/ninep/serve_change.c libos/ninep/tree.c */
/* needs: libos/fabric/urpc.c libos/fabric/channel.c libos/fabric/channel_urpc.c libos/fabric/wait.c */
/* needs: libos/fabric/wait_board.c libos/fabric/hint.c libos/fabric/bulk.c libos/fabric/hosted/hosted.c */
/* needs: libos/fabric/hosted/looks.c tests/unit/ninep_tree.c libos/ninep/share.c libos/ninep/client_share.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "libos/ninep/client.h"
#include "services/host/relay.h"
#include "tests/unit/ninep_tree.h"

#define MSIZE 65560
#define HZ 1000
#define CLIENTS 3

struct party {
	int fd[2]; /* the client's end, the server's */
	struct ninep_connection server;
	struct ninep_client client;
	uint32_t root;
};

static struct party tree, party[CLIENTS];
static cycles_t now = 1;

/* --- while anybody waits, everybody is served ----------------------------------------------------- */

static void turn(void)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (party[i].server.link.ops)
			ninep_connection_serve(&party[i].server);
	(void)ninep_connection_serve(&tree.server);
	relay_turn(now, HZ);
}

static err_t result(ssize_t n, uint32_t *done)
{
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	*done = (uint32_t)n;
	return n ? ERR_OK : ERR_CLOSED;
}

static err_t end_read(void *fd, void *into, uint32_t room, uint32_t *done)
{
	return result(recv(*(int *)fd, into, room, MSG_DONTWAIT), done);
}

static err_t end_write(void *fd, const void *from, uint32_t length, uint32_t *done)
{
	return result(send(*(int *)fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL), done);
}

static err_t end_wait(void *fd, bool writing, cycles_t deadline)
{
	(void)fd, (void)writing, (void)deadline;
	turn();
	return ERR_OK;
}

/* For the relay itself, which waits at its start only. */
static err_t relay_wait(void *fd, bool writing, cycles_t deadline)
{
	(void)fd, (void)writing, (void)deadline;
	return ninep_connection_serve(&tree.server);
}

static const struct ninep_stream end_stream = { .read = end_read, .write = end_write, .wait = end_wait };
static const struct ninep_stream relay_stream = { .read = end_read, .write = end_write, .wait = relay_wait };

static void server_begin(struct party *p, const struct ninep_relay *relay)
{
	struct ninep_link link;

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd), 0);
	assert_int_equal(ninep_link_stream(&link, &end_stream, &p->fd[1], MSIZE), ERR_OK);
	ninep_connection_init(&p->server, relay ? NULL : &tree_root, &link);
	p->server.relay = relay;
}

static void party_begin(struct party *p)
{
	struct ninep_link link;

	server_begin(p, &relay_clients);
	assert_int_equal(ninep_link_stream(&link, &end_stream, &p->fd[0], MSIZE), ERR_OK);
	assert_int_equal(ninep_begin(&p->client, &link), 0);
	assert_int_equal(ninep_attach(&p->client, "me", "", &p->root), 0);
}

/* The client goes without a word; its server end is closed when that is seen. */
static void party_end(struct party *p)
{
	ninep_end(&p->client);
	close(p->fd[0]);
	ninep_connection_close(&p->server);
	close(p->fd[1]);
	for (unsigned i = 0; i < 100; i++)
		turn();
}

static int world_begin(void **state)
{
	struct ninep_link link;

	(void)state;
	server_begin(&tree, NULL);
	if (ninep_link_stream(&link, &relay_stream, &tree.fd[0], MSIZE))
		return -1;
	return (int)relay_begin(&link);
}

static uint32_t opened(struct party *p, const char *path, uint32_t flags)
{
	uint32_t fid = 0;

	assert_int_equal(ninep_walk(&p->client, p->root, path, &fid), 0);
	assert_int_equal(ninep_open(&p->client, fid, flags), 0);
	return fid;
}

/* --- tests -------------------------------------------------------------------------------------------- */

static void each_has_its_fids(void **state)
{
	char text[32], in[5000], out[5000];
	uint32_t fid[CLIENTS];
	size_t done;

	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++) {
		char path[] = "numbers/1/status";

		party_begin(&party[i]);
		path[8] = (char)('1' + i);
		fid[i] = opened(&party[i], path, NINEP_RDONLY);
	}
	assert_true(fid[0] == fid[1] && fid[1] == fid[2]);
	for (unsigned i = 0; i < CLIENTS; i++) {
		memset(text, 0, sizeof(text));
		assert_int_equal(ninep_read(&party[i].client, fid[i], 0, text, sizeof(text), &done), 0);
		assert_true(!strncmp(text, "number ", 7) && text[7] == (char)('1' + i));
	}
	assert_int_equal(ninep_clunk(&party[0].client, fid[0]), 0);
	assert_int_equal(ninep_read(&party[0].client, fid[0], 0, text, sizeof(text), &done), NINEP_EBADF);
	assert_int_equal(ninep_read(&party[1].client, fid[1], 0, text, sizeof(text), &done), 0);
	memset(out, 'x', sizeof(out));
	fid[0] = opened(&party[0], "bytes", NINEP_RDWR);
	assert_int_equal(ninep_write(&party[0].client, fid[0], 0, out, sizeof(out), &done), 0);
	assert_int_equal(ninep_read(&party[0].client, fid[0], 0, in, sizeof(in), &done), 0);
	assert_true(done == sizeof(in) && !memcmp(in, out, sizeof(in)));
	assert_int_equal(ninep_walk(&party[0].client, party[0].root, "nothing/below", &fid[1]), NINEP_ENOENT);
	for (unsigned i = 0; i < CLIENTS; i++)
		party_end(&party[i]);
	assert_int_equal(tree_holds, 0);
}

static void who_goes_leaves_nothing(void **state)
{
	static struct ninep_request slow;
	char byte;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		party_begin(&party[0]);
		for (unsigned i = 0; i < 30; i++)
			(void)opened(&party[0], "bytes", NINEP_RDWR);
		if (round % 2)
			assert_int_equal(ninep_read_start(&party[0].client, &slow,
							  opened(&party[0], "later", NINEP_RDONLY), 0, &byte, 1),
					 0);
		turn();
		party_end(&party[0]);
		assert_int_equal(tree_holds, 0);
		assert_int_equal(tree_opens, 0);
		assert_null(tree_waiting);
	}
}

static void flushed_is_cancelled(void **state)
{
	unsigned cancels = tree_cancels;
	struct ninep_request slow = { 0 };
	char byte;

	(void)state;
	party_begin(&party[0]);
	assert_int_equal(
		ninep_read_start(&party[0].client, &slow, opened(&party[0], "later", NINEP_RDONLY), 0, &byte, 1), 0);
	assert_int_equal(ninep_flush(&slow), NINEP_EINTR);
	assert_int_equal(tree_cancels, cancels + 1);
	party_end(&party[0]);
}

static void never_answered_is_told(void **state)
{
	struct ninep_request slow = { 0 };
	char byte;

	(void)state;
	party_begin(&party[0]);
	assert_int_equal(
		ninep_read_start(&party[0].client, &slow, opened(&party[0], "later", NINEP_RDONLY), 0, &byte, 1), 0);
	turn();
	assert_non_null(tree_waiting);
	assert_null(relay_late());
	now += 29 * HZ;
	turn();
	assert_null(relay_late());
	now += 2 * HZ;
	assert_int_equal(ninep_finish(&slow), NINEP_ETIMEDOUT);
	assert_string_equal(relay_late(), "TREAD");
	/* It comes after all: nobody is told. */
	ninep_answer(tree_waiting, 0, "x", 1);
	tree_waiting = NULL;
	party_end(&party[0]);
	assert_int_equal(tree_holds, 0);
	assert_false(relay_ended());
}

static void other_words_are_refused(void **state)
{
	struct ninep_request r = { .m.type = NINEP_TAUTH };

	(void)state;
	party_begin(&party[0]);
	r.m.tauth.uname = r.m.tauth.aname = ninep_text("");
	assert_int_equal(ninep_request(&party[0].client, &r), NINEP_ENOENT);
	r.m.type = NINEP_TSTAT;
	r.m.tstat.fid = party[0].root;
	assert_int_equal(ninep_request(&party[0].client, &r), NINEP_EOPNOTSUPP);
	r.m.type = NINEP_TCLUNK;
	r.m.tclunk.fid = 77;
	assert_int_equal(ninep_request(&party[0].client, &r), NINEP_EBADF);
	r.m.type = NINEP_TWALK;
	r.m.twalk.fid = r.m.twalk.newfid = party[0].root;
	r.m.twalk.names.count = 0;
	assert_int_equal(ninep_request(&party[0].client, &r), 0);
	party_end(&party[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_fids),       cmocka_unit_test(who_goes_leaves_nothing),
		cmocka_unit_test(flushed_is_cancelled),    cmocka_unit_test(never_answered_is_told),
		cmocka_unit_test(other_words_are_refused),
	};

	return cmocka_run_group_tests(tests, world_begin, NULL);
}
