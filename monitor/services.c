/*
 * Names of services. One monitor keeps them; the others ask it.
 *
 * A service number is given by the monitor of the serving process and tells apart
 * the names of one process.  With it goes a secret (secret.h); whoever shows that may
 * open channels to the service.
 *
 * The table is for what everything else needs to start: the console, the members of the
 * name service.  All other names are with those (services/name).
 */
#include "monitor/boot.h"
#include "monitor/monitor.h"
#include "monitor/secret.h"

static uint32_t last_service;

static unsigned distance(coreid_t a, coreid_t b)
{
	if (a == b)
		return 0;
	if (a >= monitor.info->cores || b >= monitor.info->cores || monitor.info->node[a] != monitor.info->node[b])
		return 3;
	return monitor.info->package[a] == monitor.info->package[b] ? 1 : 2;
}

err_t name_find(const uint64_t name[2], coreid_t from, struct service_name *out)
{
	static unsigned turn;
	const struct service_name *s = names_nearest(&monitor.names, name, from, turn++, distance);

	if (!s)
		return ERR_NOT_FOUND;
	*out = *s;
	return ERR_OK;
}

static void export_reply(struct origin to, uint32_t sequence, err_t err, uint32_t service)
{
	uint64_t words[MON_PAYLOAD] = { service, secret_of(to.number, service),
					(uint64_t)monitor.core << 32 | to.number };
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
	uint64_t flags = r->m.word[2];
	/* A number that is not that process's own is of no use to it: the secret is for the two together. */
	uint32_t service = flags & MON_EXPORT_FURTHER ? (uint32_t)(flags >> 32) : ++last_service;
	uint64_t secret = secret_of(r->from.number, service);
	struct pending pending = {
		.origin = r->from, .origin_sequence = mon_sequence(r->m.header), .done = export_done, .context = service
	};
	struct mon_message m = { .header = r->m.header,
				 .word = { r->m.word[0], r->m.word[1], r->from.number | (uint64_t)service << 32, flags,
					   secret } };
	struct service_name s = { .name = { r->m.word[0], r->m.word[1] },
				  .core = monitor.core,
				  .process = r->from.number,
				  .service = service,
				  .shared = flags & MON_EXPORT_SHARED,
				  .secret = secret };
	err_t err;

	if (flags & MON_EXPORT_UNNAMED) {
		export_reply(r->from, mon_sequence(r->m.header), ERR_OK, service);
		return;
	}
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
				  .service = (uint32_t)(r->m.word[2] >> 32),
				  .shared = r->m.word[3] & MON_EXPORT_SHARED,
				  .secret = r->m.word[4] };

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
	err_t err = name_find(r->m.word, r->from.core, &s);

	if (!err) {
		words[0] = s.core;
		words[1] = s.process;
		words[2] = s.service;
		words[3] = s.secret;
	}
	request_reply(r, err, words);
}

static void forget(coreid_t core, uint32_t process)
{
	names_forget(&monitor.names, core, process);
	services_name_gone();
}

void name_forget(struct request *r) { forget(r->from.core, (uint32_t)r->m.word[1]); }

void name_core_gone(coreid_t core)
{
	names_forget_core(&monitor.names, core);
	services_name_gone();
}

void name_process_gone(struct process *p)
{
	struct mon_message m = { .header = mon_header(MON_FORGET, 0, 0, 0), .word = { monitor.core, p->number } };

	if (p->exports == 0)
		return;
	if (monitor.core == MON_SERVICE_CORE)
		forget(monitor.core, p->number);
	else
		link_send(MON_SERVICE_CORE, &m);
}
