/*
 * The monitor of one core: what its files share.
 *
 * One process per core, one thread, one loop: take messages from the processes of
 * this core (LMP) and from other monitors (URPC), handle each to its end, sleep
 * when there are none.  No handler waits for anyone: what needs another monitor's
 * answer is noted in the table of pending requests and goes on when it comes.
 *
 *   main.c      start, loop                links.c     URPC to other monitors
 *   request.c   which handler, where       cores.c     booting cores, what is known of them
 *   process.c   exit, wait, kill, ps       spawn.c     making a process
 *   memory.c    memory of processes, slots services.c  names
 *   blocks.c    RAM blocks, what is kept back
 *   connections.c  connections                report.c    log lines and fault reports
 *   boards.c    hint boards                islands.c   stopping and starting cores
 *   regions.c   memory for the page service    heirs.c     memory that children share
 *   watch.c     who is told of an end      secret.c    secrets of mailboxes
 *   mail.c      lines for mailboxes         mailbox.c   messages to processes
 *   signals.c   signals, groups, stop      debug.c     looking into processes
 *   debug_text.c  breakpoints in programs' text   succession.c  exec
 */
#pragma once

#include "kernel/abi/boot.h"
#include "kernel/abi/cap.h"
#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/core/monitor_proto.h"
#include "monitor/names.h"
#include "monitor/pending.h"
#include "monitor/process_table.h"
#include "monitor/text.h"

struct monitor {
	coreid_t core;
	const struct boot_info *info;
	const struct archive_header *archive;
	bool verbose; /* option `verbose`: say what is done */
	bool guest;   /* below is a hypervisor or an emulator: a core may stand still for seconds, and live */
	/* Something was handled after which tables and deadlines are to be looked at: now; before sleeping (main.c). */
	bool pressing, stirred;
	uint64_t messages; /* lines sent to and received from other monitors, LMP messages handled */
	struct process_table processes;
	struct pendings pendings;
	struct texts texts;
	struct names names; /* used on MON_SERVICE_CORE */
};
extern struct monitor monitor;

/* --- request.c ------------------------------------------------------------------ */

struct request {
	struct origin from;
	struct mon_message m;
};

/* Handles a message from a process of this core, or (number 0) from another core's monitor; one from there. */
void request_handle(struct origin from, const struct mon_message *m);
void request_hear(coreid_t from, const struct mon_message *m);
/* Messages of other monitors that no monitor may send. */
unsigned requests_senseless(void);
/* Answers it: `words` (MON_PAYLOAD of them, or NULL for zeros). Requests that take no reply get none. */
void request_reply(const struct request *r, err_t err, const uint64_t *words);
/* Likewise when only this was kept of the request. */
void reply_to(struct origin to, unsigned op, uint32_t sequence, err_t err, const uint64_t *words);
/* Sends a request to another monitor. `done` gets the answer; a failure to send is reported by the result alone. */
err_t request_forward(coreid_t core, const struct mon_message *m, const struct text *text, struct pending *template);
/* When a monitor that ought to answer at once counts as silent. */
cycles_t request_deadline(void);
static inline bool origin_is_monitor(struct origin o) { return o.number == 0; }
static inline struct process *origin_process(struct origin o)
{
	return process_table_find(&monitor.processes, o.number);
}

/* --- main.c ---------------------------------------------------------------------- */

/* Where this core's processes send to; the notification of faults. */
cptr_t monitor_endpoint(void);
cptr_t monitor_watch(void);

/* --- mailbox.c -------------------------------------------------------------------- */

/* A message to a process of this core. It is queued when the process has no room for it just now. */
void process_send(struct process *p, const struct mon_message *m);
/* Will so many messages surely reach it? */
bool process_room(const struct process *p, unsigned messages);
/* Tries again what is queued; true when some of it still is. */
bool mailboxes_retry(void);
void mailbox_forget(struct process *p);

/* --- outgoing.c: messages that wait for room -------------------------------------- */

#define OUTGOING_MAX 1024
#define OUTGOING_RESERVE 128 /* kept for answers */

struct outgoing {
	struct outgoing *next;
	struct mon_message m;
};
/* NULL when none is left; only answers may use the reserve. */
struct outgoing *outgoing_new(const struct mon_message *m, bool answer);
void outgoing_free(struct outgoing *o);
unsigned outgoing_left(void);

/* --- links.c ------------------------------------------------------------------------ */

#define LINK_BITS 13 /* frame of a link */

