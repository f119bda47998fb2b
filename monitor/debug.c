/*
 * Looking into processes: memory, where their registers are, what stopped them; and debuggers.
 *
 * Memory is read and written a word at a time through the CPU driver, which knows what is mapped where; so nothing is
 * shared, and a process that ends meanwhile just is not there any more.  Registers lie in a stopped process's
 * own dispatcher page, in the save area that is told of.
 *
 * A process that is debugged runs so that the CPU driver stops it at breakpoints and single steps, in whatever mode it
 * is; a fault that its libOS reports stops it too.  Whoever watches it hears of that as of a stop by a signal.  It
 * goes on like after any stop, but not after a fault: then it ends as it would have.
 */
#include "libos/core/invoke.h"
#include "monitor/member_jobs.h"

#include <string.h>

#define WORD sizeof(uint64_t)
#define VECTOR_DEBUG 1
#define VECTOR_BREAKPOINT 3

bool debug_stopped(struct process *p, const struct disp_state *s, bool told)
{
	if (!p->debug.attached)
		return false;
	if (p->debug.trapped)
		return true;
	p->debug.trapped = true;
	p->debug.told = told;
	p->debug.vector = (uint8_t)s->vector;
	p->debug.error = s->error;
	p->debug.address = s->address;
	p->debug.rip = s->rip;
	if (told)
		disp_stop(p->slots + SLOT_DISPATCHER);
	p->stopped = true;
	p->shown = MON_SIGNAL_TRAP;
	watch_process_state(p, MON_SIGNAL_TRAP);
	return true;
}

static bool is_fatal(const struct process *p)
{
	return p->debug.trapped &&
	       (p->debug.told || (p->debug.vector != VECTOR_DEBUG && p->debug.vector != VECTOR_BREAKPOINT));
}

void debug_continue(struct process *p)
{
	if (is_fatal(p)) {
		report_fault(p, p->debug.vector, p->debug.error, p->debug.address, p->debug.rip);
		process_end(p, MON_FAULTED, ERR_FAULTED);
		return;
	}
	p->debug.trapped = false;
	if (p->debug.attached)
		disp_run_debugged(p->slots + SLOT_DISPATCHER);
	else
		disp_run(p->slots + SLOT_DISPATCHER);
}

/* --- memory --------------------------------------------------------------------------------------- */

static err_t word_read(const struct process *p, vaddr_t va, uint64_t *word, uint64_t *place)
{
	return kernel_peek(TASK_KERNEL, p->slots + SLOT_DISPATCHER, va, word, place);
}

/* How many of `bytes` from `va` on are in the word that it is in. */
static size_t word_part(vaddr_t va, size_t bytes)
{
	size_t room = WORD - va % WORD;

	return bytes < room ? bytes : room;
}

static err_t memory_read(struct process *p, struct request *r, uint64_t *words)
{
	size_t bytes = r->m.word[2] >> 8, done = 0;

	if (!bytes || bytes > MON_DEBUG_READ_MOST)
		return ERR_ARGUMENT;
	while (done < bytes) {
		vaddr_t va = r->m.word[3] + done;
		size_t part = word_part(va, bytes - done);
		uint64_t word, place;
		err_t err = word_read(p, va - va % WORD, &word, &place);

		if (err)
			return err;
		memcpy((char *)words + done, (char *)&word + va % WORD, part);
		done += part;
	}
	return ERR_OK;
}

/*
 * Of the image that it was made of: the text of a program out of a file, which nobody shares. Its first RAM, the upper
 * half of the block, may be a heap that a child has in common with it.
 */
static bool is_own(const struct process *p, uint64_t place)
{
	struct cap_info block;

	return p->from_file && !member_spans(p) && !cap_identify(p->block, &block) &&
	       place - block.base < SIZE_OF_BITS(p->block_bits) / 2;
}

