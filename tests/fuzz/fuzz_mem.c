/*
 * The memory file system and the pipe service, whose clients send any messages.
 *
 * Two clients, each with messages of its own, are served by turns: a byte says whose a message is, another how long it
 * is; then come its type and what is in it, under a right size. Oracle: ASan, UBSan; every message has its answer or is
 * put off, but for the two that have none; when both have gone no pipe is left, and all memory comes back.
 */
/* needs: libos/ninep/log.c libos/ninep/replay.c libos/ninep/session.c */
/* needs: services/mem/inode.c services/mem/data.c services/mem/directory.c services/mem/names.c services/mem/lock.c */
/* needs: services/mem/extent.c tests/unit/mem_frame.c services/mem/map.c */
/* needs: services/mem/tree.c services/pipe/tree.c services/pipe/ring.c libos/pipe/pipe.c libos/pipe/ring.c */
/* needs: tests/unit/ring_memory.c libos/ninep/serve_ring.c */
/* needs: libos/ninep/serve_read.c libos/ninep/serve_attr.c libos/ninep/connection.c libos/ninep/fid.c */
/* needs: libos/ninep/codec.c libos/ninep/error.c libos/ninep/link.c libos/ninep/link_stream.c */
/* needs: libos/ninep/serve.c libos/ninep/serve_change.c libos/ninep/share.c libos/ninep/tree.c */
#include <stdlib.h>
#include <string.h>

#include "services/mem/tree.h"
#include "services/pipe/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 2
#define MESSAGE 128 /* bytes of the longest */
#define QUOTA (1u << 20)

/* A client's way to its connection: one message at a time. */
struct way {
	uint8_t bytes[MESSAGE];
	uint32_t at, end;
	uint64_t answers;
};

static struct way ways[CLIENTS];
static struct ninep_connection connections[CLIENTS];
static struct ninep_server server;
static struct memfs fs;
static uint64_t ticks;

static void expect(bool x)
{
	if (!x)
		abort();
}

static struct mem_time tick(void) { return (struct mem_time){ ++ticks, 0 }; }

static err_t input_read(void *arg, void *into, uint32_t room, uint32_t *done)
{
	struct way *w = arg;

	*done = room < w->end - w->at ? room : w->end - w->at;
	memcpy(into, w->bytes + w->at, *done);
	w->at += *done;
	return *done ? ERR_OK : ERR_AGAIN;
}

static err_t output_count(void *arg, const void *from, uint32_t length, uint32_t *done)
{
	(void)from;
	*done = length;
	((struct way *)arg)->answers++;
	return ERR_OK;
}

static err_t no_wait(void *arg, bool writing, cycles_t deadline)
{
	(void)arg, (void)writing, (void)deadline;
	return ERR_CLOSED;
}

static const struct ninep_stream stream = { .read = input_read, .write = output_count, .wait = no_wait };

static uint64_t pending(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < CLIENTS; i++)
		n += connections[i].pendings + ways[i].answers;
	return n;
}

static void serve(unsigned who, const void *message, uint32_t length)
{
	uint64_t before = pending();
	bool silent = ((const uint8_t *)message)[4] == NINEP_TDROP || ((const uint8_t *)message)[4] == NINEP_TPOKE;

	memcpy(ways[who].bytes, message, length);
	ways[who].at = 0;
	ways[who].end = length;
	expect(!ninep_connection_serve(&connections[who]));
	expect(pending() == before + 1 || (silent && pending() == before));
}

static void begin(unsigned who, const struct ninep_node *root)
{
	struct ninep_message m = { .type = NINEP_TVERSION, .tag = NINEP_NO_TAG };
	uint8_t bytes[MESSAGE];
	struct ninep_link link;

	ways[who].answers = 0;
	memset(&connections[who], 0, sizeof(connections[who]));
	expect(!ninep_link_stream(&link, &stream, &ways[who], 8192));
	ninep_connection_init(&connections[who], root, &link);
	m.tversion.msize = 4096;
	m.tversion.version = ninep_text("9P2000.L");
	serve(who, bytes, ninep_encode(&m, NINEP_LINUX, false, bytes, sizeof(bytes)));
	/* They know our messages, too, as who comes over a channel does. */
	connections[who].server = &server;
	connections[who].ours = true;
	m = (struct ninep_message){ .type = NINEP_TATTACH };
	m.tattach.uname = m.tattach.aname = ninep_text("");
	serve(who, bytes, ninep_encode(&m, NINEP_LINUX, false, bytes, sizeof(bytes)));
}

static void serve_input(const uint8_t *data, size_t size)
{
	uint8_t bytes[MESSAGE] = { 0 };

	while (size > 2) {
		uint32_t length = data[0] % 64 + 3;

		length = length < size - 1 ? length : (uint32_t)size - 1;
		memcpy(bytes + 4, data + 1, length);
		if (length < 3)
			memset(bytes + 4 + length, 0, 3 - length);
		ninep_put32(bytes, 4 + (length < 3 ? 3 : length));
		serve(data[0] >> 7, bytes, ninep_get32(bytes));
		data += 1 + length;
		size -= 1 + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ninep_node *root = &pipe_root;

	if (!size)
		return 0;
	expect(!memfs_init(&fs, QUOTA, tick));
	if (data[0] & 1)
		root = mem_tree(&fs);
	for (unsigned i = 0; i < CLIENTS; i++)
		begin(i, root);
	serve_input(data + 1, size - 1);
	for (unsigned i = 0; i < CLIENTS; i++)
		ninep_connection_close(&connections[i]);
	memfs_destroy(&fs);
	expect(!fs.used && !fs.inodes && !pipes_count());
	return 0;
}
