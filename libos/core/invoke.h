/*
 * Invocations of capabilities, one function an operation.
 *
 * Each is one system call and returns 0 or a code of abi/error.h; results go
 * through pointers and are written only on success.  kernel/abi/syscall.h
 * defines the operations, docs/capabilities.md their rules.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "kernel/abi/dispatcher.h"
#include "kernel/abi/error.h"
#include "libos/core/syscall.h"

struct cap_info {
	uint8_t type, rights, bits, flags;
	uint64_t base; /* physical address, first port, interrupt or core */
	uint64_t badge;
};

static inline err_t invoke_simple(cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return sys_invoke(cap, op, a0, a1, a2, a3).err;
}

/* --- any capability --------------------------------------------------- */

static inline err_t cap_identify(cptr_t cap, struct cap_info *out)
{
	struct sys_result r = sys_invoke(cap, CAP_OP_IDENTIFY, 0, 0, 0, 0);

	if (r.err)
		return r.err;
	*out = (struct cap_info){ .type = CAP_INFO_TYPE(r.v0),
				  .rights = CAP_INFO_RIGHTS(r.v0),
				  .bits = CAP_INFO_BITS(r.v0),
				  .flags = CAP_INFO_FLAGS(r.v0),
				  .base = r.v1,
				  .badge = r.v2 };
	return 0;
}

/* A second capability to the same object, with the same rights. */
static inline err_t cap_copy(cptr_t src, cptr_t dst)
{
	return invoke_simple(src, INVOKE(CAP_OP_COPY, RIGHT_ALL), dst, 0, 0, 0);
}

/* ... with the rights in `rights` only, and `badge` (endpoints). */
static inline err_t cap_mint(cptr_t src, cptr_t dst, unsigned rights, uint64_t badge)
{
	return invoke_simple(src, INVOKE(CAP_OP_COPY, rights) | INVOKE_COPY_BADGE, dst, badge, 0, 0);
}

/* ... with the rights in `rights` only; the badge stays. */
static inline err_t cap_restrict(cptr_t src, cptr_t dst, unsigned rights)
{
	return invoke_simple(src, INVOKE(CAP_OP_COPY, rights), dst, 0, 0, 0);
}

static inline err_t cap_delete(cptr_t cap) { return invoke_simple(cap, CAP_OP_DELETE, 0, 0, 0, 0); }
static inline err_t cap_revoke(cptr_t cap) { return invoke_simple(cap, CAP_OP_REVOKE, 0, 0, 0, 0); }

/* Makes `count` objects out of src from byte `offset` on, into the slots dst, dst + 1, ... */
static inline err_t cap_retype(cptr_t src, uint64_t offset, unsigned type, unsigned bits, unsigned count, cptr_t dst)
{
	return invoke_simple(src, INVOKE_RETYPE(type, bits, count), offset, dst, 0, 0);
}

/* --- memory ----------------------------------------------------------- */

/* Maps `count` pages of the frame from page `first` on into the table's entries from `index` on. */
static inline err_t frame_map(cptr_t frame, cptr_t ptable, unsigned index, unsigned count, unsigned first,
			      unsigned flags)
{
	return invoke_simple(frame, INVOKE(CAP_OP_MAP, flags), ptable, MAP_ARGS(index, count, first), 0, 0);
}

static inline err_t frame_unmap(cptr_t frame) { return invoke_simple(frame, CAP_OP_UNMAP, 0, 0, 0, 0); }

/* Changes the access of `count` pages from page `first` of the mapping on. */
static inline err_t frame_protect(cptr_t frame, unsigned first, unsigned count, unsigned flags)
{
	return invoke_simple(frame, INVOKE(CAP_OP_PROTECT, flags), 0, (uint64_t)first | (uint64_t)count << 16, 0, 0);
}

static inline err_t ptable_map(cptr_t child, cptr_t parent, unsigned index)
{
	return invoke_simple(child, CAP_OP_MAP, parent, MAP_ARGS(index, 1, 0), 0, 0);
}

static inline err_t ptable_unmap(cptr_t child) { return invoke_simple(child, CAP_OP_UNMAP, 0, 0, 0, 0); }

/* --- dispatchers -------------------------------------------------------- */

