/*
 * The derivation tree.  Knuth, The Art of Computer Programming volume 3, 6.2.3,
 * with parent links, so that insertion and removal climb only as far as heights change.
 */
#include "mdb.h"

struct cap *mdb_root[SPACES];

#define MEMORY_BITS_MAX 51

const struct cap_kind cap_kind[CAP_TYPES] = {
	[CAP_RAM] = { SPACE_MEMORY, CAP_RAM_BITS_MIN, MEMORY_BITS_MAX, false,
		      1 << CAP_RAM | 1 << CAP_FRAME | 1 << CAP_CNODE | 1 << CAP_PTABLE1 | 1 << CAP_PTABLE2 |
			      1 << CAP_PTABLE3 | 1 << CAP_PTABLE4 | 1 << CAP_DISPATCHER | 1 << CAP_NOTIFICATION },
	[CAP_FRAME] = { SPACE_MEMORY, CAP_FRAME_BITS_MIN, MEMORY_BITS_MAX, true, 0 },
	[CAP_DEVFRAME] = { SPACE_MEMORY, CAP_FRAME_BITS_MIN, MEMORY_BITS_MAX, false, 1 << CAP_DEVFRAME },
	[CAP_CNODE] = { SPACE_MEMORY, CAP_CNODE_BITS_MIN, CAP_CNODE_BITS_MAX, true, 0 },
	[CAP_PTABLE1] = { SPACE_MEMORY, CAP_PTABLE_BITS, CAP_PTABLE_BITS, true, 0 },
	[CAP_PTABLE2] = { SPACE_MEMORY, CAP_PTABLE_BITS, CAP_PTABLE_BITS, true, 0 },
	[CAP_PTABLE3] = { SPACE_MEMORY, CAP_PTABLE_BITS, CAP_PTABLE_BITS, true, 0 },
	[CAP_PTABLE4] = { SPACE_MEMORY, CAP_PTABLE_BITS, CAP_PTABLE_BITS, true, 0 },
	[CAP_DISPATCHER] = { SPACE_MEMORY, CAP_DISPATCHER_BITS, CAP_DISPATCHER_BITS, true, 1 << CAP_ENDPOINT },
	[CAP_ENDPOINT] = { SPACE_MEMORY, CAP_ENDPOINT_BITS, CAP_ENDPOINT_BITS, false, 0 },
	[CAP_NOTIFICATION] = { SPACE_MEMORY, CAP_NOTIFICATION_BITS, CAP_NOTIFICATION_BITS, true, 0 },
	[CAP_IRQ] = { SPACE_IRQ, 0, 24, false, 1 << CAP_IRQ },
	[CAP_IOPORT] = { SPACE_IOPORT, 0, 16, false, 1 << CAP_IOPORT },
	[CAP_KERNEL] = { SPACE_KERNEL, 0, 10, false, 1 << CAP_KERNEL },
	[CAP_CHANNEL] = { SPACE_CHANNEL, 0, 10, false, 1 << CAP_CHANNEL },
};

const uint8_t cap_space_bits[SPACES] = {
	[SPACE_MEMORY] = 52, [SPACE_IRQ] = 24, [SPACE_IOPORT] = 16, [SPACE_KERNEL] = 10, [SPACE_CHANNEL] = 10,
};

static unsigned heavy(unsigned side) { return CAP_FLAG_HEAVY_LEFT << side; }

static struct cap **root_of(const struct cap *c) { return &mdb_root[cap_kind[c->type].space]; }

/* Where the tree points to c. */
static struct cap **link_to(const struct cap *c, struct cap *parent)
{
	return parent ? &parent->child[parent->child[1] == c] : root_of(c);
}

struct mdb_place mdb_seek(enum cap_space space, uint64_t base, unsigned bits, unsigned type)
{
	struct mdb_place p = { 0 };
	struct cap *n = mdb_root[space];

	while (n) {
		if (base > n->base || (base == n->base && (bits < n->bits || (bits == n->bits && type >= n->type)))) {
			p.before = n;
			n = n->child[1];
		} else {
			p.after = n;
			n = n->child[0];
		}
	}
	return p;
}

struct cap *mdb_find(uint64_t base, unsigned bits, unsigned type)
{
	struct cap *n = mdb_seek(cap_kind[type].space, base, bits, type).before;

	return n && n->base == base && n->bits == bits && n->type == type ? n : NULL;
}

static struct cap *end_of(struct cap *c, unsigned side)
{
	while (c && c->child[side])
		c = c->child[side];
	return c;
}

struct cap *mdb_first(enum cap_space space) { return end_of(mdb_root[space], 0); }

struct cap *mdb_next(const struct cap *c)
{
	if (c->child[1])
		return end_of(c->child[1], 0);
	while (c->parent && c->parent->child[1] == c)
		c = c->parent;
	return c->parent;
}

