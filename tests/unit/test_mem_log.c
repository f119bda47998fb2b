/*
 * The memory file system with a mirror: the log, the hand-over to a new mirror, and clients that go on at the heir of a
 * server that died, with what was in flight done before its death or not.
 *
 * Oracle: a server that never dies and is asked everything once. All answers are the same, and so is the whole state
 * in the end, also the mirror's. ASan finds what is lost.
 */
/* needs: services/mem/inode.c services/mem/data.c services/mem/directory.c services/mem/names.c services/mem/lock.c */
/* needs: services/mem/extent.c tests/unit/mem_frame.c services/mem/map.c */
/* needs: services/mem/tree.c services/mem/copy.c libos/pipe/pipe.c */
/* needs: libos/ninep/serve_ring.c libos/ninep/log.c libos/ninep/replay.c libos/ninep/session.c */
/* needs: libos/ninep/serve_read.c libos/ninep/serve_attr.c libos/ninep/connection.c libos/ninep/fid.c */
/* needs: libos/ninep/codec.c libos/ninep/error.c libos/ninep/link.c */
/* needs: libos/ninep/serve.c libos/ninep/serve_change.c libos/ninep/share.c libos/ninep/tree.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/ninep/share.h"
#include "services/mem/copy.h"
#include "services/mem/tree.h"

#define QUOTA (UINT64_C(4) << 20)
#define CLIENTS 4
#define FIDS 10
#define STEPS 20000
#define BYTES 9000
#define ANSWER 12000

/* --- clocks, chance ------------------------------------------------------------------------------ */

static uint64_t step;

static struct mem_time tick(void) { return (struct mem_time){ step, 0 }; }
static void clock_ignored(struct mem_time t) { (void)t; }

static uint64_t random_state;

static unsigned below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

/* --- servers whose clients are called by hand ------------------------------------------------------- */

struct client {
	struct ninep_connection n; /* the link is its first use of the memory behind it */
	uint8_t asked[ANSWER], answer[ANSWER];
	uint32_t length, answered;
	unsigned answers;
};

struct world {
	struct memfs fs;
	struct ninep_server server;
	struct client client[CLIENTS];
	struct ninep_log log;
	struct mem_copy copy;
	struct world *mirror; /* or NULL */
	bool refused;         /* by the mirror */
};

static err_t hand_receive(struct ninep_link *l, struct ninep_packet *p)
{
	struct client *c = (struct client *)((char *)l - offsetof(struct client, n.link));

	if (!c->length)
		return ERR_AGAIN;
	*p = (struct ninep_packet){ .head = c->asked, .length = c->length };
	c->length = 0;
	return ERR_OK;
}

static err_t hand_send(struct ninep_link *l, const struct ninep_message *m, const struct bulk_buffer *b)
{
	struct client *c = (struct client *)((char *)l - offsetof(struct client, n.link));

	(void)b;
	c->answered = ninep_encode(m, NINEP_LINUX, false, c->answer, sizeof(c->answer));
	assert_true(c->answered > 0);
	c->answers++;
	return ERR_OK;
}

static void hand_close(struct ninep_link *l) { (void)l; }

static const struct ninep_link_ops hand_ops = { .receive = hand_receive, .send = hand_send, .close = hand_close };

static void client_begin(struct world *w, struct client *c)
{
	struct ninep_link link = { .ops = &hand_ops, .msize = ANSWER, .dialect = NINEP_LINUX };

	memset(c, 0, sizeof(*c));
	assert_int_equal(ninep_link_alloc(&link, ANSWER), ERR_OK);
	ninep_connection_init(&c->n, w->server.root, &link);
	c->n.server = &w->server;
	c->n.number = ++w->server.numbers;
	c->n.pid = 7;
	c->n.versioned = c->n.ours = true;
	c->n.next = w->server.connections;
	w->server.connections = &c->n;
}

/* The tree's handlers know one file system at a time. */
static void turn_to(struct world *w) { (void)mem_tree(&w->fs); }

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(memfs_init(&w->fs, QUOTA, tick), 0);
	w->server.root = mem_tree(&w->fs);
	w->server.keeps = true;
	return w;
}