struct disp_state {
	unsigned state, vector; /* enum dispatcher_state; of the fault that stopped it */
	unsigned area;          /* enum save_area: where it goes on */
	uint64_t error, rip, address;
	cycles_t cycles;
};

static inline err_t disp_setup(cptr_t disp, cptr_t cspace, cptr_t vspace, cptr_t frame, vaddr_t frame_va)
{
	return invoke_simple(disp, CAP_OP_DISP_SETUP, cspace, vspace, frame, frame_va);
}

static inline err_t disp_run(cptr_t disp) { return invoke_simple(disp, CAP_OP_DISP_RUN, 0, 0, 0, 0); }
/* Likewise; breakpoints and single steps stop it, as faults do that it cannot take itself. */
static inline err_t disp_run_debugged(cptr_t disp)
{
	return invoke_simple(disp, INVOKE(CAP_OP_DISP_RUN, 1), 0, 0, 0, 0);
}
static inline err_t disp_stop(cptr_t disp) { return invoke_simple(disp, CAP_OP_DISP_STOP, 0, 0, 0, 0); }
static inline err_t disp_watch(cptr_t disp, cptr_t ntfn)
{
	return invoke_simple(disp, CAP_OP_DISP_WATCH, ntfn, 0, 0, 0);
}

/* Of the caller's own dispatcher only: EVENT_TIMEOUT at `deadline`, even if it runs then; 0: none. */
static inline err_t disp_alarm(cptr_t disp, cycles_t deadline)
{
	return invoke_simple(disp, CAP_OP_DISP_ALARM, deadline, 0, 0, 0);
}

static inline err_t disp_inspect(cptr_t disp, struct disp_state *out)
{
	struct sys_result r = sys_invoke(disp, CAP_OP_DISP_INSPECT, 0, 0, 0, 0);

	if (r.err)
		return r.err;
	*out = (struct disp_state){ .state = (unsigned)(r.v0 & 0xff),
				    .vector = (unsigned)(r.v0 >> 8 & 0xff),
				    .area = (unsigned)(r.v0 >> 16 & 0xff),
				    .error = r.v0 >> 32,
				    .rip = r.v1,
				    .address = r.v2,
				    .cycles = r.v3 };
	return 0;
}

/* A bit for each of up to 64 pages from va on in its address space: it was written to since it was mapped. */
static inline err_t disp_written(cptr_t disp, vaddr_t va, unsigned pages, uint64_t *out)
{
	struct sys_result r = sys_invoke(disp, CAP_OP_DISP_WRITTEN, va, pages, 0, 0);

	*out = r.v0;
	return r.err;
}

/* --- messages and notifications ------------------------------------------- */

/* The ring of `messages` (a power of two) lies at `offset` in the dispatcher frame. */
static inline err_t ep_bind(cptr_t ep, uint64_t offset, unsigned messages, cptr_t receive_slot)
{
	return invoke_simple(ep, CAP_OP_EP_BIND, offset, messages, receive_slot, 0);
}

static inline err_t ntfn_bind(cptr_t ntfn, cptr_t disp, unsigned bit)
{
	return invoke_simple(ntfn, CAP_OP_NTFN_BIND, disp, bit, 0, 0);
}

static inline err_t ntfn_signal(cptr_t ntfn) { return invoke_simple(ntfn, CAP_OP_NTFN_SIGNAL, 0, 0, 0, 0); }

static inline err_t ntfn_export(cptr_t ntfn, uint64_t *number)
{
	struct sys_result r = sys_invoke(ntfn, CAP_OP_NTFN_EXPORT, 0, 0, 0, 0);

	if (!r.err)
		*number = r.v0;
	return r.err;
}

/* --- devices ---------------------------------------------------------------- */

static inline err_t irq_bind(cptr_t irqs, cptr_t ntfn, unsigned irq)
{
	return invoke_simple(irqs, CAP_OP_IRQ_BIND, ntfn, irq, 0, 0);
}

static inline err_t irq_ack(cptr_t irqs, unsigned irq) { return invoke_simple(irqs, CAP_OP_IRQ_ACK, 0, irq, 0, 0); }