/* Makes the doorbell of this monitor; it runs handler(arg). */
err_t links_init(event_handler *handler, void *arg);
/* The link that a monitor is born with, over the frame mapped at `memory`; side 0 made the frame. */
err_t link_first(coreid_t peer, void *memory, size_t bytes, unsigned side);
/* Sends or queues a message; asks for an introduction when there is no link yet. */
err_t link_send(coreid_t peer, const struct mon_message *m);
bool link_is_up(coreid_t peer);
/* To all monitors that there is a link to, but one. */
void links_send_others(coreid_t but, const struct mon_message *m);
/* Takes what has come on all links. */
void links_poll(void);
/* Has something come? The one line that tells of all links, and broadcasts'. */
bool links_hinted(void);
/* Rings our own doorbell, as a peer does. */
err_t links_ring_self(void);
/* Nobody is there any more: what waits is dropped. */
void link_close(coreid_t peer);
/* Says on all links that this side sleeps; false when a message has come meanwhile. */
bool links_sleep(void);
void links_wake(void);
void link_hello(struct request *r);
void link_introduce(struct request *r);

/* --- cores.c -------------------------------------------------------------------------- */

void cores_boot(void);
/* Core `core` has said hello. */
void core_up(coreid_t core);
/* It has become a member of GROUP_ALL; it was excluded. */
void core_joined(coreid_t core);
void core_lost(coreid_t core);
/* Stops it for good. */
void core_fence(coreid_t core);
bool core_is_up(coreid_t core);
/* It does not answer, or (as far as monitor 0 knows) did not come up. */
bool core_is_missing(coreid_t core);
/* Cores that have not said hello in time are missing. True when none is awaited; else `next`: when to look again. */
bool cores_settled(cycles_t *next);
/* Says in the log how many cores there are. */
void cores_report(void);
void core_describe(struct request *r);
void core_stat(struct request *r);
void core_check(struct request *r);

/* --- islands.c ------------------------------------------------------------------------ */

/* What monitor 0 knows of all; for islands.c. */
struct core_table *core_table(void);
/* Starts a core that has never run, on a share of what memory there is. */
err_t core_start_later(coreid_t core);
/* A core is up, or (ERR_CORE_TIMEOUT) does not answer: whoever has asked for its start hears. */
void control_core(coreid_t core, err_t err);
/* Goes on with what could not be proposed; returns when to look again, or 0. */
cycles_t control_step(void);
void core_control(struct request *r);
void core_island(struct request *r);

/* --- update.c ----------------------------------------------------------------------------- */

/* Replaces this core's CPU driver. */
err_t driver_update(void);

/* --- power.c ---------------------------------------------------------------------------- */

/* enum kernel_power and an exit code, after the console has shown what it holds. */
err_t power_down(unsigned how, unsigned code);
/* Does not wait for the console for ever; returns when to look again, or 0. */
cycles_t power_step(void);
void power_request(struct request *r);

/* --- blocks.c -------------------------------------------------------------------------- */

#define BLOCK_BITS_MAX 40

/* What memory is for: each leaves, of what the core has, what is kept for those before it. */
enum memory_use {
	MEMORY_OWN,    /* the monitor's own objects, and frames of channels: all */
	MEMORY_START,  /* a process is made, or one that has little gets more; large frames of channels */
	MEMORY_GROWTH, /* more for a process; regions of the page service; another core */
};

void blocks_init(uint64_t total);
void memory_figures(uint64_t *total, uint64_t *free);
/* Is there so much free for it, leaving what is kept for others? */
bool memory_spared(unsigned bits, enum memory_use use);
/* What more memory for that process counts as. */
enum memory_use memory_use_of(const struct process *p, unsigned bits);
/* A frame that processes share. When memory is short, what nobody needs is given up for it. ERR_NO_MEMORY. */
err_t block_frame(unsigned bits, cptr_t *frame);
/* A RAM block for a process; taken from those of ended processes when there is one of this size. */
err_t block_alloc(unsigned bits, enum memory_use use, cptr_t *block);
/* Nothing is made of it any more. */
void block_return(cptr_t block, unsigned bits);

/* --- memory.c ------------------------------------------------------------------------- */

/* Slots of the monitor's own that belong to a process. */
enum process_slot { SLOT_ROOT, SLOT_DISPATCHER, SLOT_ENDPOINT, SLOT_DISP_FRAME, SLOT_IMAGE, PROCESS_SLOTS };