static void world_end(struct world *w)
{
	turn_to(w);
	w->server.log = NULL;
	for (unsigned i = 0; i < CLIENTS; i++)
		if (w->client[i].n.server)
			ninep_connection_close(&w->client[i].n);
	while (w->server.shadows)
		ninep_shadow_free(w->server.shadows);
	memfs_destroy(&w->fs);
	assert_int_equal(w->fs.used, 0);
	assert_int_equal(w->fs.inodes, 0);
	assert_null(w->fs.first);
	free(w);
}

/* --- the log --------------------------------------------------------------------------------------------- */

static void log_put(struct ninep_log *l, struct ninep_record *r, const void *message, const void *payload)
{
	struct world *w = (struct world *)((char *)l - offsetof(struct world, log));
	uint8_t bytes[ANSWER], data[ANSWER];

	/* What is told is a copy: nothing of it may be looked at later. */
	if (r->length)
		memcpy(bytes, message, r->length);
	if (r->payload)
		memcpy(data, payload, r->payload);
	turn_to(w->mirror);
	if (mem_copy_take(&w->mirror->copy, r, bytes, payload ? data : NULL))
		w->refused = true;
	turn_to(w);
}

/* A new mirror that gets everything. */
static void mirror_begin(struct world *w)
{
	w->mirror = world_new();
	mem_copy_init(&w->mirror->copy, &w->mirror->server, &w->mirror->fs, clock_ignored);
	turn_to(w);
	w->log.put = log_put;
	w->server.log = &w->log;
	mem_copy_save(&w->server, &w->fs);
	assert_false(w->refused);
	assert_true(w->mirror->copy.whole);
}

/* --- what there is, in an order of its own -------------------------------------------------------------------- */

struct written {
	uint32_t length;
	uint8_t *bytes;
};

struct writing {
	struct ninep_log log;
	struct written *record;
	size_t count;
};

static void write_put(struct ninep_log *l, struct ninep_record *r, const void *message, const void *payload)
{
	struct writing *to = (struct writing *)l;
	uint32_t length = sizeof(*r) + r->length + r->payload;
	uint8_t *bytes = malloc(length);
	struct ninep_saved s;

	if (r->kind == NINEP_RECORD_ANSWER) { /* who is asked for the first time keeps none */
		free(bytes);
		return;
	}
	/* Secrets and numbers of shared files are as it falls out. */
	if (r->kind == NINEP_RECORD_SESSION || r->kind == NINEP_RECORD_TOKEN)
		memset(r->result, 0, sizeof(r->result));
	if (r->kind == NINEP_RECORD_TOKEN)
		r->time[0] = 0;
	if (r->kind == NINEP_RECORD_WHOLE)
		r->result[0] = 0;
	if (r->kind == NINEP_RECORD_SERVICE) /* the quota */
		r->result[1] = 0;
	memcpy(bytes, r, sizeof(*r));
	if (r->length)
		memcpy(bytes + sizeof(*r), message, r->length);
	if (r->payload)
		memcpy(bytes + sizeof(*r) + r->length, payload, r->payload);
	if (r->kind == NINEP_RECORD_SHARED || r->kind == NINEP_RECORD_FID) {
		memcpy(&s, payload, sizeof(s));
		s.shared = s.shared != 0;
		memcpy(bytes + sizeof(*r), &s, sizeof(s));
	}
	if (r->kind == NINEP_RECORD_SHARED) /* whichever client it is told of first */
		((struct ninep_record *)bytes)->connection = 0;
	to->record = realloc(to->record, (to->count + 1) * sizeof(*to->record));
	to->record[to->count++] = (struct written){ length, bytes };
}