static inline err_t io_in(cptr_t ports, unsigned port, unsigned bytes, uint32_t *value)
{
	struct sys_result r = sys_invoke(ports, INVOKE(CAP_OP_IO_IN, bytes), port, 0, 0, 0);

	if (!r.err)
		*value = (uint32_t)r.v0;
	return r.err;
}

static inline err_t io_out(cptr_t ports, unsigned port, unsigned bytes, uint32_t value)
{
	return invoke_simple(ports, INVOKE(CAP_OP_IO_OUT, bytes), port, value, 0, 0);
}

/* --- the CPU driver, for its monitor ------------------------------------------ */

static inline err_t kernel_start(cptr_t kernel, coreid_t core, cptr_t ram, cptr_t urpc_frame)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_START, core, ram, urpc_frame, 0);
}

/* A foreign capability out of another core's description of it. */
static inline err_t kernel_forge(cptr_t kernel, const struct cap_info *info, cptr_t dst)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_FORGE, CAP_INFO(info->type, info->rights, info->bits, info->flags),
			     info->base, info->badge, dst);
}

/* Says whether another core holds copies of the object. */
static inline err_t kernel_share(cptr_t kernel, cptr_t cap, bool remote)
{
	return invoke_simple(kernel, INVOKE(CAP_OP_KERNEL_SHARE, remote ? 1 : 0), cap, 0, 0, 0);
}

/* Writes up to 32 bytes to the CPU driver's log. */
static inline err_t kernel_log(cptr_t kernel, const char *text, size_t length)
{
	union {
		char text[32];
		uint64_t word[4];
	} u = { .word = { 0 } };

	if (length > sizeof(u.text))
		length = sizeof(u.text);
	for (size_t i = 0; i < length; i++)
		u.text[i] = text[i];
	return invoke_simple(kernel, INVOKE(CAP_OP_KERNEL_LOG, length), u.word[0], u.word[1], u.word[2], u.word[3]);
}

static inline err_t kernel_stat(cptr_t kernel, unsigned stat, uint64_t *value)
{
	struct sys_result r = sys_invoke(kernel, CAP_OP_KERNEL_STAT, stat, 0, 0, 0);

	if (!r.err)
		*value = r.v0;
	return r.err;
}

static inline err_t kernel_power(cptr_t kernel, unsigned how, unsigned code)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_POWER, how, code, 0, 0);
}

/* Where islands run: enum island_op. `value` may be NULL. */
static inline err_t kernel_island(cptr_t kernel, unsigned op, coreid_t core, uint64_t apic_id, uint64_t *value)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_ISLAND, op), core, apic_id, 0, 0);

	if (!r.err && value)
		*value = r.v0;
	return r.err;
}

/* --- what keeps capabilities one across cores: monitors only ------------------------ */

/* RAM or a frame that has no other capability and no descendant becomes another core's, or ours again. */
static inline err_t kernel_give(cptr_t kernel, cptr_t ram, bool away)
{
	return invoke_simple(kernel, INVOKE(CAP_OP_KERNEL_GIVE, away), ram, 0, 0, 0);
}

/* What is this core's own from now on; or one more capability, with any rights, to what is already. */
static inline err_t kernel_adopt(cptr_t kernel, const struct cap_info *info, cptr_t dst)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_ADOPT, CAP_INFO(info->type, info->rights, info->bits, 0), info->base,
			     info->badge, dst);
}

/*
 * The object after *at in its tree that begins below `end`, or the first that is shared; *at gets it, and type CAP_NULL
 * when there is none. `count` (or NULL) gets how many capabilities to it are here.
 */
static inline err_t kernel_next(cptr_t kernel, struct cap_info *at, bool shared_only, uint64_t end, unsigned *count)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_NEXT, shared_only),
					 CAP_INFO(at->type, 0, at->bits, 0), at->base, end, 0);

	if (r.err)
		return r.err;
	*at = (struct cap_info){ .type = CAP_INFO_TYPE(r.v0),
				 .rights = CAP_INFO_RIGHTS(r.v0),
				 .bits = CAP_INFO_BITS(r.v0),
				 .flags = CAP_INFO_FLAGS(r.v0),
				 .base = r.v1 };
	if (count)
		*count = (unsigned)r.v2;
	return 0;
}

