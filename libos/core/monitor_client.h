/*
 * What a process asks of its monitor: typed calls.
 *
 * A call sends a request over the monitor endpoint (TASK_MONITOR_EP) and blocks
 * the calling thread, not the process, until the reply comes on endpoint 0; any
 * number of threads may have calls open.  Before threads exist the call waits in
 * place.  All return 0 or an err_t; outputs are written only on success.
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/core/monitor_proto.h"

/* Takes over endpoint 0 (lmp_self), ram_source and fault_report. The libOS's start calls it before anything here. */
err_t mon_init(void);

/* Any request: the answer replaces it, and its error is returned. For what has no function of its own here. */
err_t mon_call(unsigned op, struct mon_message *m);

/* --- memory ------------------------------------------------------------------ */

/* A RAM capability of 1 << bits bytes into the empty slot `slot`; taken back when the process ends. */
err_t mon_ram_alloc(unsigned bits, cptr_t slot);
/* Gives back a capability got by mon_ram_alloc; whatever was made of it is deleted. */
err_t mon_ram_free(cptr_t slot);
/*
 * That process on this core, a child of this one, gets the cnode in that slot, as MON_HEIR_L1 of its root, and none of
 * this process's memory goes before it and its heirs have ended; it is watched from then on. *first: nobody else is
 * heir to this process. ERR_NO_PROCESS, ERR_HEIRS, ERR_WATCHERS.
 */
err_t mon_heir(uint64_t pid, cptr_t cnode, bool *first);
/* Waits till the parent has given this process that. ERR_CLOSED: it never will. */
err_t mon_heir_wait(void);

/* --- memory of a core: for the page service; ERR_DENIED to who is no service --------------- */

/*
 * A region is a block of a core's memory that its monitor keeps for the page service and grants by pieces to processes
 * of that core. Its owner says what is granted; another service may take it over. The monitor knows who has what, and
 * takes a region back by itself when nothing is granted of it and memory is short: then its owner gets ERR_NOT_FOUND.
 */
struct mon_region {
	paddr_t base;
	uint32_t bits;
	uint32_t number;  /* the monitor's; for mon_grant */
	uint64_t owner;   /* pid; mon_regions only */
	uint64_t granted; /* bytes; not of mon_region */
};
/* ERR_NO_MEMORY, ERR_REGIONS. */
err_t mon_region(coreid_t core, unsigned bits, struct mon_region *out);
/* ERR_CAP_BUSY: something of it is granted. ERR_NOT_FOUND, ERR_DENIED: it is another's. */
err_t mon_region_free(coreid_t core, paddr_t base);
/*
 * The calling process owns it from now on in place of `owner`, and hears nothing of what came back before. Fills in
 * number and granted. ERR_NOT_FOUND; ERR_DENIED: it is not that one's any more.
 */
err_t mon_region_own(coreid_t core, paddr_t base, uint64_t owner, struct mon_region *out);
/* The first region of a core at that place of its monitor's table or behind it; ERR_NOT_FOUND: there is none. */
err_t mon_regions(coreid_t core, unsigned from, struct mon_region *out);
static inline unsigned mon_region_place(const struct mon_region *r) { return (uint16_t)r->number; }

struct mon_grant {
	cptr_t slot;   /* of the process's member on that core */
	unsigned type; /* CAP_RAM, CAP_FRAME */
	unsigned bits;
	unsigned more;   /* frames that follow the first in memory, each in the slot that follows */
	paddr_t base;    /* in the region */
	uint32_t number; /* the region's */
};
/*
 * Makes an object of exactly that block in a slot of a process; or as many frames, all or none. ERR_EXISTS: blocks of
 * that type and size were granted into these slots before, *there says where. ERR_SLOT_OCCUPIED: there is something
 * else. ERR_RETYPE_OVERLAP: somebody still has something of the block. ERR_QUOTA, ERR_NO_PROCESS; ERR_NOT_FOUND,
 * ERR_DENIED: the region is gone, or another's.
 */
err_t mon_grant(coreid_t core, uint64_t pid, const struct mon_grant *g, paddr_t *there);

/*
 * A bit for each page of a region from page `first` on, of which something is granted, or was and has not come back
 * yet; 0 past its end.
 */
err_t mon_granted(coreid_t core, paddr_t region, uint64_t first, uint64_t map[MON_GRANTED_PAGES / 64]);

struct mon_returned {
	paddr_t base;
	uint32_t bits;
};
#define MON_RETURNED_PART 6
/* What has come back to a region that the calling process owns; *count 0: no more. Each once. */
err_t mon_returned(coreid_t core, paddr_t region, struct mon_returned out[MON_RETURNED_PART], unsigned *count);
/* In the dispatcher's scheduler (must not block): something came back. Again after mon_returned gave all. */
void mon_set_back_handler(void (*back)(coreid_t core, paddr_t base));
/* How much memory a process may have beyond that which it started with, on each of its cores; 0: no limit. */
err_t mon_quota_set(uint64_t pid, uint64_t bytes);
err_t mon_quota(uint64_t pid, uint64_t *most, uint64_t *has);

