/*
 * How the members of a fleet are found.
 *
 * By a name of the monitors' that all of them share: who opens it gets the nearest that lives. And, where
 * there is a name service, as "/fleet/NAME/NUMBER" below a name that gives the nearest, for all who want another
 * policy, or a list. That name needs calls, which must not hold up a member that is to serve: a
 * thread makes them. The name service forgets a member when its process has ended; when the member of the name
 * service that was told ends, the thread tells another, for all may have died, and others know nothing.
 */
#include "libos/fleet/private.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TELL_MS 50      /* between two looks for a name service that was there */
#define TELL_LOOKS 1000 /* looks */
#define LOAD_STEP 32    /* permille: changes of the load that are worth a word */

/* One fleet in a process. Not renewed: it is to hear of that member's end. */
static struct rpc_client name_server;
static bool is_named; /* it knows this member */
static uint32_t load_told;

/* A member that came has its name: a policy may choose it now. */
static err_t named(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
		   size_t *answered)
{
	struct fleet *f = arg;

	(void)from, (void)what, (void)data, (void)bytes, (void)answer;
	*answered = 0;
	rpc_server_look(&f->server);
	return ERR_OK;
}

static void others_tell(struct fleet *f)
{
	uint32_t number[FLEET_MEMBERS], count = f->view.count;

	for (uint32_t i = 0; i < count; i++)
		number[i] = f->view.member[i].number;
	for (uint32_t i = 0; i < count; i++)
		if (number[i] != f->number)
			fleet_ask(f, number[i], FLEET_PORT_NAMED, 0, NULL, 0, NULL, NULL);
}

/* Does the name service know the fleet's name? Who has set a policy meant it. */
static bool has_policy(struct rpc_client *names, const char *path)
{
	struct name_answer answer;

	return name_resolve(names, path, process_self_core(), 0, &answer) != ERR_NOT_FOUND;
}

/*
 * Tells a member of the name service: of the policy first, for who sees a member's name may set another. `again`:
 * another member was told before.
 */
static err_t name_tell(struct fleet *f, struct rpc_client *names, bool again)
{
	char path[FLEET_NAME + 32];
	err_t err = ERR_OK;

	snprintf(path, sizeof path, "/fleet/%s", f->ops->name);
	if (again ? !has_policy(names, path) : f->number == 0)
		err = name_policy(names, path, NAME_NEAR);
	snprintf(path, sizeof path, "/fleet/%s/%" PRIu32, f->ops->name, f->number);
	if (!err || err == ERR_EXISTS)
		err = name_register(names, path, &f->at, NAME_REPLACE);
	if (!err && !again)
		others_tell(f);
	return err;
}

/* Until that member has ended. A watch that nothing can fire but now and then is what waits. */
static void name_wait(struct fleet *f, struct rpc_client *names)
{
	char path[FLEET_NAME + 32];
	uint64_t version = UINT64_MAX;

	snprintf(path, sizeof path, "/fleet/%s/%" PRIu32, f->ops->name, f->number);
	while (!name_watch(names, path, version, &version))
		version = UINT64_MAX;
}

bool announce_load(struct fleet *f, uint32_t load)
{
	char path[FLEET_NAME + 32];
	uint32_t change = load > load_told ? load - load_told : load_told - load;

	if (!is_named || change < LOAD_STEP || !rpc_client_has_room(&name_server))
		return is_named;
	snprintf(path, sizeof path, "/fleet/%s/%" PRIu32, f->ops->name, f->number);
	if (!name_load(&name_server, path, load))
		load_told = load;
	return true;
}

static void *announcer(void *arg)
{
	struct fleet *f = arg;
	bool first = true;

	rpc_client_init(&name_server, f->fabric, &f->server);
	for (unsigned looks = 0; looks < TELL_LOOKS; looks++) {
		if (!rpc_client_open(&name_server, NAME_SERVICE) && !name_tell(f, &name_server, !first)) {
			first = false;
			looks = 0;
			load_told = 0;
			is_named = true;
			name_wait(f, &name_server);
			is_named = false;
		} else if (first) {
			break; /* without a name service there is nobody to tell */
		}
		thread_sleep_until(fabric_now(f->fabric) + fleet_ms(f, TELL_MS));
	}
	rpc_client_close(&name_server);
	return NULL;
}

err_t announce_member(struct fleet *f)
{
	err_t err = service_name(&f->server.service, f->ops->name, SERVICE_SHARED);
	struct thread *teller;

	fleet_listen(f, FLEET_PORT_NAMED, named, f);
	if (!err && strcmp(f->ops->name, NAME_SERVICE) != 0 && !thread_create(&teller, announcer, f))
		thread_detach(teller);
	return err;
}

/* What monitors do not carry goes by a channel. */
static err_t names_refused(struct rpc_client *names, unsigned words, err_t refused)
{
	(void)words;
	return refused ? rpc_client_promote(names, names->tag) : ERR_OK;
}

/* The member that the policy chooses. One question does not pay for a channel: monitors carry it, where they can. */
static err_t policy_ask(struct rpc_client *c, const char *name, uint64_t avoid, struct mailbox *out)
{
	struct name_answer answer;
	struct rpc_client names;
	char path[FLEET_NAME + 32];
	struct mailbox at;
	err_t err = strcmp(name, NAME_SERVICE) ? channel_lookup(c->fabric, NAME_SERVICE, &at) : ERR_UNSUPPORTED;

	if (err)
		return err;
	snprintf(path, sizeof path, "/fleet/%s", name);
	rpc_client_init(&names, c->fabric, c->server);
	names.carried = names_refused;
	names.tag = &at;
	err = rpc_client_open_carried(&names, &at);
	if (!err)
		err = name_resolve(&names, path, process_self_core(), avoid, &answer);
	rpc_client_close(&names);
	*out = answer.mailbox;
	return err;
}

err_t announce_open(struct rpc_client *c, const char *name, uint64_t avoid)
{
	struct mailbox at;
	err_t err;

	if (!policy_ask(c, name, avoid, &at)) {
		if (rpc_client_is_open(c) && c->peer == at.pid)
			return ERR_OK;
		err = at.pid == avoid ? ERR_CLOSED : rpc_client_open_at(c, &at);
		if (!err || err == ERR_AGAIN)
			return err;
	}
	return rpc_client_open(c, name);
}