static int compare(const void *a, const void *b)
{
	const struct written *x = a, *y = b;
	uint32_t least = x->length < y->length ? x->length : y->length;
	int order = memcmp(x->bytes, y->bytes, least);

	return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

static void write_all(struct world *w, struct writing *to)
{
	struct ninep_log *before = w->server.log;

	*to = (struct writing){ .log.put = write_put };
	turn_to(w);
	for (struct mem_inode *i = w->fs.first; i; i = i->next)
		i->atime = (struct mem_time){ 0, 0 }; /* reading is not told */
	w->server.log = &to->log;
	mem_copy_save(&w->server, &w->fs);
	w->server.log = before;
	qsort(to->record, to->count, sizeof(*to->record), compare);
}

static void same_state(struct world *a, struct world *b)
{
	struct writing x, y;

	write_all(a, &x);
	write_all(b, &y);
	assert_int_equal(x.count, y.count);
	for (size_t i = 0; i < x.count; i++) {
		assert_int_equal(x.record[i].length, y.record[i].length);
		assert_memory_equal(x.record[i].bytes, y.record[i].bytes, x.record[i].length);
		free(x.record[i].bytes);
		free(y.record[i].bytes);
	}
	free(x.record);
	free(y.record);
}

/* --- requests by chance ------------------------------------------------------------------------------------------ */

static char contents[BYTES];
static uint64_t tokens[8][2][2]; /* as each of the two servers gave them */
static unsigned token_turn;

static const char *const names[] = { "a", "b", "c", "dd", "e" };

static struct ninep_text name_draw(void) { return ninep_text(names[below(5)]); }

static uint64_t offset_draw(void) { return below(3) ? below(20000) : below(2) ? NINEP_HERE : below(3) * 4096; }

static void walk_draw(struct ninep_names *to)
{
	to->count = (uint16_t)below(3);
	for (unsigned i = 0; i < to->count; i++)
		to->name[i] = below(6) ? name_draw() : ninep_text("..");
}

static void draw_change(struct ninep_message *m, unsigned which)
{
	switch (which) {
	case 0:
		m->type = NINEP_TLCREATE;
		m->tlcreate.fid = below(FIDS);
		m->tlcreate.name = name_draw();
		m->tlcreate.flags = NINEP_RDWR | (below(3) ? 0 : NINEP_APPEND);
		m->tlcreate.mode = 0666;
		break;
	case 1:
		m->type = NINEP_TMKDIR;
		m->tmkdir.fid = below(FIDS);
		m->tmkdir.name = name_draw();
		m->tmkdir.mode = 0755;
		break;
	case 2:
		m->type = NINEP_TSYMLINK;
		m->tsymlink.fid = below(FIDS);
		m->tsymlink.name = name_draw();
		m->tsymlink.target = ninep_text("there");
		break;
	case 3:
		m->type = NINEP_TLINK;
		m->tlink.dirfid = below(FIDS);
		m->tlink.fid = below(FIDS);
		m->tlink.name = name_draw();
		break;
	case 4:
	case 5:
		m->type = NINEP_TUNLINKAT;
		m->tunlinkat.fid = below(FIDS);
		m->tunlinkat.name = name_draw();
		m->tunlinkat.flags = below(3) ? 0 : 0x200;
		break;
	case 6:
		m->type = NINEP_TRENAMEAT;
		m->trenameat.fid = below(FIDS);
		m->trenameat.name = name_draw();
		m->trenameat.newdirfid = below(FIDS);
		m->trenameat.newname = name_draw();
		break;
	default:
		m->type = NINEP_TSETATTR;
		m->tsetattr.fid = below(FIDS);
		m->tsetattr.valid = below(2) ? NINEP_SET_SIZE : NINEP_SET_MODE | NINEP_SET_MTIME;
		m->tsetattr.mode = 0600 | below(0200);
		m->tsetattr.size = below(40000);
	}
}

/* One that the request does not name otherwise: then it makes no difference whether it has gone before. */
static uint32_t drop_draw(uint32_t fid, uint32_t newfid)
{
	uint32_t drop = below(FIDS);

	return drop == fid || drop == newfid || below(2) ? NINEP_NO_FID : drop;
}

static void draw_fid(struct ninep_message *m, unsigned which)
{
	switch (which) {
	case 0:
	case 1:
		m->type = NINEP_TWALK;
		m->twalk.fid = below(FIDS);
		m->twalk.newfid = below(FIDS);
		walk_draw(&m->twalk.names);
		break;
	case 2:
		m->type = NINEP_TLOPEN;
		m->tlopen.fid = below(FIDS);
		m->tlopen.flags = below(3) | (below(4) ? 0 : NINEP_APPEND) | (below(8) ? 0 : NINEP_TRUNC);
		break;
	case 3:
		m->type = NINEP_TWALKOPEN;
		m->twalkopen.fid = below(FIDS);
		m->twalkopen.newfid = below(FIDS);
		m->twalkopen.flags = NINEP_RDWR;
		m->twalkopen.drop = drop_draw(m->twalkopen.fid, m->twalkopen.newfid);
		walk_draw(&m->twalkopen.names);
		break;
	case 4:
		m->type = NINEP_TCLUNK;
		m->tclunk.fid = below(FIDS);
		break;
	case 5:
		m->type = NINEP_TWALKATTR;
		m->twalkattr.fid = below(FIDS);
		m->twalkattr.drop = drop_draw(m->twalkattr.fid, NINEP_NO_FID);
		walk_draw(&m->twalkattr.names);
		break;
	case 6:
		m->type = NINEP_TPASS;
		m->tpass.fid = below(FIDS);
		m->tpass.offset = below(100);
		break;
	case 7:
		m->type = NINEP_TTAKE;
		m->ttake.newfid = below(FIDS);
		break;
	case 8:
		m->type = NINEP_TSEEK;
		m->tseek.fid = below(FIDS);
		m->tseek.offset = below(5000);
		m->tseek.whence = below(3);
		break;
	case 9:
		m->type = NINEP_TFLAGS;
		m->tflags.fid = below(FIDS);
		m->tflags.flags = below(2) ? NINEP_APPEND : 0;
		break;
	default:
		m->type = NINEP_TATTACH;
		m->tattach.fid = below(FIDS);
		m->tattach.uname = m->tattach.aname = ninep_text("");
	}
}

static void draw_bytes(struct ninep_message *m, unsigned which)
{
	switch (which) {
	case 0:
	case 1:
	case 2:
		m->type = NINEP_TWRITE;
		m->twrite.fid = below(FIDS);
		m->twrite.offset = offset_draw();
		m->twrite.data = (struct ninep_bytes){ contents + below(500), below(2) ? below(40) : below(8000) };
		break;
	case 3:
	case 4:
		m->type = NINEP_TREAD;
		m->tread.fid = below(FIDS);
		m->tread.offset = offset_draw();
		m->tread.count = below(9000);
		break;
	case 5:
		m->type = NINEP_TREADDIR;
		m->treaddir.fid = below(FIDS);
		m->treaddir.offset = below(4);
		m->treaddir.count = 4000;
		break;
	case 6:
		m->type = NINEP_TLOCK;
		m->tlock.fid = below(FIDS);
		m->tlock.type = (uint8_t)below(3);
		m->tlock.start = below(50);
		m->tlock.length = below(50);
		m->tlock.proc_id = below(2);
		m->tlock.client_id = ninep_text("");
		break;
	default:
		m->type = NINEP_TGETATTR;
		m->tgetattr.fid = below(FIDS);
		m->tgetattr.mask = 0x7ff;
	}
}

static void draw(struct ninep_message *m)
{
	unsigned kind = below(10);

	memset(m, 0, sizeof(*m));
	if (kind < 3)
		draw_change(m, below(8));
	else if (kind < 7)
		draw_fid(m, below(11));
	else
		draw_bytes(m, below(8));
}

/* --- asking -------------------------------------------------------------------------------------------- */

static void ask(struct world *w, unsigned client, const struct ninep_message *m)
{
	struct client *c = &w->client[client];

	turn_to(w);
	c->answers = 0;
	c->length = ninep_encode(m, NINEP_LINUX, false, c->asked, sizeof(c->asked));
	assert_true(c->length > 0);
	assert_int_equal(ninep_connection_serve(&c->n), ERR_OK);
	assert_int_equal(c->answers, m->type != NINEP_TDROP);
	assert_false(w->refused);
}

static void session_begin(struct world *w, unsigned client)
{
	struct ninep_message m = { .type = NINEP_TSESSION, .tag = NINEP_NO_TAG };

	m.tsession.fids.at = "";
	ask(w, client, &m);
	assert_int_equal(w->client[client].answer[4], NINEP_RSESSION);
}

/* The client's at the heir: all fids, but the one that it has dropped. */
static void session_resume(struct world *w, unsigned client, const uint64_t secret[2], uint32_t dropped)
{
	struct ninep_message m = { .type = NINEP_TSESSION, .tag = NINEP_NO_TAG };
	uint8_t bits[2] = { 0xff, 0xff };

	if (dropped < FIDS)
		bits[dropped / 8] &= (uint8_t) ~(1u << dropped % 8);
	m.tsession.high = secret[0];
	m.tsession.low = secret[1];
	m.tsession.fids = (struct ninep_bytes){ bits, sizeof(bits) };
	client_begin(w, &w->client[client]);
	ask(w, client, &m);
	assert_int_equal(w->client[client].answer[4], NINEP_RSESSION);
}

/* The server is no more; its mirror is what there is. */
static struct world *die(struct world *w, uint64_t secret[CLIENTS][2])
{
	struct world *heir = w->mirror;

	for (unsigned i = 0; i < CLIENTS; i++)
		memcpy(secret[i], w->client[i].n.secret, sizeof(secret[i]));
	world_end(w);
	assert_int_equal(heir->copy.quota, QUOTA);
	heir->fs.quota = QUOTA;
	turn_to(heir);
	ninep_shadows_end(&heir->server, 0);
	return heir;
}

/* An answer of the reference server's and the other's are the same but for tokens, and when a file was read. */
static void same_answer(struct client *a, struct client *b)
{
	uint32_t atime = a->answer[4] == NINEP_RGETATTR ? 80 : a->answer[4] == NINEP_RWALKATTR ? 64 : 0;

	if (atime) {
		memset(a->answer + atime, 0, 8);
		memset(b->answer + atime, 0, 8);
	}
	assert_int_equal(a->answered, b->answered);
	if (a->answer[4] == NINEP_RPASS) {
		memcpy(tokens[token_turn % 8][0], a->answer + NINEP_HEADER, 16);
		memcpy(tokens[token_turn % 8][1], b->answer + NINEP_HEADER, 16);
		token_turn++;
		assert_memory_equal(a->answer, b->answer, NINEP_HEADER);
		return;
	}
	assert_memory_equal(a->answer, b->answer, a->answered);
}

static void worlds_begin(struct world **reference, struct world **w)
{
	*reference = world_new();
	*w = world_new();
	token_turn = 0;
	memset(tokens, 0, sizeof(tokens));
	step = 1;
	for (unsigned i = 0; i < CLIENTS; i++) {
		turn_to(*reference);
		client_begin(*reference, &(*reference)->client[i]);
		client_begin(*w, &(*w)->client[i]);
		session_begin(*reference, i);
		session_begin(*w, i);
	}
}

struct turns {
	uint16_t of[CLIENTS][2]; /* of two tags each */
};

static uint16_t tag_draw(struct turns *t, unsigned client)
{
	unsigned slot = below(2);
	uint16_t turn = t->of[client][slot];

	t->of[client][slot] = turn == 1022 ? 0 : turn + 1;
	return (uint16_t)(slot | turn << NINEP_SLOT_BITS);
}

static void drop(struct world *w, unsigned client, uint32_t fid)
{
	struct ninep_message m = { .type = NINEP_TDROP, .tag = NINEP_NO_TAG };

	m.tdrop.fid = fid;
	ask(w, client, &m);
}

static void drop_both(struct world *reference, struct world *w)
{
	unsigned client = below(CLIENTS), fid = below(FIDS);

	drop(reference, client, fid);
	drop(w, client, fid);
}

/* Clients do not make a fid that they have. */
static bool is_made(struct world *w, unsigned client, const struct ninep_message *m)
{
	uint32_t fid = m->type == NINEP_TWALK && m->twalk.newfid != m->twalk.fid ? m->twalk.newfid
		       : m->type == NINEP_TWALKOPEN                              ? m->twalkopen.newfid
		       : m->type == NINEP_TTAKE                                  ? m->ttake.newfid
		       : m->type == NINEP_TATTACH                                ? m->tattach.fid
										 : NINEP_NO_FID;

	return fid != NINEP_NO_FID && ninep_fid_find(&w->client[client].n, fid);
}

/* One request to both; `chance` of a hundred times the server dies before it has answered. */
static struct world *one_step(struct world *reference, struct world *w, struct turns *t, unsigned chance)
{
	unsigned client = below(CLIENTS), token = below(8);
	uint64_t secret[CLIENTS][2];
	struct ninep_message m;
	bool dies = w->mirror && below(1000) < chance, was_served = below(2), lost;

	step++;
	draw(&m);
	lost = dies && !was_served && m.type == NINEP_TWALK && m.twalk.newfid != m.twalk.fid;
	if (is_made(reference, client, &m) && !lost)
		return w;
	m.tag = tag_draw(t, client);
	/* The fid that it makes had just been dropped, and that has not arrived. */
	if (lost)
		drop(reference, client, m.twalk.newfid);
	if (m.type == NINEP_TTAKE) {
		m.ttake.high = tokens[token][0][0];
		m.ttake.low = tokens[token][0][1];
	}
	ask(reference, client, &m);
	if (m.type == NINEP_TTAKE) {
		m.ttake.high = tokens[token][1][0];
		m.ttake.low = tokens[token][1][1];
	}
	if (!dies || was_served)
		ask(w, client, &m);
	if (dies) {
		w = die(w, secret);
		for (unsigned i = 0; i < CLIENTS; i++)
			session_resume(w, i, secret[i], NINEP_NO_FID);
		if (below(2))
			mirror_begin(w); /* before it is asked again: that has its place in the log, too */
		ask(w, client, &m);
	}
	same_answer(&reference->client[client], &w->client[client]);
	return w;
}

static void run(uint64_t seed, unsigned chance)
{
	struct world *reference, *w;
	struct turns t = { 0 };
	unsigned deaths = 0;

	random_state = seed * 88172645463325252 + 1;
	worlds_begin(&reference, &w);
	for (unsigned i = 0; i < STEPS; i++) {
		struct world *before = w;

		if (!w->mirror && !below(20))
			mirror_begin(w);
		if (below(200) == 0 && w->mirror) { /* the mirror dies */
			w->server.log = NULL;
			world_end(w->mirror);
			w->mirror = NULL;
			turn_to(w);
		}
		if (below(20))
			w = one_step(reference, w, &t, chance);
		else
			drop_both(reference, w);
		deaths += w != before;
		if (i % 1000 == 0) {
			same_state(reference, w);
			if (w->mirror)
				same_state(w, w->mirror);
		}
	}
	assert_true(!chance || deaths > STEPS * chance / 4000);
	if (w->mirror)
		world_end(w->mirror);
	world_end(w);
	world_end(reference);
}

static void mirror_is_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run(seed, 0);
}

