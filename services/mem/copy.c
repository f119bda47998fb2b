/* See copy.h. */
#include "services/mem/copy.h"

#include <stdlib.h>
#include <string.h>

#include "services/mem/tree.h"

enum {
	RECORD_FS = NINEP_RECORD_SERVICE, /* result: numbers so far, quota */
	RECORD_INODE,                     /* message: a link's target; payload: struct saved_inode */
	RECORD_BLOCK,                     /* result: the file's number, which block; payload: its bytes */
	RECORD_ENTRY,     /* connection: the directory; result: serial, the inode's number; message: a name */
	RECORD_DIRECTORY, /* result: its number, that of what is above it; time: its last serial */
	RECORD_LOCK,      /* payload: struct saved_lock */
};

struct saved_inode {
	uint64_t number, rdev, size;
	uint32_t mode, uid, gid, links, version, unused;
	struct mem_time atime, mtime, ctime;
};

struct saved_lock {
	uint64_t inode, client, start, length;
	uint32_t proc_id, type;
};

struct mem_known {
	uint64_t number;
	struct mem_inode *inode;
};

/* --- telling ------------------------------------------------------------------------------------------ */

static void put(struct ninep_log *l, struct ninep_record r, const void *message, const void *payload)
{
	l->put(l, &r, message, payload);
}

static void save_inode(struct ninep_log *l, const struct mem_inode *i)
{
	struct saved_inode s = {
		.number = i->number,
		.rdev = i->rdev,
		.mode = i->mode,
		.uid = i->uid,
		.gid = i->gid,
		.links = i->links,
		.version = i->version,
		.atime = i->atime,
		.mtime = i->mtime,
		.ctime = i->ctime,
	};
	struct ninep_record r = { .kind = RECORD_INODE, .payload = sizeof(s) };
	const char *target = NULL;

	if (mem_format(i) == NINEP_FILE)
		s.size = i->data.size;
	if (mem_format(i) == NINEP_SYMLINK) {
		target = i->link.target;
		r.length = i->link.length;
	}
	put(l, r, target, &s);
}

static void save_blocks(struct ninep_log *l, const struct mem_inode *i)
{
	const void *block;

	for (uint64_t index = 0; (block = mem_block_next(i, &index)) && index * MEM_BLOCK < i->data.size; index++)
		put(l,
		    (struct ninep_record){ .kind = RECORD_BLOCK, .payload = MEM_BLOCK, .result = { i->number, index } },
		    NULL, block);
}

static void save_entries(struct ninep_log *l, const struct mem_inode *dir)
{
	char name[NINEP_NAME_MAX + 1];
	struct mem_inode *i;

	for (uint64_t index = 0; !mem_next(dir, &index, &i, name); index++)
		put(l,
		    (struct ninep_record){ .kind = RECORD_ENTRY,
					   .length = (uint32_t)strlen(name),
					   .connection = dir->number,
					   .result = { index, i->number } },
		    name, NULL);
	/* One that was removed has nothing above it: what was may be gone. */
	put(l,
	    (struct ninep_record){ .kind = RECORD_DIRECTORY,
				   .result = { dir->number, dir->links ? dir->dir.parent->number : dir->number },
				   .time = { dir->dir.serial } },
	    NULL, NULL);
}

struct lock_telling {
	struct ninep_log *log;
	uint64_t inode;
};

static void save_lock(void *arg, struct mem_owner who, const struct ninep_lock *k)
{
	struct lock_telling *t = arg;
	struct saved_lock s = { t->inode, who.client, k->start, k->length, who.proc_id, k->type };

	put(t->log, (struct ninep_record){ .kind = RECORD_LOCK, .payload = sizeof(s) }, NULL, &s);
}

void mem_copy_save(struct ninep_server *s, const struct memfs *fs)
{
	struct ninep_log *l = s->log;
	struct mem_inode *i;

	put(l, (struct ninep_record){ .kind = RECORD_FS, .result = { fs->numbers, fs->quota } }, NULL, NULL);
	for (i = fs->first; i; i = i->next)
		save_inode(l, i);
	for (i = fs->first; i; i = i->next) {
		struct lock_telling t = { l, i->number };

		if (mem_format(i) == NINEP_FILE)
			save_blocks(l, i);
		else if (mem_is_dir(i))
			save_entries(l, i);
		mem_locks_tell(i, save_lock, &t);
	}
	ninep_log_save(s);
}

/* --- what is known -------------------------------------------------------------------------------------- */