/* --- this process: for what must not know where else to look --- */

uint64_t process_self_pid(void);
coreid_t process_self_core(void);
/* The process service's number for it; 0: it was started without. */
uint32_t process_self_id(void);
/* How long this process has run on this core. */
uint64_t process_self_cycles(void);

/* --- processes --------------------------------------------------------------- */

/* Ends this process. */
void mon_exit(uint64_t status) __attribute__((noreturn));
/* The same in disabled mode; returns when the monitor has no room for it just now. */
void mon_exit_disabled(uint64_t status);
/* Starts the program argv[0] of the boot archive on `core`. */
err_t mon_spawn(coreid_t core, int argc, const char *const *argv, uint64_t *pid);
/* Where a service is, and the right to open channels to it: libos/fabric/mailbox.h. */
struct mon_address {
	uint64_t pid, secret;
	uint32_t service;
};
/* What a process is started with besides its core. */
struct mon_start {
	unsigned argc, envc; /* PROCESS_ARGS_MAX in all */
	const char *const *argv;
	const char *const *envp;
	uint32_t id;             /* the process service's number for it; 0: none */
	struct mon_address heir; /* in its argument page; pid 0: none */
	uint32_t heir_heap;      /* likewise, up to 24 bits */
	const void *letter;      /* likewise; strings and it have room in MON_TEXT_MAX */
	unsigned letter_bytes;
	bool succeeds;    /* it is to take the place of this process, whose pid is heir.pid: mon_succeed */
	uint32_t program; /* by mon_program, sent by the process `heir.pid`; 0: argv[0] of the boot archive */
	uint64_t ticket;  /* however often it is asked for with the same on that core, it starts once; 0: each time */
};
err_t mon_start(coreid_t core, const struct mon_start *s, uint64_t *pid);
/* Sends a frame with a program to a core, to be started there next; its number. Needs RIGHT_READ. */
err_t mon_program(coreid_t core, cptr_t frame, uint32_t *number);
/*
 * Has all threads of a process go on on `core`, which it spans from then on; returns when they do, or why not.
 * ERR_DENIED: a service, which stays.
 */
err_t mon_migrate(uint64_t pid, coreid_t core);
/* Waits until `pid`, on any core, has ended. cause: enum mon_cause. Either output may be NULL. */
err_t mon_wait(uint64_t pid, unsigned *cause, uint64_t *status);
err_t mon_kill(uint64_t pid);
/*
 * The same to one that hangs: it says that it lives (mon_alive), and has run for so many ms since it did. ERR_AGAIN: it
 * has not, and may be waiting for its processor; or it is given a little more, and is to be asked about again soon.
 */
err_t mon_kill_hung(uint64_t pid, unsigned ms);
/*
 * This process lives. If it runs for so many ms, and half as many again, without saying so once more, its monitor
 * ends it; 0: it may.
 */
void mon_alive(unsigned ms);
/*
 * This process is told of the end of `pid`, once (mon_watcher_add). ERR_NO_PROCESS: it has ended already. Waits while
 * the monitors have no room for it, or the other one is slow.
 */
err_t mon_watch(uint64_t pid);
/* For those that watch this process, now or later: their mon_watcher.begun gets the word. Once. */
void mon_begun(uint32_t word);
/*
 * The process `pid`, started with `succeeds`, takes this one's place, and gets the signals of that set too: all
 * in one step, in which this one ends. Returns only when it cannot. ERR_NO_PROCESS: it has ended.
 */
err_t mon_succeed(uint64_t pid, uint64_t pending);
/* Of a process that was started so, in place of mon_begun: the same, and returns when it has the place. */
void mon_place(void);
/*
 * Somebody in this process who wants to know of ends. `gone` is called, in the dispatcher's scheduler (must not block),
 * for every process that anybody here watches, and with number 0 in the pid for all those of a core that is lost.
 */
struct mon_watcher {
	struct mon_watcher *next;
	void (*gone)(struct mon_watcher *w, uint64_t pid, unsigned cause, uint64_t status);
	/* A signal has stopped it; 0: it goes on. NULL: that does not matter here. */
	void (*state)(struct mon_watcher *w, uint64_t pid, unsigned signal);
	/* What it said by mon_begun; NULL: likewise. */
	void (*begun)(struct mon_watcher *w, uint64_t pid, uint32_t word);
};
void mon_watcher_add(struct mon_watcher *w);
/* Signals; 0 asks whether there is anybody. `core`: whose processes are meant. */
struct mon_signal {
	enum mon_signal_to to;
	uint64_t who; /* pid, number, or group */
	unsigned signal, code;
	uint64_t value;
	uint32_t sender;
};
/* To all that are meant on that core: how many they were. ERR_AGAIN: one of them takes no more just now. */
err_t mon_signal(coreid_t core, const struct mon_signal *s, unsigned *count);
/*
 * Called in the dispatcher's scheduler when one comes: `to` and `who` mean nothing. What came before there was a
 * handler comes at once.
 */
