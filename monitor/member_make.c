/*
 * A member of a process on a core where the process did not start: made, run, ended.
 *
 * Made like a first member (spawn.c), out of one block of this core's memory, but for
 * what is shared: the arguments, the image's page tables and the top-level slots come one by
 * one from the home (member_take), and are put into the address space when the core is
 * asked whether the process may join (member_join_prepare).
 */
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "monitor/members.h"
#include "monitor/spawn.h"

#include <string.h>

/* The block of peers: the cnode, then the notification. */
#define PEERS_NOTIFICATION SIZE_OF_BITS(CAP_L2CNODE_BITS)
_Static_assert(MEMBER_PEERS_L1 + 1 == 1 << (PLAN_ROOT_BITS - CAP_SLOT_BITS), "peers are not at the root's last slot");
#define LOCAL_PAGES_MAX ((USER_TEXT_VA - USER_LOCAL_VA) / PAGE_SIZE)

/* --- peers ------------------------------------------------------------------------------ */

/* Of the member on `core`, as the others reach it; of this one, its own notification. */
static cptr_t peer_cap(const struct process *p, coreid_t core) { return process_cap(p, CPTR(MEMBER_PEERS_L1, core)); }

static err_t peers_fill(struct process *p, cptr_t block, uint64_t *number)
{
	cptr_t own = peer_cap(p, monitor.core);
	err_t err = cap_retype(block, 0, CAP_CNODE, CAP_L2CNODE_BITS, 1, process_cap(p, CPTR_L1(MEMBER_PEERS_L1)));

	if (!err)
		err = cap_retype(block, PEERS_NOTIFICATION, CAP_NOTIFICATION, CAP_NOTIFICATION_BITS, 1, own);
	if (!err)
		err = ntfn_bind(own, p->slots + SLOT_DISPATCHER, MON_PEERS_BIT);
	return err ? err : ntfn_export(own, number);
}

err_t member_peers_make(struct process *p, uint64_t *number)
{
	cptr_t block;
	err_t err = block_alloc(MEMBER_PEERS_BITS, MEMORY_START, &block);

	if (err)
		return err;
	err = peers_fill(p, block, number);
	if (err)
		block_free(block, MEMBER_PEERS_BITS, true);
	else
		p->peers = block;
	return err;
}

err_t member_peer_number(const struct process *p, coreid_t core, uint64_t *number)
{
	struct cap_info info;
	err_t err;

	if (core == monitor.core)
		return ntfn_export(peer_cap(p, core), number);
	err = cap_identify(peer_cap(p, core), &info);
	if (!err)
		*number = (uint32_t)info.badge;
	return err;
}

void member_peer_add(struct process *p, coreid_t core, uint64_t number)
{
	struct cap_info info = { .type = CAP_NOTIFICATION,
				 .rights = RIGHT_WRITE,
				 .bits = CAP_NOTIFICATION_BITS,
				 .badge = (uint64_t)core << 32 | (uint32_t)number };

	/* A slot that the process has filled itself is its own loss. */
	if (member_spans(p) && core != monitor.core)
		kernel_forge(TASK_KERNEL, &info, peer_cap(p, core));
}

/* --- top-level tables ------------------------------------------------------------------------ */

void member_root_is(struct process *p, const struct mon_message *m)
{
	if (m->word[1] >= MEMBER_ROOTS)
		return;
	p->roots |= (uint8_t)(1u << m->word[1]);
	p->root_index[m->word[1]] = (uint16_t)m->word[2];
}

void member_unroot(struct process *p, uint64_t n)
{
	cptr_t root;

	if (n >= MEMBER_ROOTS || p->roots >> n & 1)
		return;
	root = process_cap(p, member_root(p, (unsigned)n));
	ptable_unmap(root);
	cap_delete(root);
}

/* --- making ------------------------------------------------------------------------------------ */

static err_t member_memory(struct spawn *s)
{
	err_t err = spawn_disp_frame(s);

	s->image = s->next++;
	if (!err)
		err = spawn_object(s, s->plan.image, CAP_FRAME, s->plan.image_bits, 1, theirs(s, s->image));
	if (!err && s->p->local_pages)
		err = spawn_map(s, s->image, USER_LOCAL_VA, s->p->local_pages, 0, MAP_READ | MAP_WRITE);
	return err;
}

/* The first free slot is the libOS's to know, and not the same as in the arguments. */
static err_t member_page(struct spawn *s, vaddr_t entry, vaddr_t stack)
{
	err_t err;
	struct dispatcher_page *page = spawn_page(s, &err);

	if (!err) {
		page->upcall_run = entry;
		page->upcall_stack = stack;
		page->libos[1] = s->next;
	}
	spawn_page_done(s);
	return err;
}