err_t memory_init(void);
/* The first of PROCESS_SLOTS empty slots; given back when they are empty again. */
err_t process_slots_take(cptr_t *out);
void process_slots_give(cptr_t slots);
/* Everything made of the block is deleted, on all cores; `stopped`: nobody runs what it may be mapped in. */
void block_free(cptr_t block, unsigned bits, bool stopped);
/* A frame of the monitor's, shared no more, that processes had: from all of them, also where several cores map it. */
void frame_free(cptr_t frame);
/* More memory of a process: a block of ours, noted under a slot of its. ERR_QUOTA, ERR_NO_MEMORY. */
err_t memory_extend(struct process *p, unsigned bits, uint32_t slot, cptr_t *block);
/* A record of memory that a process got; NULL: no memory for it. */
struct extent *extent_new(void);
void extent_free(struct extent *e);
/* A capability of ours to it, in e->ram, which is empty. Error: there is none to be had here. */
err_t extent_find(const struct extent *e);
/* The process gets so many bytes more, unless that is beyond its quota: ERR_QUOTA. */
err_t memory_charge(struct process *p, uint64_t bytes);
/* One of the blocks that the end of `p` (or NULL) waits for is free. */
void memory_freed(struct process *p);
void memory_ram(struct request *r);
void memory_ram_free(struct request *r);
/* Of a fork: a child shares its parent's memory; how many do. */
void memory_heir(struct request *r);
void memory_heir_wait(struct request *r);
/* Children that wait for what it was to give them hear that nothing comes. */
void memory_maker_gone(struct process *p);
void memory_sole(struct request *r);
/* All memory of a process that does not run any more; `freed` follows when it can be used again, perhaps at once. */
void memory_forget(struct process *p, void (*freed)(struct process *p));
static inline cptr_t process_cap(const struct process *p, cptr_t slot) { return CPTR_IN(p->slots + SLOT_ROOT, slot); }
/* A slot of a process's own space, as a capability address of the monitor's; ERR_SLOT_LOOKUP when it is no slot. */
err_t process_slot(const struct process *p, uint64_t slot, cptr_t *out);

/* --- regions.c: memory that the page service hands out ------------------------------------- */

/* Bytes of regions that no process has. */
uint64_t regions_free_bytes(void);
/* Takes back all regions that nothing is granted of; false: there are none. */
bool regions_reclaim(void);
/* Memory granted to a process goes back to its region, and is the owner's again. `ending`: as of struct extent. */
void grant_take_back(struct extent *e, struct process *ending);
/* The requests of services. May this process make them? */
bool region_right(struct request *r);
void region_make(struct request *r);
void region_give_back(struct request *r);
void region_own(struct request *r);
void region_list(struct request *r);
void region_grant(struct request *r);
void region_granted(struct request *r);
void region_returned(struct request *r);
void region_quota(struct request *r);
void region_back(struct request *r);

/* --- spawn.c, process.c ------------------------------------------------------------------ */

/* Makes the window that spawn writes through. */
err_t spawn_init(void);
struct spawn_args {
	const char *text; /* arguments, each NUL-terminated */
	size_t length;
	unsigned arguments; /* that many of them; what follows is the environment. 0: all are arguments */
	uint32_t id;        /* the process service's number for it; 0: none */
	uint64_t ticket;    /* of the request, so that it starts once however often it is asked for; 0: none */
	bool devices;       /* gets the interrupts and ports of this core */
	bool service;       /* may do what only services may */
	uint32_t program;   /* a number by program_put, from heir_pid; 0: that of the boot archive */
	/* The mailbox for its argument page; pid 0: none. */
	uint64_t heir_pid, heir_secret;
	uint32_t heir_service, heir_heap;
	unsigned letter_bytes; /* of `text`, behind arguments and environment */
};
err_t process_spawn(const struct spawn_args *args, struct process **out);
void process_end(struct process *p, unsigned cause, uint64_t status);
/* What others know of it: names, connections, waiters. */
void process_forget(struct process *p);
/* Nothing is left but its record: who waits is answered. */
void process_gone(struct process *p);
/* Looks at all processes after the CPU driver has stopped one for a fault. */
void process_faults(void);
void process_spawn_request(struct request *r);
/* monitor/programs.c */
void program_send_request(struct request *r);
/* monitor/migrate.c: a process is asked to go on on another core, says what came of it, or ends before. */
void process_migrate(struct request *r);
void process_migrated(struct request *r);
void process_migrate_forget(struct process *p);
/* Before a process's request goes to the core that does it: w3 says whether the new one will be a service too. */
void process_spawn_right(struct request *r, const struct text *text);
void process_exit(struct request *r);
void process_wait(struct request *r);
void process_unwait(struct request *r);
void process_kill(struct request *r);
void process_ps(struct request *r);
void process_fault(struct request *r);

