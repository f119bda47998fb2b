/*
 * Names of services. One monitor keeps them; the others ask it.
 *
 * A service number is given by the monitor of the serving process and tells apart
 * the names of one process.
 */
#include "monitor/monitor.h"

static uint32_t last_service;

err_t name_find(const uint64_t name[2], struct service_name *out)
{
	const struct service_name *s = names_find(&monitor.names, name);

	if (!s)
		return ERR_NOT_FOUND;
	*out = *s;
	return ERR_OK;
}

static void export_reply(struct origin to, uint32_t sequence, err_t err, uint32_t service)
{
	uint64_t words[MON_PAYLOAD] = { service };
	struct process *p = origin_process(to);

	if (!err && process_alive(p))
		p->exports++;
	reply_to(to, MON_EXPORT, sequence, err, words);
}

/* The process may have ended since it asked; then the name must go again. */
static void export_done(struct pending *p, const struct mon_message *reply)
{
	struct mon_message forget = { .header = mon_header(MON_FORGET, 0, 0, 0),
				      .word = { monitor.core, p->origin.number } };
	err_t err = (err_t)mon_aux(reply->header);

	export_reply(p->origin, p->origin_sequence, err, (uint32_t)p->context);
	if (!err && !process_alive(origin_process(p->origin)))
		link_send(MON_SERVICE_CORE, &forget);
}

static void export_from_process(struct request *r)
{
	uint32_t service = ++last_service;
	struct pending pending = {
		.origin = r->from, .origin_sequence = mon_sequence(r->m.header), .done = export_done, .context = service
	};
	struct mon_message m = { .header = r->m.header,
				 .word = { r->m.word[0], r->m.word[1], r->from.number | (uint64_t)service << 32 } };
	struct service_name s = { .name = { r->m.word[0], r->m.word[1] },
				  .core = monitor.core,
				  .process = r->from.number,
				  .service = service };
	err_t err;

	if (monitor.core == MON_SERVICE_CORE) {
		export_reply(r->from, mon_sequence(r->m.header), names_add(&monitor.names, &s), service);
		return;
	}
	err = request_forward(MON_SERVICE_CORE, &m, NULL, &pending);
	if (err)
		request_reply(r, err, NULL);
}

void name_export(struct request *r)
{
	struct service_name s = { .name = { r->m.word[0], r->m.word[1] },
				  .core = r->from.core,
				  .process = (uint32_t)r->m.word[2],
				  .service = (uint32_t)(r->m.word[2] >> 32) };

	if (!origin_is_monitor(r->from))
		export_from_process(r);
	else if (monitor.core != MON_SERVICE_CORE)
		request_reply(r, ERR_MESSAGE, NULL);
	else
		request_reply(r, names_add(&monitor.names, &s), NULL);
}

void name_lookup(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	struct service_name s;
	err_t err = name_find(r->m.word, &s);

	if (!err) {
		words[0] = s.core;
		words[1] = s.process;
		words[2] = s.service;
	}
	request_reply(r, err, words);
}

void name_forget(struct request *r) { names_forget(&monitor.names, r->from.core, (uint32_t)r->m.word[1]); }

void name_process_gone(struct process *p)
{
	struct mon_message m = { .header = mon_header(MON_FORGET, 0, 0, 0), .word = { monitor.core, p->number } };

	if (p->exports == 0)
		return;
	if (monitor.core == MON_SERVICE_CORE)
		names_forget(&monitor.names, monitor.core, p->number);
	else
		link_send(MON_SERVICE_CORE, &m);
}
