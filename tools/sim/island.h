/*
 * What the simulator and an island, that is one core's CPU driver and monitor, ask of
 * each other.
 *
 * All islands are the same image, loaded once for each core (loader.c).  Of the
 * other islands and of the host an island sees nothing but what is declared here.
 */
#pragma once

#include "kernel/abi/cap.h"
#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#define SIM_WORDS 7                       /* a message between monitors, or with a process */
#define SIM_PHYSICAL UINT64_C(0x40000000) /* address of the machine's memory */
#define SIM_DEVICE UINT64_C(0x800000000000)
#define SIM_FLUSH_ALL UINT64_MAX
#define SIM_PTE_PRESENT UINT64_C(1)
#define SIM_PTE_LEAF UINT64_C(0x80)
#define SIM_PTE_ADDRESS UINT64_C(0x000ffffffffff000)

#pragma GCC visibility push(default)

/*
 * What every process has, as spawn.c makes it of the simulator's program: the page table of the program's
 * text and data, which members share, in a slot; where in it nothing is.
 */
#define SIM_SLOT_TABLE (TASK_FREE + 3)
#define SIM_TABLE_VA UINT64_C(0x400000)
#define SIM_TABLE_FREE 256

struct boot_info;

/* What an island is born with. */
struct island_birth {
	coreid_t core, cores;
	uint8_t *memory; /* of the machine */
	uint64_t bytes;
	paddr_t ram; /* the core's own */
	uint64_t ram_bytes;
	paddr_t urpc; /* frame shared with monitor 0 */
	unsigned urpc_bits;
	const struct boot_info *info; /* of the machine; core and ram are filled in */
};

/* A capability as the simulator's checks see it. */
struct island_cap {
	uint64_t base;
	uint8_t type, bits, rights, flags;
	const void *slot;
};
typedef void island_see(void *context, const struct island_cap *c);

/* --- what an island offers --------------------------------------------------------- */

/* CPU driver and monitor come to life. */
void isle_start(const struct island_birth *b);
/* Monitor 0 starts the others: sim_core_start() is called for each. */
void isle_start_others(void);
/* Core 0 says that all are there. */
void isle_settle(void);
/* A message of another monitor; one of a process of this core. */
void isle_message(coreid_t from, const uint64_t line[SIM_WORDS]);
void isle_request(uint32_t process, const uint64_t line[SIM_WORDS]);
/* The doorbell of the CPU driver. */
void isle_doorbell(void);
/*
 * A round of one phase or two to a group; sim_round_done() is called with the token at its end. The error of the
 * engine.
 */
err_t isle_propose(unsigned phases, unsigned scheme, uint64_t group, unsigned subject, const uint64_t word[3]);
/* A group with this core alone. */
err_t isle_group_make(uint64_t group);
bool isle_group_holds(uint64_t group, coreid_t core);
/* Lines of agreement that made no sense to it. */
unsigned isle_malformed(void);
/* ... of capabilities. */
unsigned isle_malformed_caps(void);
unsigned isle_malformed_requests(void);
/* What is due or was posted; returns when to look again, or 0. */
cycles_t isle_step(void);

/* A process, made as any is. Its number, 0 when there is no memory. */
uint32_t isle_process(void);
/* The number of the member of process `pid` here; 0: there is none. */
uint32_t isle_member(uint64_t pid);
/* It ends, as if killed. */
void isle_process_end(uint32_t process);
bool isle_process_alive(uint32_t process);
/* Process `to` gets the cnode with `from`'s slots as its own LENT_L1, as if it had been sent it. */
#define LENT_L1 8
void isle_lend(uint32_t from, uint32_t to);
/* Its root page table; 0: it has none. */
paddr_t isle_root(uint32_t process);
/* What the process does by itself: an invocation in its own capability space. */
err_t isle_invoke(uint32_t process, cptr_t cap, uint64_t op, uint64_t a0, uint64_t a1, uint64_t out[4]);
/* Its root page table is the one that the core has loaded from now on. False: it does not run. */
bool isle_run(uint32_t process);

/* The smallest object around a page, and what is under way about it. */
struct island_page {
	uint8_t type, flags; /* CAP_NULL: there is none */
	bool marked;         /* a capability to it is taken out of its page table, and not all have flushed */
	bool taken;          /* an operation takes its memory, whose users are stopped */
};
void isle_page(paddr_t page, struct island_page *out);
/* Is a capability to the page table at `base` so marked? */
bool isle_table_marked(paddr_t base);
/* Whose an object is, as the monitor knows; CORES_MAX: it has no record, or a pinned one. */
coreid_t isle_owner(const struct island_cap *c);
/* Whose it is to be, while that changes; CORES_MAX: it does not. */
coreid_t isle_heir(const struct island_cap *c);
/* Violations that the CPU driver itself finds. */
uint64_t isle_check(void);
/* All capabilities of the core, copies included. */
void isle_caps(island_see *see, void *context);
/* Operations of the monitor under way: of capabilities, rounds, requests. */
unsigned isle_busy(void);
/* Of them, processes that change or end. */
unsigned isle_processes_busy(void);
/* Says which. */
void isle_show(void);
uint64_t isle_memory_free(void);

/* --- what the simulator offers ------------------------------------------------------ */

cycles_t sim_now(void);
void sim_send(coreid_t from, coreid_t to, const uint64_t line[SIM_WORDS]);
/* To a process: now it is given, and then it is on its way. */
void sim_answered(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS]);
void sim_answer(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS]);
void sim_log(coreid_t core, const char *text);
/* Has the core's monitor no more memory for its records? */
bool sim_poor(coreid_t core);
/* The run is over: something must not be. */
void sim_violation(coreid_t core, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* A page of translations, or (SIM_FLUSH_ALL) all, is forgotten. */
void sim_flush(coreid_t core, vaddr_t va);
/* The core's memory becomes something new. */
void sim_clear(coreid_t core, paddr_t p, uint64_t bytes);
void sim_root(coreid_t core, paddr_t root);
uint64_t *sim_doorbell(coreid_t core);
void sim_ipi(coreid_t from, coreid_t to);
void sim_core_start(coreid_t core, paddr_t ram, unsigned ram_bits, paddr_t urpc, unsigned urpc_bits);
/* A proposal reaches a core. `vote` is asked before the subject's own part: a refusal, or 0. */
enum sim_part { SIM_PREPARE, SIM_COMMIT, SIM_ABORT };
err_t sim_vote(coreid_t core, uint64_t round, unsigned subject, const uint64_t word[3]);
void sim_part(coreid_t core, enum sim_part part, uint64_t round, unsigned subject, const uint64_t word[3], err_t err);
void sim_round_done(coreid_t core, unsigned subject, const uint64_t word[3], err_t err);
/* The core is stopped for good. */
void sim_fence(coreid_t by, coreid_t core);

#pragma GCC visibility pop
