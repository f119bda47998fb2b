/*
 * name: a member of the fleet that knows who is called what.
 *
 * Every member has the whole table and answers from it; changes go through the coordinator to all
 * (replica.c, libos/fleet/kv_replicated.h).  Calls that change nothing do not block.
 */
#include "services/name/dead.h"
#include "services/name/name_server.h"

#include <string.h>

static struct replica replica;
static struct kv_replicated kv;
static struct fleet *fleet;

/* --- changes ------------------------------------------------------------------------------ */

/* The same however often, and over whichever member, its caller repeats the call. */
static struct kv_tag tag_of(const struct rpc_call *call)
{
	uint64_t who[2] = { call->peer, rpc_call_identity(call) };

	return (struct kv_tag){ .who = view_hash(who, sizeof who), .which = rpc_call_sequence(call) };
}

static err_t change(const struct rpc_call *call, const struct name_change *c, const char *path)
{
	unsigned char packed[sizeof *c + NAME_PATH + 1];
	struct kv_tag tag = tag_of(call);
	err_t err = table_path_check(path);

	return err ? err : kv_write(&kv, &tag, packed, replica_pack(packed, c, path));
}

static err_t handle_register(struct rpc_call *call, const char *path, const struct mailbox *mailbox, uint32_t flags)
{
	struct name_change c = { .kind = CHANGE_PUT, .flags = flags, .mailbox = *mailbox };
	uint32_t node = table_find(&replica.table, path);
	struct name_entry e;

	/* Repeated it may be on its way: here, and not at others yet. The coordinator knows. */
	if (node != TABLE_NONE && node != TABLE_ROOT && !rpc_call_repeated(call)) {
		table_entry(&replica.table, node, &e);
		if (e.mailbox.pid && mailbox_same(&e.mailbox, mailbox))
			return ERR_OK;
	}
	return change(call, &c, path);
}

static err_t handle_remove(struct rpc_call *call, const char *path)
{
	return change(call, &(struct name_change){ .kind = CHANGE_REMOVE }, path);
}

static err_t handle_policy(struct rpc_call *call, const char *path, uint32_t policy)
{
	return change(call, &(struct name_change){ .kind = CHANGE_POLICY, .policy = policy }, path);
}

/* A removal that came again: its tag says so to the coordinator, which has it done everywhere before it answers. */
static err_t seen(struct rpc_call *call, struct rpc_answer *answer)
{
	(void)call, (void)answer;
	return ERR_NOT_FOUND;
}

/* --- questions ------------------------------------------------------------------------------ */

static err_t handle_resolve(struct rpc_call *call, const char *path, uint32_t core, uint64_t avoid,
			    struct name_answer *answer)
{
	err_t err = table_resolve(&replica.table, path, core, avoid, &answer->mailbox), bad;

	fleet_note(fleet, call);
	answer->version = replica.table.version;
	if (err != ERR_NOT_FOUND)
		return err;
	bad = table_path_check(path);
	return bad ? bad : err;
}

/* Where short paths led, as long as the table does not change. */
#define SHORTS 256
#define SHORT_WORDS (sizeof((struct name_short *)0)->word / sizeof(uint64_t))
static struct {
	uint64_t word[SHORT_WORDS];
	uint64_t version;
	uint32_t clears; /* of the replica */
	uint32_t node;   /* TABLE_ROOT: nothing is known */
} shorts[SHORTS];

static inline uint32_t short_place(const struct name_short *name)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < SHORT_WORDS; i++)
		h = (h ^ name->word[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32) % SHORTS;
}

static inline bool short_known(uint32_t at, const struct name_short *name)
{
	uint64_t differ = shorts[at].version ^ replica.table.version;

	for (unsigned i = 0; i < SHORT_WORDS; i++)
		differ |= shorts[at].word[i] ^ name->word[i];
	return !differ && shorts[at].node != TABLE_ROOT && shorts[at].clears == replica.clears;
}

static err_t handle_resolve_short(struct rpc_call *call, const struct name_short *name, struct name_answer *answer)
{
	const char *path = (const char *)name->word;
	uint32_t at = short_place(name);
	err_t err;

	if (short_known(at, name)) {
		fleet_note(fleet, call);
		answer->version = replica.table.version;
		return table_resolve_node(&replica.table, shorts[at].node, name->core, 0, &answer->mailbox);
	}
	if (path[NAME_SHORT])
		return ERR_MESSAGE;
	err = handle_resolve(call, path, name->core, 0, answer);
	if (err)
		return err;
	memcpy(shorts[at].word, name->word, sizeof name->word);
	shorts[at].version = replica.table.version;
	shorts[at].clears = replica.clears;
	shorts[at].node = table_find(&replica.table, path);
	return ERR_OK;
}

static uint32_t entry_pack(unsigned char *to, uint32_t room, const struct name_entry *e, const char *name)
{
	uint32_t bytes = (uint32_t)((sizeof *e + e->length + 1 + 7) & ~7u);

	if (bytes > room)
		return 0;
	memset(to, 0, bytes);
	memcpy(to, e, sizeof *e);
	memcpy(to + sizeof *e, name, e->length);
	return bytes;
}

