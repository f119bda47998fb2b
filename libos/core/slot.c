/*
 * Capability slots: a bitmap for each second-level cnode.
 *
 * Bits change in disabled mode, for a few instructions.  A new cnode is made, in
 * enabled mode and under a mutex, while some slots are still left: making it may
 * itself need some.
 */
#include "libos/core/slot.h"

#include "libos/core/arrival.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/local.h"
#include "libos/core/monitor_proto.h"
#include "libos/core/ram.h"
#include "libos/core/stay.h"
#include "libos/thread/control.h"

#define L2_SLOTS 256
#define WORDS (L2_SLOTS / 64)
#define CNODES_MAX 256 /* 65,536 slots */
#define SLOTS_LOW 16   /* make another cnode when fewer than this are free */

static CORE_LOCAL struct {
	uint64_t free[WORDS]; /* a set bit: slot is free */
	uint32_t count;
	uint32_t l1; /* which slot of the root holds the cnode */
} cnodes[CNODES_MAX];
static CORE_LOCAL unsigned cnode_count;
static CORE_LOCAL uint32_t l1_next, l1_end;
static CORE_LOCAL uint64_t free_total;
static CORE_LOCAL struct mutex grow_lock;

static void cnode_add(uint32_t l1, unsigned first)
{
	unsigned n = cnode_count++;

	cnodes[n].l1 = l1;
	cnodes[n].count = L2_SLOTS - first;
	for (unsigned w = 0; w < WORDS; w++)
		cnodes[n].free[w] = first >= 64 * (w + 1) ? 0 : ~UINT64_C(0) << (first > 64 * w ? first - 64 * w : 0);
	free_total += cnodes[n].count;
}

void slot_init(cptr_t first)
{
	struct cap_info root;

	l1_next = l1_end = L1_FREE;
	if (!cap_identify(TASK_ROOT_CNODE, &root))
		l1_end = UINT32_C(1) << (root.bits - CAP_SLOT_BITS);
	/* The last slots of a process's root are its monitor's, for the peers, and for what its parent shares. */
	if (l1_end == MON_PEERS_L1 + 1)
		l1_end = MON_HEIR_L1;
	cnode_add(L1_TASK, (unsigned)first);
}

/* The first free slot of a cnode, which has one. */
static unsigned cnode_take(unsigned n)
{
	unsigned w = 0, bit;

	while (!cnodes[n].free[w])
		w++;
	bit = (unsigned)__builtin_ctzll(cnodes[n].free[w]);
	cnodes[n].free[w] &= cnodes[n].free[w] - 1;
	cnodes[n].count--;
	free_total--;
	return w * 64 + bit;
}

static bool slot_take(cptr_t *out)
{
	static CORE_LOCAL unsigned hint;

	for (unsigned i = 0; i < cnode_count; i++) {
		if (hint >= cnode_count)
			hint = 0;
		if (cnodes[hint].count) {
			*out = CPTR(cnodes[hint].l1, cnode_take(hint));
			return true;
		}
		hint++;
	}
	return false;
}

static bool slot_is_free(unsigned n, unsigned i) { return cnodes[n].free[i / 64] >> i % 64 & 1; }

static bool run_take_in(unsigned n, unsigned count, cptr_t *out)
{
	unsigned length = 0;

	for (unsigned i = 0; i < L2_SLOTS; i++) {
		length = slot_is_free(n, i) ? length + 1 : 0;
		if (length < count)
			continue;
		for (unsigned j = i + 1 - count; j <= i; j++)
			cnodes[n].free[j / 64] &= ~(UINT64_C(1) << j % 64);
		cnodes[n].count -= count;
		free_total -= count;
		*out = CPTR(cnodes[n].l1, i + 1 - count);
		return true;
	}
	return false;
}

static bool run_take(unsigned count, cptr_t *out)
{
	for (unsigned n = 0; n < cnode_count; n++)
		if (cnodes[n].count >= count && run_take_in(n, count, out))
			return true;
	return false;
}

static err_t cnode_make(void)
{
	err_t err;

	if (l1_next == l1_end || cnode_count == CNODES_MAX)
		return ERR_NO_SLOTS;
	err = ram_object_at(CAP_CNODE, CAP_L2CNODE_BITS, CPTR_L1(l1_next));
	if (err)
		return err;
	dispatcher_disable();
	cnode_add(l1_next++, 0);
	dispatcher_enable();
	return 0;
}

/*
 * Another cnode, unless one is being made: by another thread, or by ourselves, who
 * are called from there. Never waits, since memory's mutex may be held.
 */
static void grow(void)
{
	core_stay();
	if (mutex_try(&grow_lock)) {
		cnode_make();
		mutex_unlock(&grow_lock);
	}
	core_go();
}

uint64_t slots_left(void)
{
	uint64_t cnodes_left = l1_end - l1_next;

	if (cnodes_left > CNODES_MAX - cnode_count)
		cnodes_left = CNODES_MAX - cnode_count;
	return free_total + cnodes_left * L2_SLOTS;
}

void slots_settle(void)
{
	core_stay();
	mutex_lock(&grow_lock);
	mutex_unlock(&grow_lock);
	core_go();
}

err_t slot_alloc(cptr_t *out)
{
	bool taken;

	if (free_total < SLOTS_LOW)
		grow();
	dispatcher_disable();
	taken = slot_take(out);
	dispatcher_enable();
	return taken ? 0 : ERR_NO_SLOTS;
}

err_t slot_alloc_run(unsigned count, cptr_t *out)
{
	bool taken = false;
	err_t err = 0;

	if (count == 0 || count > L2_SLOTS)
		return ERR_ARGUMENT;
	core_stay();
	for (unsigned tries = 0; tries < 2 && !err; tries++) {
		dispatcher_disable();
		taken = run_take(count, out);
		dispatcher_enable();
		if (taken)
			break;
		mutex_lock(&grow_lock);
		err = cnode_make();
		mutex_unlock(&grow_lock);
	}
	core_go();
	return taken ? 0 : err ? err : ERR_NO_SLOTS;
}

static void slot_give(uint32_t l1, unsigned i)
{
	for (unsigned n = 0; n < cnode_count; n++) {
		if (cnodes[n].l1 != l1)
			continue;
		if (!slot_is_free(n, i)) {
			cnodes[n].free[i / 64] |= UINT64_C(1) << i % 64;
			cnodes[n].count++;
			free_total++;
		}
		return;
	}
}

void slot_free(cptr_t slot)
{
	dispatcher_disable();
	slot_give((uint32_t)slot >> 8, slot & (L2_SLOTS - 1));
	dispatcher_enable();
}

err_t slot_delete(cptr_t slot)
{
	err_t err = cap_delete(slot);

	if (!err)
		slot_free(slot);
	return err;
}
