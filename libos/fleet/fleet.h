/*
 * The fleet library: a service as a number of members, each a process on a core of its own,
 * that come and go, share the load, and take over from each other.
 *
 * A service is a table of callbacks and interfaces (struct fleet_ops), given to fleet_main. The
 * library starts and ends members, watches them, agrees with them on who is there (libos/fleet/view.h),
 * and serves the control interface (libos/fleet/proto.h) beside those of the service. Monitors hold the truth of
 * who lives: a member that closes its channel or misses its heartbeats is killed before it is
 * replaced, so nobody acts for it twice.
 *
 * All callbacks are called by threads of the server and may make calls. Those of one member come
 * one at a time, in the order: init, start, then changed, lost and leave; load at any time.
 *
 * docs/fleets.md shows a whole service.
 */
#pragma once

#include "libos/fleet/client.h"
#include "libos/fleet/view.h"
#include "libos/rpc/rpc.h"

struct fleet;

/* An interface of the service and its struct X_handlers. */
struct fleet_interface {
	const struct rpc_service *service;
	const void *handlers;
};

struct fleet_ops {
	const char *name; /* of the fleet, of the program, and what its clients ask for; up to FLEET_NAME bytes */
	const struct fleet_interface *interface; /* ended by one without a service; may be NULL */
	const struct rpc_hooks *hooks;           /* may be NULL; `closed` is called after the library has looked */
	const struct fleet_policy *policy;       /* of a new fleet; NULL or zero fields: fleet_policy_default */
	/* First of all, before anybody can know of this member: what `told` and ports need. May be NULL. */
	err_t (*init)(struct fleet *f);
	/*
	 * This process is member f->number of the view; make state, or take it over from the others. The first
	 * member of all is alone in its view. Calls of the service come only when it has returned. An error ends
	 * the member.
	 */
	err_t (*start)(struct fleet *f);
	/*
	 * There is a new view: f->view; *old is the one before. The coordinator goes on to the next view only when all
	 * members have returned from here, and who is new is told of the view after all others: so what they hand over
	 * in here has arrived before it serves.
	 */
	void (*changed)(struct fleet *f, const struct fleet_view *old);
	/* On the heir of a member (view_heir) that is dead and fenced, after changed. */
	void (*lost)(struct fleet *f, const struct fleet_member *member);
	/* This member is in the view no more, and all others know: hand over what is left, then it ends. */
	void (*leave)(struct fleet *f);
	/* Permille of what this member can do; NULL: the share of the time that its process ran. */
	uint32_t (*load)(struct fleet *f);
	/*
	 * Another member sent `bytes` bytes by fleet_tell. May make calls. What it returns, fleet_tell returns
	 * there.
	 */
	err_t (*told)(struct fleet *f, uint32_t from, uint32_t what, const void *data, size_t bytes);
};

struct fleet {
	const struct fleet_ops *ops;
	struct fabric *fabric;
	struct rpc_server server;
	struct fleet_view view;  /* read it, do not keep pointers into it over anything that blocks */
	uint32_t number;         /* this member's */
	struct mailbox at;       /* ... */
	void *tag;               /* the service's */
	coreid_t caller;         /* of the last call that fleet_note was told of */
	uint32_t noted;          /* such calls */
	struct fleet_self *self; /* the library's own */
};

extern const struct fleet_policy fleet_policy_default;

/*
 * Runs a member: program NAME starts a fleet, NAME member=N parent=MAILBOX joins one. Other arguments, up to
 * FLEET_ARGUMENTS, are the service's own; all members get those of the first one. Returns the exit status when the
 * member has left, or could not join.
 */
#define FLEET_ARGUMENTS 4
int fleet_main(int argc, char **argv, const struct fleet_ops *ops);

/*
 * The client, connected when first used, of another member of the view: for calls of any interface that it serves.
 * It is not renewed: ERR_CLOSED says that the member is gone. NULL: there is no such member.
 */
struct rpc_client *fleet_peer(struct fleet *f, uint32_t number);
/*
 * Words between members, for libraries and services: a port is a number that both sides know (enum fleet_port). The
 * function takes `bytes` bytes at `data`, and may write up to *answered bytes, and say how many they are; its error
 * goes to who asked. It is called by a thread of the server, also before `start` has returned, and may make calls.
 */
typedef err_t fleet_port_fn(void *arg, uint32_t from, uint32_t what, const void *data, size_t bytes, void *answer,
			    size_t *answered);
enum fleet_port {
	FLEET_PORT_SERVICE,
	FLEET_PORT_KV,
	FLEET_PORT_REPLICA,
	FLEET_PORT_DPOOL,
	FLEET_PORT_OWN,
	FLEET_PORT_NAMED, /* the library's own: a member that came has its name */
	FLEET_PORTS = 8
};
#define FLEET_WORDS 6000  /* the most bytes there */
#define FLEET_ANSWER 4000 /* ... and back */
/* In or before `start`. Port FLEET_PORT_SERVICE is ops->told; FLEET_PORT_OWN is the service's, too. */
void fleet_listen(struct fleet *f, enum fleet_port port, fleet_port_fn *fn, void *arg);
/*
 * Asks another member (or this one) and waits for what the function there returns. ERR_CLOSED: it is gone.
 * ERR_NOT_FOUND: it is not in our view. `answer` may be NULL. The other may have an older view than we, or none yet.
 */
err_t fleet_ask(struct fleet *f, uint32_t number, enum fleet_port port, uint32_t what, const void *data, size_t bytes,
		void *answer, size_t *answered);
/* The same to ops->told, without an answer. */
err_t fleet_tell(struct fleet *f, uint32_t number, uint32_t what, const void *data, size_t bytes);
/* Sees to it that the member is dead: it is gone, or does not do what it must. Waits for that. */
void fleet_fence(struct fleet *f, uint32_t number);
/* Is it in our view, or was and has not ended yet, as far as we know? */
bool fleet_lives(const struct fleet *f, uint32_t number);
/* For a thread of the server: waits until our view has at least that version. */
void fleet_wait_view(struct fleet *f, uint64_t version);
/* ... until there is another view than that of this version. */
void fleet_wait_change(struct fleet *f, uint64_t version);
/* Has every member acknowledged the view that we have? It may be so before we know. */
bool fleet_settled(const struct fleet *f);
/*
 * In the coordinator: all members have our view, none is joining, and no other view is being told: what no view change
 * moves lies still. False in any other member.
 */
bool fleet_still(const struct fleet *f);
/* Waits until that is so, or we do not coordinate. */
void fleet_wait_still(struct fleet *f);
/* The handler returns what this returns: the caller is sent to that member. ERR_NOT_FOUND. */
err_t fleet_redirect(struct fleet *f, struct rpc_call *call, uint32_t number);
/* Handlers may say so of their calls: new members are placed near those who call, and move there. */
static inline void fleet_note(struct fleet *f, const struct rpc_call *call)
{
	f->caller = rpc_call_core(call);
	f->noted++;
}
/* Milliseconds of fabric time, in its unit. */
cycles_t fleet_ms(const struct fleet *f, uint64_t ms);