/* Of kernel_revoke and kernel_delete: all cores have flushed since; none runs what the capabilities are mapped in. */
enum { KERNEL_FLUSHED = 1, KERNEL_STOPPED = 2 };

/* `unmapped` not 0: mappings were taken out of shared tables. Flush, call again with KERNEL_FLUSHED till it is 0. */
static inline err_t kernel_revoke(cptr_t kernel, cptr_t cap, unsigned flags, uint64_t *unmapped)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_REVOKE, flags), cap, 0, 0, 0);

	*unmapped = r.v0;
	return r.err;
}

/* ... if `cap` is to that object; else ERR_CAP_LOOKUP. */
static inline err_t kernel_revoke_of(cptr_t kernel, cptr_t cap, const struct cap_info *object, unsigned flags,
				     uint64_t *unmapped)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_REVOKE, flags), cap,
					 CAP_INFO(object->type, 0, object->bits, 0), object->base, 0);

	*unmapped = r.v0;
	return r.err;
}

static inline err_t kernel_delete(cptr_t kernel, cptr_t cap, unsigned flags, uint64_t *unmapped)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_DELETE, flags), cap, 0, 0, 0);

	*unmapped = r.v0;
	return r.err;
}

/*
 * Empties the entries; `finish`, when the cores concerned have flushed: the frame can be mapped again. *table: the
 * first shared page table on the way to them, base | type; 0: there is none.
 */
static inline err_t kernel_unmap(cptr_t kernel, cptr_t frame, bool finish, uint64_t *table)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_UNMAP, finish), frame, 0, 0, 0);

	*table = r.v0;
	return r.err;
}

static inline err_t kernel_protect(cptr_t kernel, cptr_t frame, uint64_t range, unsigned flags, uint64_t *table)
{
	struct sys_result r = sys_invoke(kernel, INVOKE(CAP_OP_KERNEL_PROTECT, flags), frame, range, 0, 0);

	*table = r.v0;
	return r.err;
}

static inline err_t kernel_flush(cptr_t kernel) { return invoke_simple(kernel, CAP_OP_KERNEL_FLUSH, 0, 0, 0, 0); }

static inline err_t kernel_sole(cptr_t kernel, cptr_t cap, bool *sole)
{
	struct sys_result r = sys_invoke(kernel, CAP_OP_KERNEL_SOLE, cap, 0, 0, 0);

	*sole = r.v0 != 0;
	return r.err;
}

/* 1 + the first address that a page table translates, or 0: it has no place yet. */
static inline err_t kernel_place(cptr_t kernel, cptr_t table, uint64_t *place)
{
	struct sys_result r = sys_invoke(kernel, CAP_OP_KERNEL_PLACE, table, 0, 0, 0);

	*place = r.v0;
	return r.err;
}

static inline err_t kernel_watch(cptr_t kernel, cptr_t ntfn)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_WATCH, ntfn, 0, 0, 0);
}

/* Another CPU driver, laid out in that RAM, takes over; the RAM is its own then. */
static inline err_t kernel_update(cptr_t kernel, cptr_t ram)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_UPDATE, ram, 0, 0, 0);
}

/*
 * The word at an address of a dispatcher's address space, and where that is: physical address | MAP_WRITE.
 * ERR_MAP_UNMAPPED.
 */
static inline err_t kernel_peek(cptr_t kernel, cptr_t disp, vaddr_t va, uint64_t *word, uint64_t *place)
{
	struct sys_result r = sys_invoke(kernel, CAP_OP_KERNEL_PEEK, disp, va, 0, 0);

	*word = r.v0;
	*place = r.v1;
	return r.err;
}

static inline err_t kernel_poke(cptr_t kernel, cptr_t disp, vaddr_t va, uint64_t word)
{
	return invoke_simple(kernel, CAP_OP_KERNEL_POKE, disp, va, word, 0);
}

/* Walks the CPU driver's invariants; `violations` should be 0. */
static inline err_t kernel_check(cptr_t kernel, uint64_t *violations)
{
	struct sys_result r = sys_invoke(kernel, CAP_OP_KERNEL_CHECK, 0, 0, 0, 0);

	if (!r.err)
		*violations = r.v0;
	return r.err;
}