static void heirs_go_on(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		run(seed, 30);
}

/* --- files that are mapped ----------------------------------------------------------------------------------- */

#define FRAME 65536
#define END (2 * FRAME - 100) /* of the file */

static void ask_well(struct world *w, struct ninep_message *m, struct ninep_message *answer)
{
	struct client *c = &w->client[0];

	m->tag = NINEP_NO_TAG;
	ask(w, 0, m);
	assert_int_equal(ninep_decode(answer, NINEP_LINUX, c->answer, c->answered, NULL), ERR_OK);
	assert_int_equal(answer->type, m->type + 1);
}

/* The file's memory, as the ticket says here. */
static char *map(struct world *w, uint32_t fid, uint64_t offset)
{
	struct ninep_message m = { .type = NINEP_TMAP }, answer;

	m.tmap.fid = fid;
	m.tmap.offset = offset;
	m.tmap.how = NINEP_MAP_READ | NINEP_MAP_WRITE;
	ask_well(w, &m, &answer);
	assert_int_equal(answer.rmap.size, END);
	return (char *)(uintptr_t)answer.rmap.ticket;
}

static void file_open(struct world *w, uint32_t fid, bool makes)
{
	struct ninep_message m = { .type = NINEP_TWALK }, answer;

	m.twalk.newfid = fid;
	m.twalk.names.count = !makes;
	m.twalk.names.name[0] = ninep_text("mapped");
	ask_well(w, &m, &answer);
	m = (struct ninep_message){ .type = makes ? NINEP_TLCREATE : NINEP_TLOPEN };
	if (makes) {
		m.tlcreate.fid = fid;
		m.tlcreate.name = ninep_text("mapped");
		m.tlcreate.flags = NINEP_RDWR;
		m.tlcreate.mode = 0600;
	} else {
		m.tlopen.fid = fid;
		m.tlopen.flags = NINEP_RDWR;
	}
	ask_well(w, &m, &answer);
}

