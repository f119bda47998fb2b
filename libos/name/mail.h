/*
 * Mail: an rpc_client that is bound to a name, or to a mailbox, and not to a channel.
 *
 * Calls and one-way messages are made on it by any stubs: page_take(&m.rpc, ...). The first ones are carried by the
 * CPU drivers and monitors, so that talking once to a process costs no set-up; when they become frequent, or one is
 * long or carries a capability, a channel of its own takes their place. Nothing is lost or done twice at that, and
 * what was sent before arrives before. When the peer is gone, the name is resolved again and the call repeated as
 * rpc.h says.
 *
 * Used as an rpc_client is: by one thread, or by those of a server, or after rpc_client_share.
 */
#pragma once

#include "libos/name/name.h"

/* Messages that are carried within MAIL_WINDOW_MS: they cost about what a channel does, so the next gets one. */
#define MAIL_FREQUENT 3
#define MAIL_WINDOW_MS 1000u
#define MAIL_WORDS 28u         /* of a message that is carried: four lines */
#define MAIL_PATIENCE_MS 5000u /* that another bearer of the name is looked for when one is gone */

struct mail_client {
	struct rpc_client rpc;
	struct name_client *names; /* NULL: it is the mailbox that counts */
	const char *path;
	struct mailbox at; /* that it leads to; pid 0: none yet */
	cycles_t ms;       /* of the fabric's time in a millisecond */
	cycles_t since;    /* when the first of `uses` was carried */
	uint32_t uses;
	uint32_t carried, promoted, renewed; /* messages; channels of its own; peers found after one was gone */
};

/*
 * A client of whoever has the name `path`, which stays the caller's. `server`: as in rpc_client_init. Nobody is asked
 * before the first call; that gets ERR_NOT_FOUND, or what else is wrong.
 */
void mail_client_init(struct mail_client *m, struct fabric *f, struct rpc_server *server, struct name_client *names,
		      const char *path);
/* The same to a mailbox: when its process is gone, calls get ERR_CLOSED. ERR_DENIED: that is not its secret. */
void mail_client_init_at(struct mail_client *m, struct fabric *f, struct rpc_server *server, const struct mailbox *at);
void mail_client_close(struct mail_client *m);
