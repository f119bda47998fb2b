/*
 * Processes made for others: MON_SPAWN, from a process of this core or another monitor.
 *
 * Asked twice with the same ticket, since whoever had asked first has died, it answers with the process that
 * was made then.
 */
#include "monitor/monitor.h"

#include <string.h>

void process_spawn_right(struct request *r, const struct text *text)
{
	const struct process *p = origin_process(r->from);

	r->m.word[3] &= ~UINT64_C(1);
	r->m.word[3] |= p->service && text && !strcmp(p->name, text->data);
	if (r->m.word[4] != p->pid)
		r->m.word[2] &= ~MON_SPAWN_SUCCEEDS;
}

static err_t make(const struct spawn_args *args, bool succeeds, struct process **p)
{
	err_t err = succeeds ? succession_check(args->heir_pid) : ERR_OK;

	if (!err)
		err = process_spawn(args, p);
	if (!err && succeeds)
		succession_begin(args->heir_pid, *p);
	return err;
}

void process_spawn_request(struct request *r)
{
	struct text *text = text_take(&monitor.texts, r->from);
	uint64_t words[MON_PAYLOAD] = { 0 };
	struct spawn_args args;
	struct process *p;
	err_t err = ERR_OK;

	if (!text || text->overflow) {
		request_reply(r, text ? ERR_TOO_LONG : ERR_ARGUMENT, NULL);
		return;
	}
	args = (struct spawn_args){ .text = text->data,
				    .length = text->length,
				    .arguments = (r->m.word[2] & ~MON_SPAWN_SUCCEEDS) >> 32 & 0xff,
				    .heir_heap = (uint32_t)(r->m.word[2] >> 40),
				    .id = (uint32_t)r->m.word[2],
				    .ticket = r->m.word[1],
				    .service = r->m.word[3] & 1,
				    .program = (uint16_t)r->m.word[3] >> 1,
				    .letter_bytes = (uint16_t)(r->m.word[3] >> 16),
				    .heir_pid = r->m.word[4],
				    .heir_secret = r->m.word[5],
				    .heir_service = (uint32_t)(r->m.word[3] >> 32) };
	p = args.ticket ? process_table_ticket(&monitor.processes, args.ticket) : NULL;
	if (!p)
		err = make(&args, r->m.word[2] & MON_SPAWN_SUCCEEDS, &p);
	if (!err)
		words[0] = p->pid;
	request_reply(r, err, words);
}