/* --- services.c, connections.c ------------------------------------------------------------------ */

void name_export(struct request *r);
void name_lookup(struct request *r);
void name_forget(struct request *r);
void name_process_gone(struct process *p);
void name_core_gone(coreid_t core);
/* At the monitor that keeps the names: the nearest to core `from` that has it. */
err_t name_find(const uint64_t name[2], coreid_t from, struct service_name *out);
void connection_connect(struct request *r);
void connection_connect_at(struct request *r);
void connection_open(struct request *r);
void connection_accept(struct request *r);
void connection_reject(struct request *r);
void connection_close(struct request *r);
void connection_closed(struct request *r);
void connections_process_gone(struct process *p);
/* Who has a channel to a process of that core hears that it is closed. */
void connections_core_gone(coreid_t core);

/* --- watch.c: who is told of a process's end ------------------------------------------------------ */

void watch_request(struct request *r);
/* `who`, who has sent it mail, hears of the end of `p`, a process of this core. ERR_WATCHERS. */
err_t watch_mail(struct origin who, struct process *p);
/* The parent, of this core too, which hears at once of what it has missed. ERR_WATCHERS. */
err_t watch_heir(struct process *parent, struct process *child);
void watch_gone(struct request *r);
void watch_forget(struct request *r);
void watch_process_gone(struct process *p);
/* Who watches `from` is told that `to` has its place, and watches that. Both of this core. */
void watch_move(struct process *from, struct process *to);
void watch_core_gone(coreid_t core);

/* --- alive.c: processes that hang ---------------------------------------------------------------------- */

void alive_said(struct request *r);
/* Has it run for so long, and a little more, without saying that it lives? Also who never says so. */
bool alive_hangs(struct process *p, uint64_t ms);
void alive_step(cycles_t *next);

/* --- mail.c: lines that monitors carry ---------------------------------------------------------------- */

void mail_request(struct request *r);
void mail_taken(struct request *r);

/* A process was stopped by a signal, or (0) goes on: who watches it is told. */
void watch_process_state(struct process *p, unsigned signal);
void watch_begun(struct request *r);
void watch_state(struct request *r);

/* --- signals.c ----------------------------------------------------------------------------------------- */

void signal_request(struct request *r);
void signal_relate(struct request *r);
/* Stops its members, those of other cores a moment later; `shown`: the signal that is told of. They go on. */
void process_stop(struct process *p, unsigned shown);
void process_continue(struct process *p);
/* What was held for it takes effect, now, or when it goes on. */
void signals_release(struct process *p);

/* --- succession.c: a process takes another's place ------------------------------------------------------ */

/*
 * `heir`, just started, is to take the place of the process with that pid, if the check allows: ERR_NO_PROCESS;
 * ERR_AGAIN, another is to.
 */
err_t succession_check(uint64_t pid);
void succession_begin(uint64_t pid, struct process *heir);
void succession_take(struct request *r);
void succession_place(struct request *r);
/* A process ends: with it who was to take its place; or it was to take another's, which stays. */
void succession_end(struct process *p);

/* --- debug.c ------------------------------------------------------------------------------------------- */

void debug_request(struct request *r);
/* A process that is stopped goes on; or, after a fault that somebody has looked at, ends. */
void debug_continue(struct process *p);
/* The CPU driver has stopped it, or its libOS wants to report a fault. False: nobody debugs it. */
bool debug_stopped(struct process *p, const struct disp_state *s, bool told);

/* --- debug_text.c -------------------------------------------------------------------------------------- */

/* The text at that address becomes the process's own, if it is not yet. ERR_DENIED: it cannot. */
err_t text_own(struct process *p, vaddr_t va);

/* --- boards.c ------------------------------------------------------------------------------- */

void board_make(struct request *r);
void board_give_back(struct request *r);
void boards_process_gone(struct process *p);

/* --- agree/measure.c ------------------------------------------------------------------------ */

void measure_request(struct request *r);

/* --- report.c ------------------------------------------------------------------------------- */

/* One line of the system log. Formats: %s, %u (unsigned), %x (uint64_t, hexadecimal), %l (uint64_t). */
void report(const char *format, ...);
void report_fault(const struct process *p, unsigned vector, uint64_t error, vaddr_t address, vaddr_t rip);
void report_log(struct request *r);
