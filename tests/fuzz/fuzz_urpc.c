/*
 * URPC and bulk against a peer that writes anything at any time.
 *
 * The input is a list of steps: write a word somewhere into the shared frame, or
 * make one call.  Oracle: ASan (the frame ends where the allocation ends), every
 * call returns, the window never opens beyond what was sent, a buffer is taken
 * only once.
 */
/* needs: libos/fabric/urpc.c libos/fabric/bulk.c */
#include <stdlib.h>
#include <string.h>

#include "libos/fabric/bulk.h"
#include "libos/fabric/urpc.h"

#define FRAME_BYTES (2 * sizeof(struct urpc_inbox))
#define BUFFER_BITS 6
#define BUFFERS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct step {
	uint8_t what;
	uint8_t where[2];
	uint8_t value[8];
};

struct state {
	struct urpc u;
	struct bulk_pool pool;
	struct bulk_buffer buffer;
	bool held; /* buffer is ours, in use */
};

static void call_urpc(struct urpc *u, unsigned what)
{
	struct urpc_message m = { .word = { what } };

	switch (what) {
	case 0:
		urpc_send(u, &m);
		break;
	case 1:
		urpc_receive(u, &m);
		break;
	case 2:
		urpc_kick(u);
		break;
	case 3:
		urpc_sleep_prepare(u);
		break;
	case 4:
		urpc_peer_starved(u);
		break;
	case 5:
		urpc_peer_closed(u);
		break;
	default:
		urpc_can_send(u);
	}
	if (u->sent - (u->limit - URPC_WINDOW) > URPC_WINDOW)
		abort();
}

/* What is taken can be written, and cannot be taken again. */
static void call_bulk(struct state *s, uint64_t word)
{
	struct bulk_buffer again;

	if (s->held && bulk_give(&s->pool, &s->buffer, &(uint64_t){ 0 }))
		abort();
	s->held = bulk_take(&s->pool, word, &s->buffer) == ERR_OK;
	if (!s->held)
		return;
	memset(s->buffer.data, 1, s->buffer.length);
	if (bulk_take(&s->pool, word, &again) == ERR_OK)
		abort();
}

static void run(struct state *s, char *frame, const uint8_t *data, size_t size)
{
	for (; size >= sizeof(struct step); data += sizeof(struct step), size -= sizeof(struct step)) {
		const struct step *step = (const struct step *)data;
		size_t where = step->where[0] | (size_t)step->where[1] << 8;
		uint64_t word;

		memcpy(&word, step->value, sizeof(word));
		if (step->what & 0x80)
			memcpy(frame + where % (FRAME_BYTES / 4) * 4, &word, 4);
		else if (step->what & 0x40)
			call_bulk(s, word);
		else
			call_urpc(&s->u, step->what % 7);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *frame = aligned_alloc(CACHE_LINE, FRAME_BYTES), *memory = malloc(BUFFERS << BUFFER_BITS);
	struct state s = { .held = false };

	if (!frame || !memory)
		abort();
	memset(frame, 0, FRAME_BYTES);
	if (urpc_init(&s.u, frame, FRAME_BYTES, 0) ||
	    bulk_init(&s.pool, memory, BUFFERS << BUFFER_BITS, BUFFER_BITS, 0, 0))
		abort();
	run(&s, frame, data, size);
	free(frame);
	free(memory);
	return 0;
}