static err_t handle_list(struct rpc_call *call, const char *path, uint64_t *cursor, void *entries, uint32_t *length)
{
	uint32_t node = table_find(&replica.table, path), room = *length, used = 0, bytes;
	char name[NAME_COMPONENT + 1];
	uint64_t at = *cursor;
	struct name_entry e;

	(void)call;
	if (node == TABLE_NONE)
		return table_path_check(path) ? table_path_check(path) : ERR_NOT_FOUND;
	while (table_below(&replica.table, node, &at, name, &e)) {
		bytes = entry_pack((unsigned char *)entries + used, room - used, &e, name);
		if (!bytes) {
			*length = used;
			return used ? ERR_OK : ERR_TOO_LONG;
		}
		used += bytes;
		*cursor = at;
	}
	*cursor = 0;
	*length = used;
	return ERR_OK;
}

static void watch_answer(struct rpc_later *later, uint64_t version) { name_watch_answer(later, ERR_OK, version); }

static err_t handle_watch(struct rpc_call *call, const char *path, uint64_t version, uint64_t *now)
{
	err_t err = table_path_check(path);
	char normal[NAME_PATH + 1];

	*now = replica.table.version;
	if (err || table_changed(&replica.table, path) > version)
		return err;
	table_path_normal(path, normal);
	return watches_add(&replica.watches, call, normal);
}

static void handle_unwatch(struct rpc_call *call, const char *path)
{
	char normal[NAME_PATH + 1];

	if (table_path_check(path))
		return;
	table_path_normal(path, normal);
	watches_drop(&replica.watches, call->peer, normal, replica.table.version);
}

static void closed(struct rpc_server *s, uint64_t peer)
{
	(void)s;
	watches_close(&replica.watches, peer, replica.table.version);
}

static err_t handle_count(struct rpc_call *call, uint64_t *names, uint64_t *version)
{
	(void)call;
	*names = replica.table.entries;
	*version = replica.table.version;
	return ERR_OK;
}

/* --- loads: not worth a change; each member tells the others ---------------------------------- */

enum { TELL_LOAD = 1 };

struct load {
	uint32_t load, unused;
	char path[NAME_PATH + 1];
};

static void load_set(const char *path, uint32_t load)
{
	uint32_t node = table_find(&replica.table, path);

	if (node != TABLE_NONE && node != TABLE_ROOT)
		table_load(&replica.table, node, load);
}

static void handle_load(struct rpc_call *call, const char *path, uint32_t load)
{
	struct load l = { .load = load };
	uint32_t numbers[FLEET_MEMBERS], members = 0;
	size_t length = strlen(path);

	(void)call;
	if (length > NAME_PATH)
		return;
	load_set(path, load);
	memcpy(l.path, path, length + 1);
	for (uint32_t i = 0; i < fleet->view.count; i++)
		if (fleet->view.member[i].number != fleet->number)
			numbers[members++] = fleet->view.member[i].number;
	for (uint32_t i = 0; i < members; i++)
		fleet_tell(fleet, numbers[i], TELL_LOAD, &l, offsetof(struct load, path) + length + 1);
}

static err_t told(struct fleet *f, uint32_t from, uint32_t what, const void *data, size_t bytes)
{
	struct load l;

	(void)f, (void)from;
	if (what != TELL_LOAD || bytes <= offsetof(struct load, path) || bytes > sizeof l)
		return ERR_MESSAGE;
	memcpy(&l, data, bytes);
	((char *)&l)[bytes - 1] = '\0';
	load_set(l.path, l.load);
	return ERR_OK;
}

/* --- the member -------------------------------------------------------------------------------- */

static void process_named(struct replica *r, uint64_t pid)
{
	(void)r;
	dead_process(pid);
}

static err_t init(struct fleet *f)
{
	err_t err = replica_init(&replica);

	fleet = f;
	replica.put = process_named;
	replica.watches.answer = watch_answer;
	kv_init(&kv, f, &replica_store, &replica);
	dead_init(&kv);
	return err;
}

static err_t start(struct fleet *f)
{
	err_t err = kv_start(&kv);

	(void)f;
	return err ? err : dead_start();
}

static void changed(struct fleet *f, const struct fleet_view *old)
{
	bool led = kv.leading;

	(void)f, (void)old;
	kv_changed(&kv);
	if (kv.leading && !led)
		dead_lead();
}

int main(int argc, char **argv)
{
	static const struct name_handlers handlers = {
		.register_ = handle_register,
		.resolve = handle_resolve,
		.remove = handle_remove,
		.list = handle_list,
		.watch = handle_watch,
		.policy = handle_policy,
		.load = handle_load,
		.count = handle_count,
		.unwatch = handle_unwatch,
		.resolve_short = handle_resolve_short,
	};
	static const struct fleet_interface interfaces[] = { { &name_service, &handlers }, { NULL, NULL } };
	static const struct rpc_hooks hooks = { .seen = seen, .closed = closed };
	static const struct fleet_ops ops = { .name = "name",
					      .interface = interfaces,
					      .hooks = &hooks,
					      .init = init,
					      .start = start,
					      .changed = changed,
					      .told = told };

	return fleet_main(argc, argv, &ops);
}
