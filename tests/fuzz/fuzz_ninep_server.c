/*
 * A 9P server whose client sends any messages, and a client whose server does.
 *
 * The first byte says which, and the dialect. A session is begun as it should be; then come messages: a byte
 * with their length, a type, and what is in them, under a right size. Oracle: ASan, UBSan; every message has its
 * answer or is put off; when the connection ends no file is open and no fid stands for any.
 */
/* needs: libos/ninep/serve_ring.c */
/* needs: libos/ninep/client_session.c */
/* needs: libos/ninep/log.c libos/ninep/replay.c libos/ninep/session.c */
/* needs: libos/ninep/serve_read.c libos/ninep/serve_attr.c libos/ninep/share.c libos/ninep/client_share.c */
/* needs: libos/ninep/codec.c libos/ninep/error.c libos/ninep/link.c libos/ninep/link_stream.c */
/* needs: libos/ninep/link_channel.c libos/ninep/client.c libos/ninep/client_file.c libos/ninep/connection.c */
/* needs: libos/ninep/client_names.c */
/* needs: libos/ninep/fid.c libos/ninep/server.c libos/ninep/serve.c libos/ninep/serve_change.c libos/ninep/tree.c */
/* needs: tests/unit/ninep_tree.c libos/fabric/bulk.c libos/fabric/channel.c libos/fabric/wait.c */
/* needs: libos/fabric/wait_board.c libos/fabric/hint.c libos/fabric/urpc.c */
#include <stdlib.h>
#include <string.h>

#include "libos/ninep/client.h"
#include "tests/unit/ninep_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BEGUN 64

/* What the link reads. */
static uint8_t stream[300000];
static uint32_t stream_at, stream_end;
static uint64_t answers;

static void expect(bool x)
{
	if (!x)
		abort();
}

static err_t input_read(void *arg, void *into, uint32_t room, uint32_t *done)
{
	uint32_t left = stream_end - stream_at;

	(void)arg;
	*done = room < left ? room : left;
	memcpy(into, stream + stream_at, *done);
	stream_at += *done;
	return *done ? ERR_OK : ERR_CLOSED;
}

static err_t output_count(void *arg, const void *from, uint32_t length, uint32_t *done)
{
	(void)arg;
	(void)from;
	*done = length;
	answers++;
	return ERR_OK;
}

static err_t no_wait(void *arg, bool writing, cycles_t deadline)
{
	(void)arg;
	(void)writing;
	(void)deadline;
	return ERR_CLOSED;
}

static const struct ninep_stream ends = { .read = input_read, .write = output_count, .wait = no_wait };

static void stream_message(const struct ninep_message *m, enum ninep_dialect d)
{
	stream_end += ninep_encode(m, d, false, stream + stream_end, BEGUN);
}

/* Messages with sizes that are right; how many. */
static uint64_t stream_input(const uint8_t *data, size_t size)
{
	uint64_t messages = 0;

	while (size > 3 && stream_end < sizeof(stream) - 300) {
		uint32_t length = data[0] % 64, some = length < size - 1 ? length : (uint32_t)size - 1;

		ninep_put32(stream + stream_end, some < 3 ? NINEP_HEADER : 4 + some);
		memset(stream + stream_end + 4, 0, 3);
		memcpy(stream + stream_end + 4, data + 1, some);
		stream_end += some < 3 ? NINEP_HEADER : 4 + some;
		messages++;
		data += 1 + some;
		size -= 1 + some;
	}
	return messages;
}

static void serve_input(const uint8_t *data, size_t size, enum ninep_dialect d)
{
	static struct ninep_connection n;
	struct ninep_message m = { .type = NINEP_TVERSION, .tag = NINEP_NO_TAG };
	struct ninep_link link;
	uint64_t messages;

	m.tversion.msize = 4096;
	m.tversion.version = ninep_text(d == NINEP_LINUX ? "9P2000.L" : "9P2000");
	stream_message(&m, d);
	m = (struct ninep_message){ .type = NINEP_TATTACH };
	m.tattach.uname = m.tattach.aname = ninep_text("");
	stream_message(&m, d);
	messages = 2 + stream_input(data, size);
	memset(&n, 0, sizeof(n));
	expect(!ninep_link_stream(&link, &ends, NULL, 8192));
	ninep_connection_init(&n, &tree_root, &link);
	expect(ninep_connection_serve(&n) == ERR_CLOSED);
	expect(answers + n.pendings == messages);
	ninep_connection_close(&n);
	tree_waiting = NULL;
	expect(!tree_opens && !tree_holds && !n.pendings && !n.fids);
}

static void ask_input(const uint8_t *data, size_t size)
{
	static struct ninep_client c;
	static char bytes[3000];
	struct ninep_dir_entry entries[4];
	struct ninep_message m = { .type = NINEP_RVERSION, .tag = NINEP_NO_TAG };
	struct ninep_link link;
	struct ninep_attr a;
	unsigned count = 0;
	uint32_t root, fid;
	size_t done = 0;

	m.rversion.msize = 8192;
	m.rversion.version = ninep_text("9P2000.L");
	stream_message(&m, NINEP_LINUX);
	(void)stream_input(data, size);
	memset(&c, 0, sizeof(c));
	expect(!ninep_link_stream(&link, &ends, NULL, 8192));
	expect(!ninep_begin(&c, &link));
	(void)ninep_attach(&c, "", "", &root);
	(void)ninep_walk(&c, 0, "a/b/c", &fid);
	(void)ninep_read(&c, 0, 0, bytes, sizeof(bytes), &done);
	expect(done <= sizeof(bytes));
	(void)ninep_write(&c, 0, 0, bytes, 10, &done);
	expect(done <= 10);
	(void)ninep_readdir(&c, 0, 0, entries, 4, &count);
	expect(count <= 4);
	(void)ninep_getattr(&c, 0, &a);
	(void)ninep_readlink(&c, 0, bytes, sizeof(bytes));
	ninep_end(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	stream_at = stream_end = 0;
	answers = 0;
	if (data[0] & 1)
		ask_input(data + 1, size - 1);
	else
		serve_input(data + 1, size - 1, data[0] & 2 ? NINEP_LINUX : NINEP_PLAIN);
	return 0;
}
