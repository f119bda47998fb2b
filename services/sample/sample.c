/*
 * The handlers of the sample service.
 */
#include "services/sample/sample.h"

#include <ctype.h>

#include "services/sample/sample_client.h"

static struct sample *sample_of(struct rpc_call *call) { return call->server->tag; }

static err_t sample_add_done(struct rpc_call *call, uint32_t a, uint32_t b, uint64_t *sum)
{
	sample_of(call)->stat.calls++;
	*sum = (uint64_t)a + b;
	return ERR_OK;
}

static err_t sample_count_done(struct rpc_call *call, uint64_t add, uint64_t *before)
{
	struct sample *s = sample_of(call);

	*before = s->stat.sum;
	s->stat.sum += add;
	return ERR_OK;
}

static void sample_note_taken(struct rpc_call *call, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			      uint64_t f)
{
	sample_of(call)->noted += a + b + c + d + e + f;
}

static void sample_block_taken(struct rpc_call *call, const struct sample_block *block)
{
	for (unsigned i = 0; i < 6; i++)
		sample_of(call)->noted += block->word[i];
}

static err_t sample_line_done(struct rpc_call *call, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			      uint64_t f, uint64_t *sum)
{
	*sum = a + b + c + d + e + f + sample_of(call)->noted;
	return ERR_OK;
}

static err_t sample_stat_done(struct rpc_call *call, struct sample_stat *stat)
{
	*stat = sample_of(call)->stat;
	return ERR_OK;
}

static uint64_t distance(const struct sample_point *p) { return (uint64_t)p->x * p->x + (uint64_t)p->y * p->y; }

static err_t sample_far_done(struct rpc_call *call, struct sample_point a, const struct sample_point *b,
			     struct sample_point *far, bool *first)
{
	*first = distance(&a) > distance(b);
	*far = *first ? a : *b;
	sample_of(call)->stat.far = *far;
	return ERR_OK;
}

static err_t sample_reverse_done(struct rpc_call *call, const char *text, char *reversed)
{
	size_t n = strlen(text);

	(void)call;
	for (size_t i = 0; i < n; i++)
		reversed[i] = text[n - 1 - i];
	reversed[n] = 0;
	return n ? ERR_OK : ERR_ARGUMENT;
}

static err_t sample_sum_done(struct rpc_call *call, const void *data, size_t length, uint64_t *sum)
{
	const uint8_t *byte = data;

	(void)call;
	for (size_t i = 0; i < length; i++)
		*sum += byte[i];
	return ERR_OK;
}

static err_t sample_fill_done(struct rpc_call *call, uint8_t first, void *data, size_t *length)
{
	uint8_t *byte = data;

	(void)call;
	for (size_t i = 0; i < *length; i++)
		byte[i] = (uint8_t)(first + i);
	return ERR_OK;
}

static err_t sample_mirror_done(struct rpc_call *call, const struct sample_point *in, uint32_t count_in,
				struct sample_point *out, uint32_t *count_out)
{
	(void)call;
	if (count_in > *count_out)
		return ERR_TOO_LONG;
	for (uint32_t i = 0; i < count_in; i++)
		out[i] = (struct sample_point){ .x = in[i].y, .y = in[i].x };
	*count_out = count_in;
	return ERR_OK;
}

static err_t sample_twice_done(struct rpc_call *call, uint64_t *number)
{
	(void)call;
	*number *= 2;
	return ERR_OK;
}

static err_t sample_capitals_done(struct rpc_call *call, const struct sample_list *list, struct sample_list *capitals)
{
	(void)call;
	for (uint32_t i = 0; i < list->count; i++) {
		capitals->name[i] = strdup(list->name[i]);
		if (!capitals->name[i])
			return ERR_NO_MEMORY;
		capitals->count++;
		for (char *c = capitals->name[i]; *c; c++)
			*c = (char)toupper((unsigned char)*c);
	}
	return ERR_OK;
}

static err_t sample_wait_begun(struct rpc_call *call, uint64_t gate, uint64_t *opener)
{
	struct sample *s = sample_of(call);
	struct sample_waiter *w = &s->waiter[s->waiters];

	(void)opener;
	if (s->waiters == SAMPLE_WAITERS)
		return ERR_NO_SLOTS;
	s->waiters++;
	w->gate = gate;
	rpc_later(call, &w->later);
	return ERR_OK;
}

static err_t sample_open_done(struct rpc_call *call, uint64_t gate, uint64_t *count_out)
{
	struct sample *s = sample_of(call);
	uint32_t left = 0;

	for (uint32_t i = 0; i < s->waiters; i++) {
		struct sample_waiter w = s->waiter[i];

		if (w.gate != gate)
			s->waiter[left++] = w;
		else if (!sample_wait_answer(&w.later, ERR_OK, call->peer))
			++*count_out;
	}
	s->waiters = left;
	return ERR_OK;
}

static err_t sample_relay_done(struct rpc_call *call, const char *name, uint32_t a, uint32_t b, uint64_t *sum)
{
	struct rpc_client *c = malloc(sizeof(*c));
	err_t err;

	if (!c)
		return ERR_NO_MEMORY;
	err = rpc_connect(c, call->server->fabric, call->server, name);
	if (!err) {
		err = sample_add(c, a, b, sum);
		rpc_client_close(c);
	}
	free(c);
	return err;
}

static err_t sample_keep_done(struct rpc_call *call, cptr_t frame)
{
	sample_of(call)->frame = frame;
	return ERR_OK;
}

static err_t sample_kept_done(struct rpc_call *call, cptr_t *frame)
{
	*frame = sample_of(call)->frame;
	return *frame ? ERR_OK : ERR_NOT_FOUND;
}

static err_t sample_stop_done(struct rpc_call *call)
{
	rpc_server_stop(call->server);
	return ERR_OK;
}

const struct sample_handlers sample_handlers = {
	.add = sample_add_done,
	.count = sample_count_done,
	.note = sample_note_taken,
	.block = sample_block_taken,
	.line = sample_line_done,
	.stat = sample_stat_done,
	.far = sample_far_done,
	.reverse = sample_reverse_done,
	.sum = sample_sum_done,
	.fill = sample_fill_done,
	.mirror = sample_mirror_done,
	.twice = sample_twice_done,
	.capitals = sample_capitals_done,
	.wait = sample_wait_begun,
	.open = sample_open_done,
	.relay = sample_relay_done,
	.keep = sample_keep_done,
	.kept = sample_kept_done,
	.stop = sample_stop_done,
};

err_t sample_init(struct sample *s, struct fabric *f)
{
	err_t err;

	memset(s, 0, sizeof(*s));
	err = rpc_server_init(&s->server, f);
	if (err)
		return err;
	s->server.tag = s;
	return rpc_server_add(&s->server, &sample_service, &sample_handlers);
}