/* All of it may be written from now on. */
static err_t write_check(struct process *p, vaddr_t va, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += word_part(va + done, bytes - done)) {
		vaddr_t at = (va + done) & ~(vaddr_t)(WORD - 1);
		uint64_t word, place;
		err_t err = word_read(p, at, &word, &place);

		if (!err && !(place & MAP_WRITE) && !is_own(p, place))
			err = text_own(p, at);
		if (err)
			return err;
	}
	return ERR_OK;
}

static err_t memory_write(struct process *p, struct request *r, uint64_t *words)
{
	size_t bytes = r->m.word[2] >> 8, done = 0;
	err_t err = bytes && bytes <= MON_DEBUG_WRITE_MOST ? write_check(p, r->m.word[3], bytes) : ERR_ARGUMENT;

	(void)words;
	while (!err && done < bytes) {
		vaddr_t va = r->m.word[3] + done;
		size_t part = word_part(va, bytes - done);
		uint64_t word, place;

		err = word_read(p, va - va % WORD, &word, &place);
		memcpy((char *)&word + va % WORD, (char *)&r->m.word[4] + done, part);
		if (!err)
			err = kernel_poke(TASK_KERNEL, p->slots + SLOT_DISPATCHER, va - va % WORD, word);
		done += part;
	}
	return err;
}

/* --- state, and who debugs ---------------------------------------------------------------------------- */

static err_t state_tell(struct process *p, struct request *r, uint64_t *words)
{
	struct mon_debug_state out = { .stopped = p->stopped,
				       .attached = p->debug.attached,
				       .trapped = p->debug.trapped,
				       .vector = p->debug.vector,
				       .error = p->debug.error,
				       .address = p->debug.address,
				       .memory = SIZE_OF_BITS(p->block_bits) + p->memory };
	struct disp_state s = { 0 };
	err_t err = disp_inspect(p->slots + SLOT_DISPATCHER, &s);

	(void)r;
	out.state = s.state;
	out.area = p->debug.told ? SAVE_FAULT : s.area;
	mon_debug_state_pack(&out, words);
	return err;
}

static err_t cores_tell(struct process *p, struct request *r, uint64_t *words)
{
	(void)r;
	words[monitor.core / 64] = UINT64_C(1) << monitor.core % 64;
	for (coreid_t c = group_next(p->pid, CORES_MAX); member_spans(p) && c < MEMBER_CORES; c = group_next(p->pid, c))
		words[c / 64] |= UINT64_C(1) << c % 64;
	return ERR_OK;
}

/* One at a time; what it does on other cores than its home is not debugged. */
static err_t attach(struct process *p, struct request *r, uint64_t *words)
{
	(void)r, (void)words;
	if (!member_at_home(p))
		return ERR_ARGUMENT;
	if (p->debug.attached)
		return ERR_EXISTS;
	p->debug.attached = true;
	process_stop(p, MON_SIGNAL_TRAP);
	return ERR_OK;
}

static err_t detach(struct process *p, struct request *r, uint64_t *words)
{
	(void)r, (void)words;
	if (!p->debug.attached)
		return ERR_ARGUMENT;
	p->debug.attached = false;
	process_continue(p);
	return ERR_OK;
}

static err_t (*const looks[MON_DEBUG_OPS])(struct process *p, struct request *r, uint64_t *words) = {
	[MON_DEBUG_STATE] = state_tell,   [MON_DEBUG_CORES] = cores_tell, [MON_DEBUG_READ] = memory_read,
	[MON_DEBUG_WRITE] = memory_write, [MON_DEBUG_ATTACH] = attach,    [MON_DEBUG_DETACH] = detach,
};
_Static_assert(MEMBER_CORES <= 4 * 64, "cores do not fit into an answer");

void debug_request(struct request *r)
{
	struct process *p = member_find(r->m.word[1]);
	uint64_t words[MON_PAYLOAD] = { 0 };
	unsigned look = (uint8_t)r->m.word[2];
	err_t err = ERR_NO_PROCESS;

	if (look >= MON_DEBUG_OPS)
		err = ERR_ARGUMENT;
	else if (process_alive(p))
		err = looks[look](p, r, words);
	request_reply(r, err, words);
}