/* They come in the order of their numbers. */
static struct mem_inode *known_find(const struct mem_copy *c, uint64_t number)
{
	uint32_t low = 0, high = c->known_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (c->known[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->known_count && c->known[low].number == number ? c->known[low].inode : NULL;
}

static bool known_add(struct mem_copy *c, uint64_t number, struct mem_inode *i)
{
	uint32_t room = c->known_room ? 2 * c->known_room : 64;
	struct mem_known *more = c->known;

	if (c->known_count == c->known_room) {
		more = realloc(c->known, room * sizeof(*more));
		if (!more)
			return false;
		c->known = more;
		c->known_room = room;
	}
	more[c->known_count++] = (struct mem_known){ number, i };
	return true;
}

/* What handlers keep of an open file are its flags. */
static bool file_find(void *arg, uint64_t path, uint32_t flags, struct ninep_file *out)
{
	struct mem_inode *i = known_find(arg, path);

	if (!i)
		return false;
	*out = mem_file(i);
	out->open = (void *)(uintptr_t)flags;
	return true;
}

static void clock_set(void *arg, const uint64_t time[2])
{
	struct mem_copy *c = arg;

	c->clock((struct mem_time){ time[0], time[1] });
}

/* --- taking ------------------------------------------------------------------------------------------------ */

static unsigned load_inode(struct mem_copy *c, const struct ninep_record *r, const void *message, const void *payload)
{
	struct ninep_creation what = { .target = { message, (uint16_t)r->length } };
	struct mem_inode *i = c->fs->root;
	struct saved_inode s;

	if (r->payload != sizeof(s))
		return NINEP_EPROTO;
	memcpy(&s, payload, sizeof(s));
	what.mode = s.mode;
	what.gid = s.gid;
	what.rdev = s.rdev;
	if (s.number != i->number) {
		i = mem_inode_new(c->fs, &what, s.uid);
		if (!i)
			return NINEP_ENOMEM;
		i->number = s.number;
	}
	i->mode = s.mode;
	i->uid = s.uid;
	i->gid = s.gid;
	i->links = s.links;
	i->version = s.version;
	i->atime = s.atime;
	i->mtime = s.mtime;
	i->ctime = s.ctime;
	if (mem_format(i) == NINEP_FILE)
		i->data.size = s.size;
	return known_add(c, s.number, i) ? 0 : NINEP_ENOMEM;
}

static unsigned load_block(struct mem_copy *c, const struct ninep_record *r, const void *payload)
{
	struct mem_inode *i = known_find(c, r->result[0]);

	if (!i || r->payload != MEM_BLOCK)
		return NINEP_EPROTO;
	return mem_block_set(i, r->result[1], payload);
}

static unsigned load_entry(struct mem_copy *c, const struct ninep_record *r, const void *message)
{
	struct mem_inode *dir = known_find(c, r->connection), *i = known_find(c, r->result[1]);

	if (!dir || !i || r->length > NINEP_NAME_MAX)
		return NINEP_EPROTO;
	return mem_entry_load(dir, (struct ninep_text){ message, (uint16_t)r->length }, r->result[0], i);
}

static unsigned load_directory(struct mem_copy *c, const struct ninep_record *r)
{
	struct mem_inode *dir = known_find(c, r->result[0]), *parent = known_find(c, r->result[1]);

	if (!dir || !parent)
		return NINEP_EPROTO;
	dir->dir.parent = parent;
	dir->dir.serial = r->time[0];
	return 0;
}

static unsigned load_lock(struct mem_copy *c, const struct ninep_record *r, const void *payload)
{
	struct saved_lock s;
	struct ninep_lock l = { 0 };
	struct mem_inode *i;

	if (r->payload != sizeof(s))
		return NINEP_EPROTO;
	memcpy(&s, payload, sizeof(s));
	i = known_find(c, s.inode);
	l.type = (uint8_t)s.type;
	l.start = s.start;
	l.length = s.length;
	return i ? mem_lock(i, (struct mem_owner){ s.client, s.proc_id }, &l) : NINEP_EPROTO;
}

static unsigned take_store(struct mem_copy *c, const struct ninep_record *r, const void *payload)
{
	struct ninep_connection *n = ninep_shadow_find(c->replay.server, r->connection);
	struct ninep_fid *f = n ? ninep_fid_find(n, (uint32_t)r->result[0]) : NULL;
	struct mem_inode *i = f ? (struct mem_inode *)(uintptr_t)f->file.key : NULL;

	if (!i || mem_format(i) != NINEP_FILE || (r->payload && r->payload != MEM_BLOCK))
		return NINEP_EPROTO;
	if (r->payload)
		return mem_block_set(i, r->result[1], payload);
	clock_set(c, r->time);
	mem_touch(i, true);
	return 0;
}

/* All is there: what nobody has after all goes. */
static void load_end(struct mem_copy *c)
{
	for (uint32_t k = 0; k < c->known_count; k++)
		mem_inode_settle(c->known[k].inode);
	free(c->known);
	c->known = NULL;
	c->known_count = c->known_room = 0;
	c->fs->numbers = c->numbers;
	c->whole = true;
}

unsigned mem_copy_take(struct mem_copy *c, const struct ninep_record *r, const void *message, const void *payload)
{
	unsigned error;

	switch (r->kind) {
	case RECORD_FS:
		c->numbers = r->result[0];
		c->quota = r->result[1];
		return 0;
	case RECORD_INODE:
		return load_inode(c, r, message, payload);
	case RECORD_BLOCK:
		return load_block(c, r, payload);
	case RECORD_ENTRY:
		return load_entry(c, r, message);
	case RECORD_DIRECTORY:
		return load_directory(c, r);
	case RECORD_LOCK:
		return load_lock(c, r, payload);
	case MEM_RECORD_STORE:
		return take_store(c, r, payload);
	default:
		error = ninep_replay(&c->replay, r, message, payload);
		if (!error && r->kind == NINEP_RECORD_WHOLE)
			load_end(c);
		return error;
	}
}

void mem_copy_init(struct mem_copy *c, struct ninep_server *s, struct memfs *fs, void (*clock)(struct mem_time t))
{
	fs->quota = UINT64_MAX;
	*c = (struct mem_copy){
		.fs = fs,
		.replay = { .server = s, .find = file_find, .clock = clock_set },
		.clock = clock,
	};
	c->replay.arg = c;
}
