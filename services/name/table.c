/*
 * The table of names: paths, changes, what is known of names. See table.h.
 */
#include "services/name/node.h"

#include <string.h>

/* --- paths -------------------------------------------------------------------------- */

err_t table_path_check(const char *path)
{
	struct component c;
	unsigned depth = 0;

	if (*path != '/')
		return ERR_ARGUMENT;
	if (strnlen(path, NAME_PATH + 1) > NAME_PATH)
		return ERR_TOO_LONG;
	while (component_next(&path, &c))
		if (c.length > NAME_COMPONENT || ++depth > NAME_DEPTH)
			return ERR_TOO_LONG;
	return ERR_OK;
}

void table_path_normal(const char *path, char *out)
{
	struct component c;

	while (component_next(&path, &c)) {
		*out++ = '/';
		memcpy(out, c.at, c.length);
		out += c.length;
	}
	*out = '\0';
}

/* --- changes --------------------------------------------------------------------------------- */

/* The node, and all that it is below, have changed with the table's present version. */
static void touch(struct name_table *t, uint32_t node)
{
	for (; node != TABLE_ROOT; node = node_at(t, node)->parent)
		node_at(t, node)->changed = t->version;
	node_at(t, TABLE_ROOT)->changed = t->version;
}

void table_put(struct name_table *t, const char *path, const struct mailbox *mailbox)
{
	uint32_t node = path_make(t, path);
	struct name_node *n = node_at(t, node);

	if (node == TABLE_ROOT || n->policy)
		return;
	if (!n->mailbox.pid)
		t->entries++;
	n->mailbox = *mailbox;
	n->load = 0;
	policy_forget(node_at(t, n->parent));
	touch(t, node);
}

void table_policy(struct name_table *t, const char *path, unsigned policy)
{
	uint32_t node = path_make(t, path);
	struct name_node *n = node_at(t, node);

	if (node == TABLE_ROOT || node_has_mailbox(n))
		return;
	policy_forget(n);
	n->policy = (uint8_t)policy;
	touch(t, node);
	node_prune(t, node);
}

static void entry_drop(struct name_table *t, uint32_t node)
{
	struct name_node *n = node_at(t, node);

	touch(t, node);
	policy_forget(n);
	if (node_has_mailbox(n)) {
		t->entries--;
		policy_forget(node_at(t, n->parent));
	}
	n->policy = NAME_NO_POLICY;
	n->mailbox = (struct mailbox){ 0 };
	node_prune(t, node);
}

bool table_remove(struct name_table *t, const char *path)
{
	uint32_t node = table_find(t, path);

	if (node == TABLE_NONE || node == TABLE_ROOT)
		return false;
	if (!node_at(t, node)->policy && !node_has_mailbox(node_at(t, node)))
		return false;
	entry_drop(t, node);
	return true;
}

unsigned table_remove_process(struct name_table *t, uint64_t pid, void (*removed)(void *arg, const char *path),
			      void *arg)
{
	unsigned gone = 0;
	char path[NAME_PATH + 1];

	for (uint32_t i = 1; i < t->fresh && pid; i++) {
		const struct name_node *n = node_at(t, i);

		if (!n->length || n->policy || n->mailbox.pid != pid)
			continue;
		if (removed)
			path_write(t, i, path);
		entry_drop(t, i);
		if (removed)
			removed(arg, path);
		gone++;
	}
	return gone;
}

void table_load(struct name_table *t, uint32_t node, uint32_t load)
{
	struct name_node *n = node_at(t, node);

	load = load < NAME_LOAD_MAX ? load : NAME_LOAD_MAX;
	if (n->load == load)
		return;
	n->load = (uint16_t)load;
	if (node_at(t, n->parent)->policy != NAME_NEAR)
		policy_forget(node_at(t, n->parent));
}

/* --- looking ----------------------------------------------------------------------------------- */

void table_entry(const struct name_table *t, uint32_t node, struct name_entry *out)
{
	const struct name_node *n = node_at(t, node);

	*out = (struct name_entry){ .policy = n->policy, .load = n->load, .below = n->below, .length = n->length };
	if (node_has_mailbox(n))
		out->mailbox = n->mailbox;
}

err_t table_resolve(struct name_table *t, const char *path, coreid_t core, uint64_t avoid, struct mailbox *out)
{
	return table_resolve_node(t, table_find(t, path), core, avoid, out);
}

err_t table_resolve_node(struct name_table *t, uint32_t node, coreid_t core, uint64_t avoid, struct mailbox *out)
{
	err_t err = ERR_OK;

	if (node != TABLE_NONE && node_at(t, node)->policy)
		err = policy_choose(t, node_at(t, node), core, avoid, &node);
	if (err)
		return err;
	if (node == TABLE_NONE || !node_has_mailbox(node_at(t, node)))
		return ERR_NOT_FOUND;
	*out = node_at(t, node)->mailbox;
	return ERR_OK;
}

/* The first below `node` that came after `serial`; `hint` is where the last was, if it is still there. */
static uint32_t below_after(const struct name_table *t, uint32_t node, uint64_t serial, uint32_t hint)
{
	uint32_t at = node_at(t, node)->first;

	if (hint < t->fresh && node_at(t, hint)->length && node_at(t, hint)->serial == serial &&
	    node_at(t, hint)->parent == node)
		return node_at(t, hint)->next;
	while (at != TABLE_NONE && node_at(t, at)->serial <= serial)
		at = node_at(t, at)->next;
	return at;
}

/* A cursor: serial in the upper 44 bits, node in the lower 20 (NAME_NAMES_MAX). */
bool table_below(const struct name_table *t, uint32_t node, uint64_t *cursor, char *name, struct name_entry *out)
{
	uint32_t at = below_after(t, node, *cursor >> 20, (uint32_t)(*cursor & (NAME_NAMES_MAX - 1)));
	const struct name_node *n;

	if (at == TABLE_NONE)
		return false;
	n = node_at(t, at);
	memcpy(name, node_name(n), n->length);
	name[n->length] = '\0';
	table_entry(t, at, out);
	*cursor = n->serial << 20 | at;
	return true;
}

bool table_next(const struct name_table *t, uint32_t *cursor, char *path, uint64_t *serial, struct name_entry *out)
{
	uint32_t at = *cursor, next = node_at(t, at)->first;

	while (next == TABLE_NONE && at != TABLE_ROOT) {
		next = node_at(t, at)->next;
		at = node_at(t, at)->parent;
	}
	if (next == TABLE_NONE)
		return false;
	path_write(t, next, path);
	table_entry(t, next, out);
	*serial = node_at(t, next)->serial;
	*cursor = next;
	return true;
}

void table_restore(struct name_table *t, const char *path, uint64_t serial, const struct name_entry *e)
{
	uint64_t last = t->serial;
	struct name_node *n;
	uint32_t node;

	t->serial = serial - 1; /* its parents are there: one node is made */
	node = path_make(t, path);
	t->serial = last > serial ? last : serial;
	n = node_at(t, node);
	touch(t, node);
	if (e->policy)
		n->policy = (uint8_t)e->policy;
	else if (e->mailbox.pid)
		table_put(t, path, &e->mailbox);
	n->load = (uint16_t)e->load;
}