static void size_set(struct world *w, uint32_t fid, uint64_t size)
{
	struct ninep_message m = { .type = NINEP_TSETATTR }, answer;

	m.tsetattr.fid = fid;
	m.tsetattr.valid = NINEP_SET_SIZE;
	m.tsetattr.size = size;
	ask_well(w, &m, &answer);
}

static bool is_there(struct world *w, uint32_t fid, uint64_t offset, const char *text)
{
	struct ninep_message m = { .type = NINEP_TREAD }, answer;

	m.tread.fid = fid;
	m.tread.offset = offset;
	m.tread.count = (uint32_t)strlen(text);
	ask_well(w, &m, &answer);
	return answer.rread.data.length == m.tread.count && !memcmp(answer.rread.data.at, text, m.tread.count);
}

static void settle(struct world *w, uint32_t fid, uint64_t offset, uint64_t count)
{
	struct ninep_message m = { .type = NINEP_TSETTLE }, answer;

	m.tsettle.fid = fid;
	m.tsettle.offset = offset;
	m.tsettle.count = count;
	ask_well(w, &m, &answer);
}

static struct world *dies(struct world *w)
{
	uint64_t secret[CLIENTS][2];

	w = die(w, secret);
	session_resume(w, 0, secret[0], NINEP_NO_FID);
	return w;
}