struct cap *mdb_descendant(const struct cap *c)
{
	struct cap *n = mdb_next(c);

	return n && mdb_contains(c, n->base) ? n : NULL;
}

/*
 * The neighbour before either contains the block or shares some of the upper bits
 * of its base; a container of both starts where those bits end, so it is looked
 * for there.  Each turn shares fewer bits, so there are at most as many as bits.
 */
struct cap *mdb_container(enum cap_space space, const struct mdb_place *p, uint64_t base, unsigned bits)
{
	struct cap *c = p->before;

	while (c && !mdb_contains(c, base)) {
		bits = 64 - (unsigned)__builtin_clzll(c->base ^ base);
		base &= -SIZE_OF_BITS(bits);
		c = mdb_seek(space, base, bits, CAP_TYPES).before;
	}
	return c;
}

/* The child of p on `side`, where the tree is higher, comes up; p goes down on the other side. */
static void turn(struct cap *p, unsigned side)
{
	struct cap *c = p->child[side], *inner;

	if (!c)
		__builtin_unreachable();
	inner = c->child[!side];
	*link_to(p, p->parent) = c;
	c->parent = p->parent;
	p->parent = c;
	p->child[side] = inner;
	if (inner)
		inner->parent = p;
	c->child[!side] = p;
}

static void set_heavy(struct cap *c, unsigned flag) { c->flags = (uint8_t)((c->flags & ~CAP_FLAGS_HEAVY) | flag); }

/* p is two higher on `side`: turn it. False if the subtree is as high as before. */
static bool rebalance(struct cap *p, unsigned side)
{
	struct cap *c = p->child[side], *g = c->child[!side];

	if (c->flags & heavy(!side)) {
		turn(c, !side);
		turn(p, side);
		set_heavy(p, g->flags & heavy(side) ? heavy(!side) : 0);
		set_heavy(c, g->flags & heavy(!side) ? heavy(side) : 0);
		set_heavy(g, 0);
		return true;
	}
	turn(p, side);
	if (c->flags & CAP_FLAGS_HEAVY) {
		set_heavy(p, 0);
		set_heavy(c, 0);
		return true;
	}
	set_heavy(p, heavy(side));
	set_heavy(c, heavy(!side));
	return false;
}

/* The subtree c has become one higher. */
static void grown(struct cap *c)
{
	for (struct cap *p = c->parent; p; c = p, p = p->parent) {
		unsigned side = p->child[1] == c;

		if (p->flags & heavy(side)) {
			rebalance(p, side);
			return;
		}
		if (p->flags & CAP_FLAGS_HEAVY) {
			set_heavy(p, 0);
			return;
		}
		p->flags |= heavy(side);
	}
}

/* The subtree of p on `side` has become one lower. */
static void shrunk(struct cap *p, unsigned side)
{
	while (p) {
		struct cap *up = p->parent;
		unsigned up_side = up && up->child[1] == p;

		if (!(p->flags & CAP_FLAGS_HEAVY)) {
			p->flags |= heavy(!side);
			return;
		}
		if (p->flags & heavy(side))
			set_heavy(p, 0);
		else if (!rebalance(p, !side))
			return;
		p = up;
		side = up_side;
	}
}

void mdb_insert(struct cap *before, struct cap *c)
{
	struct cap **root = root_of(c), *p = before ? before->child[1] : *root;
	unsigned side = 0;

	if (!p) {
		p = before;
		side = 1;
	} else {
		p = end_of(p, 0);
	}
	c->child[0] = c->child[1] = c->copies = NULL;
	c->parent = p;
	if (!p) {
		*root = c;
		return;
	}
	p->child[side] = c;
	grown(c);
}

void mdb_replace(struct cap *c, const struct cap *old)
{
	*link_to(old, c->parent) = c;
	for (unsigned side = 0; side < 2; side++)
		if (c->child[side])
			c->child[side]->parent = c;
}

/* c has at most one child, which takes its place. */
static void remove_edge(struct cap *c)
{
	struct cap *p = c->parent, *child = c->child[0] ? c->child[0] : c->child[1];
	unsigned side = p && p->child[1] == c;

	*link_to(c, p) = child;
	if (child)
		child->parent = p;
	shrunk(p, side);
}

void mdb_remove(struct cap *c)
{
	struct cap *next;

	if (!c->child[0] || !c->child[1]) {
		remove_edge(c);
		return;
	}
	/* The next node has no left child: take it out, then let it stand in for c. */
	next = end_of(c->child[1], 0);
	remove_edge(next);
	set_heavy(next, c->flags & CAP_FLAGS_HEAVY);
	next->child[0] = c->child[0];
	next->child[1] = c->child[1];
	next->parent = c->parent;
	mdb_replace(next, c);
}
