/*
 * The page service's handlers, and what the fleet asks of its members.
 *
 * A grant is the monitor's work; what is done here is to choose the block.  A thread of its own takes in
 * what monitors say has come back.
 */
#include "services/page/page.h"

#include <string.h>

#include "kernel/abi/cap.h"
#include "services/page/page_server.h"
#include "services/page/store.h"

_Static_assert(PAGE_FRAMES_MOST <= MON_GRANT_MOST, "more than a monitor grants at once");

#define SCHEME "exhaustion" /* if no other is asked for */
#define TRIES 16            /* blocks that one call passes over because they are still in use */
#define BACK_WORDS 1024     /* words of monitors that wait; a power of two */

static struct store store;
static const char *scheme = SCHEME;

/* --- calls ---------------------------------------------------------------------------------- */

/* One object, or a power of two of frames. ERR_AGAIN: with another block. */
static err_t block_grant(struct rpc_call *call, struct mon_grant *g, coreid_t core, uint64_t *base)
{
	unsigned bits = g->bits + (unsigned)__builtin_ctz(g->more + 1);
	struct chunk *c;
	err_t err = store_take(&store, core, bits, &c, &g->base);

	if (err)
		return err;
	if (core != process_self_core())
		rpc_release(call->server);
	g->number = c->number;
	err = mon_grant(core, call->peer, g, base);
	switch (err) {
	case ERR_OK:
		store_done(&store, c, g->base, bits, STORE_GRANTED);
		return ERR_OK;
	case ERR_RETYPE_OVERLAP:
		store_look(&store, c, g->base, bits);
		store_done(&store, c, g->base, bits, STORE_GRANTED);
		return ERR_AGAIN;
	case ERR_NOT_FOUND:
	case ERR_DENIED:
		store_done(&store, c, g->base, bits, STORE_NOT_OURS);
		return ERR_AGAIN;
	default:
		store_done(&store, c, g->base, bits, STORE_UNUSED);
		return err;
	}
}

static err_t grant(struct rpc_call *call, struct mon_grant *g, uint32_t core, uint64_t *base)
{
	err_t err = ERR_AGAIN;
	uint32_t other;

	if (g->slot > UINT32_MAX || core >= CORES_MAX)
		return ERR_ARGUMENT;
	fleet_note(store.fleet, call);
	for (unsigned tries = 0; tries < TRIES && err == ERR_AGAIN; tries++)
		err = block_grant(call, g, (coreid_t)core, base);
	if (err == ERR_AGAIN)
		err = ERR_NO_MEMORY;
	if (err == ERR_NO_MEMORY && !g->more && !store_elsewhere(&store, (coreid_t)core, g->bits, &other))
		return fleet_redirect(store.fleet, call, other);
	if (err == ERR_EXISTS) {
		store.stat.repeated++;
		return ERR_OK;
	}
	if (err)
		store.stat.refused++;
	else
		store.stat.taken++;
	return err;
}

static err_t take(struct rpc_call *call, uint32_t bits, uint32_t kind, uint64_t slot, uint32_t core, uint64_t *base)
{
	struct mon_grant g = { .slot = slot, .type = kind == PAGE_RAM ? CAP_RAM : CAP_FRAME, .bits = bits };

	if (bits < PAGE_BITS || bits > 47 || kind >= PAGE_KINDS)
		return ERR_ARGUMENT;
	return grant(call, &g, core, base);
}

static err_t take_frames(struct rpc_call *call, uint32_t count, uint64_t slot, uint32_t core, uint64_t *base)
{
	struct mon_grant g = { .slot = slot, .type = CAP_FRAME, .bits = PAGE_BITS, .more = count - 1 };

	if (count < 2 || count > PAGE_FRAMES_MOST || count & (count - 1))
		return ERR_ARGUMENT;
	return grant(call, &g, core, base);
}

static err_t quota_set(struct rpc_call *call, uint64_t pid, uint64_t bytes)
{
	rpc_release(call->server);
	return mon_quota_set(pid, bytes);
}

static err_t quota(struct rpc_call *call, uint64_t pid, uint64_t *most, uint64_t *has)
{
	rpc_release(call->server);
	return mon_quota(pid, most, has);
}

static err_t stat(struct rpc_call *call, struct page_stat *out)
{
	(void)call;
	store_stat(&store, out);
	return ERR_OK;
}

static err_t check(struct rpc_call *call, struct page_faults *out)
{
	(void)call;
	store_check(&store, out);
	return ERR_OK;
}

static const struct page_handlers handlers = {
	.take = take, .take_frames = take_frames, .quota_set = quota_set, .quota = quota, .stat = stat, .check = check
};

/* --- what comes back --------------------------------------------------------------------------- */

static struct {
	coreid_t core;
	paddr_t base;
} back[BACK_WORDS];
static uint32_t back_put, back_taken;
static struct event back_came = EVENT_INIT;

/*
 * In the dispatcher's scheduler. A word that finds no room is lost; what came back is found when memory is short.
 */
static void back_word(coreid_t core, paddr_t base)
{
	if (back_put - back_taken == BACK_WORDS || core >= CORES_MAX)
		return;
	back[back_put % BACK_WORDS].core = core;
	back[back_put % BACK_WORDS].base = base;
	back_put++;
	event_raise(&back_came);
}

static void *back_main(void *arg)
{
	(void)arg;
	for (;;) {
		event_wait(&back_came, 0);
		while (back_taken != back_put) {
			coreid_t core = back[back_taken % BACK_WORDS].core;
			paddr_t base = back[back_taken % BACK_WORDS].base;

			back_taken++;
			store_collect(&store, core, base);
		}
	}
	return NULL;
}

/* --- the fleet's ---------------------------------------------------------------------------------- */

static err_t page_init(struct fleet *f) { return store_open(&store, f, scheme); }

static err_t page_start(struct fleet *f)
{
	struct thread *thread;
	err_t err = thread_create(&thread, back_main, NULL);

	if (err)
		return err;
	thread_detach(thread);
	err = store_heir(&store);
	if (err)
		return err;
	mon_set_back_handler(back_word);
	/* A new fleet: what is left of an earlier one is ours. */
	if (f->view.count == 1)
		store_inherit(&store, 0);
	return ERR_OK;
}

static void page_changed(struct fleet *f, const struct fleet_view *old)
{
	for (uint32_t i = 0; i < old->count; i++)
		if (!view_get(&f->view, old->member[i].number))
			store_member_gone(&store, old->member[i].number);
}

static void page_lost(struct fleet *f, const struct fleet_member *member)
{
	(void)f;
	(void)member;
	store_inherit_soon();
}

static void page_leave(struct fleet *f)
{
	(void)f;
	store_leave(&store);
}

static err_t page_told(struct fleet *f, uint32_t from, uint32_t what, const void *data, size_t bytes)
{
	(void)f;
	return store_told(&store, from, what, data, bytes);
}

static const struct fleet_interface interfaces[] = { { &page_service, &handlers }, { NULL, NULL } };

static const struct fleet_ops ops = {
	.name = PAGE_FLEET,
	.interface = interfaces,
	.init = page_init,
	.start = page_start,
	.changed = page_changed,
	.lost = page_lost,
	.leave = page_leave,
	.told = page_told,
};

int page_main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "scheme=", 7))
			scheme = argv[i] + 7;
	return fleet_main(argc, argv, &ops);
}