static err_t member_build(struct spawn *s, const struct mon_message *m, uint64_t *number)
{
	err_t err = spawn_cspace(s);

	if (!err)
		err = spawn_dispatcher(s);
	if (!err)
		err = spawn_tables(s);
	s->p->tables = (uint8_t)m->word[3];
	s->next = member_root(s->p, MEMBER_ROOTS);
	if (!err)
		err = member_memory(s);
	if (!err)
		err = member_page(s, m->word[1], m->word[2]);
	if (!err)
		err = spawn_setup(s);
	return err ? err : member_peers_make(s->p, number);
}

static err_t member_allocate(struct spawn *s)
{
	err_t err = process_slots_take(&s->p->slots);

	if (err)
		return err;
	err = block_alloc(s->plan.block_bits, MEMORY_START, &s->p->block);
	if (err)
		process_slots_give(s->p->slots);
	else
		s->p->block_bits = (uint8_t)s->plan.block_bits;
	return err;
}

err_t member_make(const struct mon_message *m, uint64_t *number)
{
	static struct spawn s;
	unsigned tables = m->word[3] & 0xffff, pages = (unsigned)(m->word[3] >> 16);
	char name[MON_NAME + 1];
	err_t err;

	if (tables == 0 || tables > PLAN_TABLES_MAX || pages > LOCAL_PAGES_MAX || member_find(m->word[0]))
		return ERR_ARGUMENT;
	mon_name_unpack(&m->word[4], name);
	s = (struct spawn){ .next = TASK_FREE, .p = process_table_new(&monitor.processes, name) };
	if (!s.p)
		return ERR_NO_MEMORY;
	plan_member(pages, &s.plan);
	s.p->pid = m->word[0];
	s.p->local_pages = (uint16_t)pages;
	err = member_allocate(&s);
	if (!err) {
		err = member_build(&s, m, number);
		if (err) {
			block_free(s.p->block, s.p->block_bits, true);
			process_slots_give(s.p->slots);
		}
	}
	if (err)
		process_table_drop(&monitor.processes, s.p);
	else
		member_watch();
	return err;
}

/* --- agreement ------------------------------------------------------------------------------------ */

/* What is shared, into the address space of a member that is to run. */
static err_t member_map(struct process *p)
{
	cptr_t own = process_cap(p, MEMBER_TABLES);
	err_t err = frame_map(process_cap(p, TASK_ARGS_FRAME), own, (ARGS_VA >> PAGE_BITS) % 512, 1, 0, MAP_READ);

	for (unsigned i = 1; i < p->tables && !err; i++)
		err = ptable_map(process_cap(p, MEMBER_TABLES + i), process_cap(p, MEMBER_TABLE2),
				 (unsigned)(DISPATCHER_VA >> PLAN_TABLE_BITS) + i);
	for (unsigned i = 0; i < MEMBER_ROOTS && !err; i++)
		if (p->roots >> i & 1)
			err = ptable_map(process_cap(p, member_root(p, i)), process_cap(p, TASK_VSPACE),
					 p->root_index[i]);
	return err;
}

err_t member_join_prepare(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (proposal->group == GROUP_ALL)
		return ERR_OK;
	if (!p || p->state != PROCESS_LIVE)
		return ERR_NO_PROCESS;
	if (proposal->word[0] != monitor.core)
		return ERR_OK;
	return member_map(p);
}

void member_join_commit(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (proposal->group == GROUP_ALL || !p)
		return;
	p->joined = true;
	if (proposal->word[0] == monitor.core)
		disp_run(p->slots + SLOT_DISPATCHER);
	else if (proposal->word[0] < MEMBER_CORES)
		member_peer_add(p, (coreid_t)proposal->word[0], proposal->word[1]);
}

/* The home drops what it has had made; the others have done nothing. */
void member_join_abort(const struct proposal *proposal) { (void)proposal; }

err_t member_root_prepare(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (!p || proposal->word[0] >= MEMBER_ROOTS)
		return ERR_NO_PROCESS;
	return ptable_map(process_cap(p, member_root(p, (unsigned)proposal->word[0])), process_cap(p, TASK_VSPACE),
			  (unsigned)proposal->word[1]);
}

void member_root_commit(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (!p)
		return;
	p->roots |= (uint8_t)(1u << proposal->word[0]);
	p->root_index[proposal->word[0]] = (uint16_t)proposal->word[1];
}

void member_root_abort(const struct proposal *proposal)
{
	struct process *p = member_find(proposal->group);

	if (p)
		member_unroot(p, proposal->word[0]);
}

/* --- the end ------------------------------------------------------------------------------------------ */

void member_release(struct process *p, void (*done)(struct process *p))
{
	p->releasing = true;
	process_forget(p);
	memory_forget(p, done);
}