/* Those that were settled, by a request or since the fid was closed; of what lies behind the end nothing is there. */
static void stores_outlive_the_server(void **state)
{
	struct ninep_message m = { .type = NINEP_TATTACH }, answer;
	struct world *w = world_new();

	(void)state;
	step = 1;
	client_begin(w, &w->client[0]);
	session_begin(w, 0);
	m.tattach.uname = m.tattach.aname = ninep_text("");
	ask_well(w, &m, &answer);
	file_open(w, 1, true);
	size_set(w, 1, END);
	mirror_begin(w);
	strcpy(map(w, 1, 10) + 5000, "first");
	strcpy(map(w, 1, FRAME) + FRAME - 105, "secon");
	settle(w, 1, 0, UINT64_MAX);
	same_state(w, w->mirror);
	map(w, 1, FRAME)[FRAME - 100] = 'd'; /* not in the file */
	settle(w, 1, FRAME, FRAME);
	strcpy(map(w, 1, 10) + 9000, "not settled");
	settle(w, 1, 0, 5000);
	w = dies(w);
	assert_true(is_there(w, 1, 5000, "first") && is_there(w, 1, 2 * FRAME - 105, "secon"));
	assert_false(is_there(w, 1, 9000, "not settled"));
	mirror_begin(w);
	strcpy(map(w, 1, FRAME), "third");
	m = (struct ninep_message){ .type = NINEP_TCLUNK };
	m.tclunk.fid = 1;
	ask_well(w, &m, &answer);
	same_state(w, w->mirror);
	w = dies(w);
	file_open(w, 2, false);
	assert_true(is_there(w, 2, 5000, "first") && is_there(w, 2, FRAME, "third"));
	size_set(w, 2, END + 10);
	assert_true(is_there(w, 2, END - 5, "secon"));
	assert_false(is_there(w, 2, END - 5, "second"));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_outlive_the_server),
		cmocka_unit_test(mirror_is_the_same),
		cmocka_unit_test(heirs_go_on),
	};

	for (unsigned i = 0; i < BYTES; i++)
		contents[i] = (char)(i * 7 + i / 256);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