void mon_set_signal_handler(void (*handler)(const struct mon_signal *s));
/* What a process is to others. */
struct mon_relation {
	uint64_t pid;
	uint32_t number, group, session, parent; /* 0: none */
};
/*
 * Looks a process of a core up by pid or number, and sets what is named by bits of enum mon_relation_set; *r is how it
 * is then. ERR_NO_PROCESS.
 */
err_t mon_relate(coreid_t core, enum mon_signal_to by, uint64_t who, unsigned set, struct mon_relation *r);
/* Sets what is named of this process, before whatever it asks its monitor for next; waits for no answer. */
err_t mon_relate_say(unsigned set, const struct mon_relation *r);
/* The index-th process of a core; ERR_NOT_FOUND past the last. */
err_t mon_ps(coreid_t core, unsigned index, struct mon_process *out);
/* The same, but pid, id and ticket of it. */
err_t mon_ps_id(coreid_t core, unsigned index, struct mon_process *out);
/* Tells the monitor that this process cannot go on because of a fault; it is stopped with a report. */
void mon_fault_report(unsigned vector, uint64_t error, vaddr_t address, vaddr_t instruction) __attribute__((noreturn));

/* --- cores, the machine -------------------------------------------------------- */

/* What a core's monitor says of it; ERR_CORE_ID past the last core of the machine. */
err_t mon_core(coreid_t core, struct mon_core *out);
/* The same by one question: without interrupts and memory. */
err_t mon_core_brief(coreid_t core, struct mon_core *out);
/* How many cores, from 0 on without a gap, are up; 1 to `most`. */
coreid_t mon_cores_up(coreid_t most);
/* One figure of a core's CPU driver, enum kernel_stat. */
err_t mon_stat(coreid_t core, unsigned stat, uint64_t *value);
/* Lets a core's CPU driver check its own invariants. */
err_t mon_check(coreid_t core, uint64_t *violations);
/* Stops, starts or updates a core. `onto`: which one takes it in, or CORE_ANY. */
#define CORE_ANY UINT16_MAX
err_t mon_core_control(coreid_t core, unsigned control, coreid_t onto);
/* Rounds of agreement that change nothing, to be measured; the cores are this one and others near it. */
struct mon_rounds {
	unsigned kind;      /* enum mon_round_kind */
	unsigned scheme;    /* enum mon_dissemination */
	unsigned cores;     /* that take part */
	unsigned count;     /* of rounds */
	unsigned in_flight; /* at once */
	cycles_t cycles;    /* out: from the first to the end of the last, at the monitor that proposes */
	uint64_t messages;  /* out: requests and acknowledgements received, on all cores */
	uint64_t lines;     /* out: lines written for that */
};
err_t mon_rounds(struct mon_rounds *r);
/* POWER_OFF, POWER_REBOOT, POWER_DEBUG_EXIT with an exit code. Returns only on failure. */
err_t mon_power(unsigned how, unsigned code);
/* One line to the system's log, whatever its length up to MON_TEXT_MAX. */
void mon_log(const char *text);

/* --- services and connections ---------------------------------------------------- */

enum mon_binding_kind { MON_BINDING_LMP, MON_BINDING_URPC };

/*
 * What a side brings to a connection. It cannot know whether the other side is on
 * its core, so it brings both: an endpoint of its own (for LMP) and a notification
 * of its own (URPC doorbell), bound already; and two empty slots to be filled.
 */
struct mon_offer {
	cptr_t endpoint;      /* 0: none; then only another core can be reached */
	cptr_t notification;  /* 0: none; then only the same core can be reached */
	unsigned frame_bits;  /* of the URPC frame; the connecting side chooses. 0: 4 KiB */
	unsigned shared_bits; /* LMP: of a frame that both may map besides; the connecting side chooses. 0: none */
	uint32_t frame_of;    /* connecting: use the frame of this open channel of ours; 0: a new one */
	cptr_t slot_channel;  /* filled with the peer's endpoint (LMP) or the frame (URPC) */
	cptr_t slot_doorbell; /* filled with the peer's notification (URPC), or the shared frame (LMP) */
	cptr_t slot_board;    /* connecting: filled with the server's hint board, if it has one (URPC); 0: no hints */
	uint32_t board;       /* accepting: ours, by mon_board, where the client shall hint (URPC); 0: nowhere */
	unsigned hint;        /* ... by this byte */
};

