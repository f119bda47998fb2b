/*
 * Mail: who is written to, and when that is worth a channel.
 *
 * What monitors refuse to carry now (a full mailbox, too many senders on a core) goes by a channel
 * at once, which has a flow control of its own.  A change to a channel waits until no call is under way; until
 * then they are carried.
 */
#include "libos/name/mail.h"
#include "libos/core/monitor_client.h"

#include <string.h>

/* Is the line not refused for good, but not to be carried? */
static bool by_channel(err_t err)
{
	return err == ERR_MAILBOX_FULL || err == ERR_WATCHERS || err == ERR_AGAIN || err == ERR_NO_MEMORY;
}

/* --- who ----------------------------------------------------------------------------------- */

static err_t peer_open(struct mail_client *m)
{
	err_t err = rpc_client_open_carried(&m->rpc, &m->at);

	m->uses = 0;
	if (!by_channel(err))
		return err;
	m->promoted++;
	return rpc_client_open_at(&m->rpc, &m->at);
}

/* Whoever has the name, and another than the one that is gone. */
static err_t peer_find(struct mail_client *m)
{
	uint64_t gone = m->at.pid;
	err_t err;

	if (!m->names)
		return peer_open(m); /* ERR_CLOSED if its process is gone; it may have closed only this channel */
	if (gone)
		name_drop(m->names, m->path);
	err = gone ? name_find_other(m->names, m->path, gone, &m->at) : name_find(m->names, m->path, &m->at);
	return err ? err : peer_open(m);
}

/* Names are taken away, and given to who comes next, a little after their bearer is gone. */
static err_t renew(struct rpc_client *rpc)
{
	struct mail_client *m = (struct mail_client *)rpc;
	bool again = rpc->peer != 0;
	cycles_t end = fabric_now(rpc->fabric) + MAIL_PATIENCE_MS * m->ms;
	err_t err;

	while ((err = peer_find(m)) && m->names && (err == ERR_CLOSED || (err == ERR_NOT_FOUND && again)) &&
	       fabric_now(rpc->fabric) < end) {
		if (rpc->server)
			rpc_release(rpc->server);
		thread_sleep_until(fabric_now(rpc->fabric) + m->ms);
	}
	m->renewed += again && !err;
	return err;
}

/* A member of a fleet says that another is to be asked. */
static err_t redirect(struct rpc_client *rpc, struct rpc_client *way, const struct mailbox *to)
{
	struct mail_client *m = (struct mail_client *)rpc;
	err_t err = rpc_client_open_at(way, to);

	if (way == rpc && err != ERR_AGAIN)
		m->at = *to;
	return err;
}

/* Members came: does the policy choose another by now? One that cannot be reached is looked for by the next call. */
static void look(struct rpc_client *rpc)
{
	struct mail_client *m = (struct mail_client *)rpc;
	struct mailbox at;

	if (!m->names || name_find_other(m->names, m->path, 0, &at) || at.pid == rpc->peer)
		return;
	if (rpc_client_open_at(rpc, &at) != ERR_AGAIN)
		m->at = at;
}

/* --- how ----------------------------------------------------------------------------------- */

static bool is_frequent(struct mail_client *m)
{
	cycles_t now = fabric_now(m->rpc.fabric);

	if (!m->uses || (m->uses < MAIL_FREQUENT && now - m->since > MAIL_WINDOW_MS * m->ms)) {
		m->since = now;
		m->uses = 0;
	}
	return m->uses++ >= MAIL_FREQUENT;
}

/* With calls under way there is no change: what can be carried is, meanwhile. */
static err_t carried(struct rpc_client *rpc, unsigned words, err_t refused)
{
	struct mail_client *m = (struct mail_client *)rpc;
	err_t err;

	if (refused && !by_channel(refused))
		return refused;
	if (!is_frequent(m) && words <= MAIL_WORDS && !refused) {
		m->carried++;
		return ERR_OK;
	}
	err = rpc_client_promote(rpc, &m->at);
	if (!err)
		m->promoted++;
	return err ? refused : ERR_OK;
}

static void client_init(struct mail_client *m, struct fabric *f, struct rpc_server *server)
{
	_Static_assert(offsetof(struct mail_client, rpc) == 0, "the runtime hands back the rpc_client");
	struct mon_core core;

	memset(m, 0, sizeof *m);
	rpc_client_init(&m->rpc, f, server);
	m->rpc.renew = renew;
	m->rpc.redirect = redirect;
	m->rpc.look = look;
	m->rpc.carried = carried;
	if (!mon_core(process_self_core(), &core))
		m->ms = core.tsc_hz / 1000;
}

void mail_client_init(struct mail_client *m, struct fabric *f, struct rpc_server *server, struct name_client *names,
		      const char *path)
{
	client_init(m, f, server);
	m->names = names;
	m->path = path;
}

void mail_client_init_at(struct mail_client *m, struct fabric *f, struct rpc_server *server, const struct mailbox *at)
{
	client_init(m, f, server);
	m->at = *at;
}

void mail_client_close(struct mail_client *m) { rpc_client_close(&m->rpc); }