struct mon_binding {
	unsigned kind;       /* enum mon_binding_kind */
	unsigned side;       /* 0: connected, 1: accepted */
	uint32_t channel;    /* the monitor's number of this side of the connection */
	unsigned frame_bits; /* of the URPC frame, or the shared frame (LMP); 0: there is none */
	uint64_t peer;       /* pid of the other side */
	unsigned hint;       /* the client hints, by byte hint - 1 of the server's board; 0: it does not */
};

struct mon_incoming {
	uint32_t channel;
	uint32_t service; /* as mon_export said */
	uint64_t peer;    /* pid */
};

/* Announces a service under a name of up to MON_NAME bytes. ERR_EXISTS. */
err_t mon_export(const char *name, uint32_t *service);
/* Likewise with enum mon_export_flags; `name` NULL: under none. Further: out->service has got none yet, or others. */
err_t mon_export_as(const char *name, unsigned flags, struct mon_address *out);
/* Where the nearest service of that name is. ERR_NOT_FOUND. */
err_t mon_lookup(const char *name, struct mon_address *out);
/* The next connection that waits to be accepted; blocks the thread when `wait`, else ERR_AGAIN. */
err_t mon_incoming(struct mon_incoming *out, bool wait);
/* Accepts it: fills the offer's slots. */
err_t mon_accept(uint32_t channel, const struct mon_offer *offer, struct mon_binding *out);
err_t mon_reject(uint32_t channel, err_t reason);
/* Connects to a service; blocks until it has accepted. ERR_NOT_FOUND, ERR_DENIED, or the reason of its refusal. */
err_t mon_connect(const char *name, const struct mon_offer *offer, struct mon_binding *out);
/* Connects to the service at an address. ERR_CLOSED: that process is gone. ERR_DENIED: its secret is another. */
err_t mon_connect_at(const struct mon_address *at, const struct mon_offer *offer, struct mon_binding *out);
/* Ends this side of a connection. The peer is told; a URPC frame is freed when both sides have ended. */
err_t mon_close(uint32_t channel);
/* --- mail: lines that monitors carry, without a connection -------------------------- */

struct mon_mail {
	struct mon_address at; /* to whom; of a line that came: where answers go */
	uint32_t service;      /* number of ours that answers go to; of a line that came: what it was sent to */
	uint32_t words;        /* of the line, up to MON_WORDS; 0: the sender will send no more */
	bool opens;            /* the first that its sender sends there, with that number for answers */
	uint64_t word[MON_WORDS];
};
/* A line under way. `done` is called, in the dispatcher's scheduler, when the receiver has it or cannot get it. */
struct mon_letter {
	struct mon_letter *next;
	uint32_t sequence;
	void (*done)(struct mon_letter *l, err_t err);
};
/*
 * Sends a line without waiting. `l` (NULL: nobody wants to know) is the monitor's till `done`: ERR_CLOSED, no such
 * process; ERR_DENIED; ERR_MAILBOX_FULL; ERR_WATCHERS, ERR_AGAIN: this line cannot be carried now; ERR_CORE_ID,
 * ERR_CORE_TIMEOUT.
 */
err_t mon_mail(struct mon_letter *l, const struct mon_mail *m);
/* `done` will not be called. */
void mon_mail_forget(struct mon_letter *l);
/* So many lines that came have been taken, and as many may come. In disabled mode. */
void mon_mail_taken(unsigned lines);
/*
 * Called in the dispatcher's scheduler: a line came (at most MON_MAIL_UNTAKEN that have not been taken); a process
 * that lines came from or went to has ended, with number 0 all of that core.
 */
void mon_set_mail_handlers(void (*arrived)(const struct mon_mail *m), void (*gone)(uint64_t pid));

/* A page for the hints of clients on other cores, zero, into the empty slot `slot`, and its number. */
err_t mon_board(cptr_t slot, uint32_t *board);
/* Gives it back; it is freed when the connections that it served are over. */
err_t mon_board_close(uint32_t board);
/* Called, in the dispatcher's scheduler (must not block), when a peer has closed or died. */
void mon_set_closed_handler(void (*closed)(uint32_t channel));
/* Likewise when a connection waits to be accepted; for servers that do not keep a thread in mon_incoming. */
void mon_set_incoming_handler(void (*incoming)(void));
/*
 * Likewise with a line for the system's log (not NUL-terminated, no newline):
 * monitors send their own and those of mon_log to whoever serves "console".
 */
void mon_set_log_handler(void (*handler)(const char *text, size_t length));
/*
 * Likewise for whoever serves "console": the machine is to be switched off. It shows
 * what it holds, then asks for the same by mon_power.
 */
void mon_set_power_handler(void (*handler)(unsigned how, unsigned code));
