/*
 * What a process and its monitor, and two monitors, say to each other.
 *
 * One shape on both fabrics: a message is 7 words, a header and 6 words of
 * payload (LMP carries them as words 0 to 6, URPC as one line).  Text longer
 * than the payload goes ahead in MON_TEXT messages of up to 48 bytes, which the
 * receiver collects per sender; the request that follows owns what was collected.
 * Every request but those marked "no reply" is answered with the same operation
 * and sequence number, MON_REPLY set, and an err_t in `aux`.
 *
 * Capabilities never ride in these messages.  A process names slots of its own
 * space, and the monitor, which built that space, reads and fills them there.
 * "slot" below is the low 32 bits of a cptr_t in the process's own root.
 */
#pragma once

#include "kernel/abi/types.h"

#define MON_WORDS 7
#define MON_PAYLOAD 6
#define MON_CHUNK 48        /* bytes of text in one message */
#define MON_TEXT_MAX 3456   /* bytes of text before one request */
#define MON_NAME 16         /* of a service, NUL not needed when all are used */
#define MON_PROCESS_NAME 32 /* of a process, with its NUL */
#define MON_SERVICE_CORE 0  /* whose monitor keeps the names */
#define MON_MAIL_UNTAKEN 32 /* lines of mail that a process has got and not taken */
/* Services with this bit are for answers to mail: their owner numbers them. */
#define MON_MAIL_ANSWERS (UINT32_C(1) << 31)
/*
 * A process that spans cores: notifications of its members, by core, in a cnode at this slot of the root; its own bit.
 */
#define MON_PEERS_L1 63
#define MON_PEERS_BIT 63
#define MON_HEIR_L1 62           /* slot of the root: what a fork's child shares of its parent's */
#define MON_BADGE (~UINT64_C(0)) /* of the monitor's messages at endpoint 0 */

struct mon_message {
	uint64_t header;
	uint64_t word[MON_PAYLOAD];
};

enum { MON_REPLY = 1 };

static inline uint64_t mon_header(unsigned op, unsigned flags, unsigned aux, uint32_t sequence)
{
	return (op & 0xff) | (uint64_t)(flags & 0xff) << 8 | (uint64_t)(aux & 0xffff) << 16 | (uint64_t)sequence << 32;
}

static inline unsigned mon_op(uint64_t header) { return header & 0xff; }
static inline unsigned mon_flags(uint64_t header) { return (header >> 8) & 0xff; }
static inline unsigned mon_aux(uint64_t header) { return (header >> 16) & 0xffff; }
static inline uint32_t mon_sequence(uint64_t header) { return (uint32_t)(header >> 32); }

/* Words are request -> reply. "text" says that collected text belongs to the request. */
enum mon_op {
	MON_NONE,
	MON_TEXT, /* no reply. aux = bytes (1 to 48); the payload is text */
	/* from a process */
	MON_EXIT,     /* no reply. w0 = status */
	MON_RAM,      /* w0 = bits, w1 = slot -> the slot holds a RAM capability */
	MON_RAM_FREE, /* w0 = slot of a capability got by MON_RAM; all of it is taken back */
	/* text: arguments and environment, NUL-terminated each, and a letter. w0 = core, w1 = ticket or 0: asked again,
	   it is started once; w2 = the process service's number for it, or 0 | arguments << 32 (0: no environment) |
	   MON_SPAWN_SUCCEEDS | heir_heap << 40; w3 = between monitors: it is a service | number of a program by
	   MON_PROGRAM << 1, which w4 sent (0: the boot archive's of that name) | bytes of the letter << 16 |
	   service << 32, w4 = pid, w5 = secret of the mailbox that it finds in its argument page, pid 0: none
	   -> w0 = pid */
	MON_SPAWN,
	MON_WAIT, /* w0 = pid -> w0 = enum mon_cause, w1 = status. Answered when it ends */
	/* w0 = pid. w1 = 0, or: only if it has run for so many ms without MON_ALIVE, or never says that; else
	   ERR_AGAIN */
	MON_KILL,
	/* no reply. w0 = ms that the process may run, on its core's processor, without saying so again; 0: for ever */
	MON_ALIVE,
	MON_PS,       /* w0 = core, w1 = index, w2 = part -> struct mon_process packed by mon_process_pack */
	MON_MIGRATE,  /* w0 = pid, w1 = core: its threads go on there. To the process, unasked: w0 = core */
	MON_MIGRATED, /* w0 = err_t: what came of it */
	MON_CORE,     /* w0 = core, w1 = part -> struct mon_core packed by mon_core_pack */
	MON_STAT,     /* w0 = core, w1 = enum kernel_stat -> w0 = value */
	MON_CHECK,    /* w0 = core -> w0 = violations found by the CPU driver's own check */
	/* w0, w1 = name, w2 = enum mon_export_flags | number << 32 -> w0 = service number, w1 = secret,
	   w2 = core << 32 | process. Between monitors w2 = process | that number << 32, w3 = flags, w4 = secret */
	MON_EXPORT,
	MON_CONNECT, /* w0, w1 = name, w2 = endpoint slot | notification slot << 32,
	                    w3 = frame bits | shared bits << 8 | slot for the server's hint board << 32 (0: none),
	                    w4 = slot for endpoint or frame | slot for notification << 32,
	                    w5 = channel whose frame to use, or 0 -> as below */
	MON_ACCEPT,  /* w0 = channel, w2, w4 as above, w5 = board | its byte for this client << 32, or 0 -> as below */
	MON_REJECT,  /* w0 = channel, w1 = err_t */
	MON_CLOSE,   /* w0 = channel */
	MON_BOARD,   /* w0 = slot -> w0 = board; the slot holds its frame, a page for hints */
	MON_BOARD_CLOSE, /* w0 = board */
	MON_FAULT,       /* no reply. w0 = vector, w1 = error code, w2 = address, w3 = instruction */
	MON_POWER,       /* w0 = enum kernel_power, w1 = exit code. Answered only when it cannot be done */
	MON_LOG,         /* no reply. text: one line */
	/* a process that spans cores: one member on each, with a capability space of its own */
	MON_SPAN,      /* w0 = core, w1 = entry, w2 = its stack: a member there. Answered when it runs */
	MON_ROOT_SLOT, /* w0 = slot of a PTABLE3, w1 = index: into the root of every member, by agreement */
	MON_UNMAP,     /* w0 = core of the member, w1 to w5 = slots there, or 0, of frames mapped in shared tables */
	MON_PROTECT,   /* w0 = core, w1 = slot, w2 = first | count << 16, w3 = MAP_ flags */
	/* capabilities across cores; a slot is one of the asking process's member on the asking core */
	MON_CAP_COPY,    /* w0 = core of another member, w1 = slot here, w2 = slot there, w3 = rights: copy it there */
	MON_CAP_FETCH,   /* w0 = core of another member, w1 = slot there, w2 = slot here, w3 = rights: copy it here */
	MON_CAP_SEND,    /* w0 = channel, w1 = slot, w2 = rights -> w0 = ticket, to be told to the peer in a message */
	MON_CAP_RECEIVE, /* w0 = channel, w1 = ticket, w2 = slot: what the peer sent */
	/* w0 = slot, w1 = offset, w2 = type | bits << 8 | count << 16, w3 = first slot of the results */
	MON_CAP_RETYPE,
	MON_CAP_DELETE, /* w0 = slot */
	MON_CAP_REVOKE, /* w0 = slot */
	/* w0 = enum mon_round_kind, w1 = enum mon_dissemination, w2 = cores, w3 = count, w4 = in flight at once
	   -> w0 = cycles, w1 = messages, w2 = lines written: rounds of agreement that change nothing, to be measured */
	MON_ROUNDS,
	MON_CORE_CONTROL, /* w0 = core, w1 = enum mon_core_control, w2 = core that takes it in, or CORE_ANY */
	MON_ISLAND,       /* monitors: w0 = enum island_op, w1 = core, w2 = APIC id -> w0 = value */
	MON_WALK,         /* -> w0 = violations found when all cores' derivation trees are compared */
	/* to a process, unasked; no reply */
	MON_INCOMING, /* w0 = channel, w1 = service number, w2 = pid of the client */
	MON_CLOSED,   /* w0 = channel: the other side is gone. MON_TEXT, MON_LOG and MON_POWER too
	                    come unasked, to the process that serves "console" */
	/* MON_CONNECT and MON_ACCEPT: -> w0 = enum mon_binding_kind, w1 = channel, w2 = frame bits, w3 = pid,
	   w4 = 1 + byte of the server's board, or 0 */
	/* between monitors */
	MON_HELLO,     /* no reply. w0 = core, w1 = doorbell number, w2 = APIC id, w3 = board (monitor/links.h) */
	MON_INTRODUCE, /* w0 = core to reach, w1 = frame, w2 = bits, w3 = doorbell number, w4 = core that asks,
	                    w5 = its board -> w0 = doorbell number, w1 = board */
	/* from a process, too: w0, w1 = name -> w0 = core, w1 = process number, w2 = service number, w3 = secret */
	MON_LOOKUP,
	MON_FORGET, /* no reply. w0 = core, w1 = process number: it serves no name any more */
	MON_UNWAIT, /* no reply. w0 = pid; the sequence number is that of a MON_WAIT: its answer is not wanted */
	MON_OPEN, /* w0 = server's process number | service number << 32, w1 = client's channel | doorbell number << 32,
	                    w2 = frame, w3 = bits | can hint << 8, w4 = client's pid, w5 = the service's secret
	                    -> w0 = server's channel | doorbell number << 32, w1 = pid,
	                    w2 = frame of the board, or 0, w3 = byte */
	MON_AGREE,   /* no reply of this kind: monitor/agree/wire.h */
	MON_CAPS,    /* no reply of this kind: monitor/caps/wire.h */
	MON_MEMBERS, /* monitor/members.h */
	/* from a process */
	MON_CONNECT_AT, /* w0 = process number | service number << 32, w1 = secret, its core in bits 16 to 31 of w3;
	                    the rest, and the answer, as of MON_CONNECT */
	MON_WATCH, /* w0 = pid; between monitors w1 = number of the process that asks. ERR_NO_PROCESS, ERR_WATCHERS */
	/* to a process, unasked, that watches; no reply */
	MON_GONE, /* w0 = pid, w1 = enum mon_cause, w2 = status; number 0 in w0: all processes of that core. w4 = core
	              << 32 | number of its member there. Between monitors w3 = number of the process that watches */
	/* between monitors */
	MON_UNWATCH, /* no reply. w0 = number of a process that has ended: it watches nothing any more */
	/* from a process, the page service's: memory of a core. w0 = core; between monitors w5 = pid of who asks */
	MON_REGION,      /* w1 = bits -> w0 = number, w1 = base: out of that core's memory, owned by who asks */
	MON_REGION_FREE, /* w1 = base. ERR_CAP_BUSY: something of it is granted */
	/* w1 = base, w2 = pid of its owner -> w0 = number, w1 = bytes granted: who asks owns it from now on */
	MON_REGION_OWN,
	/* w1 = place: the first one there or behind it -> w0 = base, w1 = bits | number << 32, the number's lower half
	   being its place, w2 = pid of the owner, w3 = bytes granted */
	MON_REGIONS,
	/* w1 = pid, w2 = slot there | bits << 32 | type << 40 | frames that follow << 48, w3 = base,
	   w4 = the region's number -> w0 = base, w1 = bytes that the process has. ERR_EXISTS: the same has been
	   granted there before, w0 = base */
	MON_GRANT,
	MON_GRANTED,  /* w1 = base of a region, w2 = page -> w0 to w3: a bit for each from there on that is granted */
	MON_RETURNED, /* w1 = base of a region -> w0 to w5: up to 6 of base | bits that came back, 0: none; each once */
	MON_QUOTA,    /* w1 = pid, w2 = bytes or 0: no limit, w3 = set it? -> w0 = quota, w1 = bytes that it has */
	/* to a process, unasked; no reply: something came back to a region, again after all was asked for */
	MON_BACK, /* w0 = core, w1 = base of the region; between monitors w2 = number of the process */
	/*
	 * A line for a mailbox, from a process. aux = words of it, 0 to 7, and a bit of the two ends' own << 8: 2 of
	 * them in w4 and w5, what is more as text. w0 = number | service << 32, w1 = secret, w2 = core | service that
	 * answers go to << 32 -> when the process has it. ERR_CLOSED, ERR_DENIED, ERR_MAILBOX_FULL, ERR_WATCHERS.
	 * Between monitors w2 = number of the sender | that service << 32, w3 = that service's secret
	 */
	MON_MAIL,
	/* to a process, unasked; no reply. MON_MAIL: aux, w4 and w5 as above, w0 = service | service for answers << 32,
	   w1 = pid of the sender, w2 = secret for answers; right before it, if there are more than 2 words, those */
	MON_MAIL_AHEAD,
	/* from a process */
	MON_MAIL_TAKEN, /* no reply. w0 = lines that it took out of what came */
	/*
	 * A signal, from a process. w0 = core whose processes are meant, w1 = enum mon_signal_to | signal << 8 |
	 * code << 16, w2 = who, w3 = a value, w4 = number of the sender -> w0 = how many it went to. Signal 0: are
	 * there any? To a process, unasked: w1 without the lowest byte, w3, w4
	 */
	MON_SIGNAL,
	/* w0 = core, w1 = enum mon_signal_to (pid or number), w2 = who, w3 = group | session << 32, w4 = parent,
	   w5 = bits of enum mon_relation_set -> w0 = pid, w1 = group | session << 32,
	   w2 = parent | number << 32 */
	MON_RELATE,
	/* to a process that watches, unasked: w0 = pid, w1 = signal that stopped it, or 0: it goes on, or
	   MON_STATE_BEGUN | word of MON_BEGUN. Between monitors w3 = number of the process that watches */
	MON_STATE,
	/*
	 * A look at a process, by who debugs it, or shows it. w0 = core whose member is meant, w1 = pid,
	 * w2 = enum mon_debug | bytes << 8, w3 = address, w4, w5 = data
	 */
	MON_DEBUG,
	/* from a process. w0 = core, w1 = slot: a frame that holds a program, for the next start by this process there
	   -> w0 = its number, for MON_SPAWN */
	MON_PROGRAM,
	/* from a process; no reply. w0 = 32 bits for who watches it, now or later: it has taken its letter */
	MON_BEGUN,
	/* from a process, of a fork. w0 = pid of a child of its on this core, w1 = slot of a cnode, which that gets at
	   MON_HEIR_L1: none of its memory goes before that child and its heirs have ended. It is watched, too.
	   -> w0 = how many heirs there were before it. ERR_HEIRS, ERR_WATCHERS */
	MON_HEIR,
	MON_HEIR_WAIT, /* from such a child: answered when it has that. ERR_CLOSED: its maker is not here any more */
	/*
	 * from a process that has started another with MON_SPAWN_SUCCEEDS. w0 = that one's pid, w1 = signals that are
	 * pending here: it takes this one's place in one step, and this one ends; answered only when it cannot
	 */
	MON_SUCCEED,
	MON_PLACE, /* from a process that has taken what it inherits: answered when it has its place */
	MON_SOLE, /* w0 to w5 = slots, or 0 -> w0 = heirs that live, w1 = a bit for each that has no other capability */
	MON_OPS
};

enum mon_debug {
	MON_DEBUG_STATE,  /* -> struct mon_debug_state by mon_debug_state_unpack */
	MON_DEBUG_CORES,  /* -> w0 to w3 = a bit for each core that it spans; at its home */
	MON_DEBUG_READ,   /* up to 48 bytes -> those. ERR_MAP_UNMAPPED */
	MON_DEBUG_WRITE,  /* up to 16. ERR_DENIED: read-only, and others' too */
	MON_DEBUG_ATTACH, /* it stops; from now on breakpoints, single steps and faults stop it. At its home */
	MON_DEBUG_DETACH, /* they are its own affair again; it goes on */
	MON_DEBUG_OPS
};
#define MON_DEBUG_READ_MOST 48
#define MON_DEBUG_WRITE_MOST 16

struct mon_debug_state {
	unsigned state;  /* enum dispatcher_state */
	unsigned area;   /* enum save_area: where the registers are that it goes on with */
	bool stopped;    /* by a signal, a debugger, or what follows */
	bool attached;   /* somebody debugs it */
	bool trapped;    /* it has come to a breakpoint, the end of a step, a fault */
	unsigned vector; /* ... which */
	uint64_t error, address;
	uint64_t memory; /* bytes that it has on this core */
};

/* Whom a signal is for: a pid; the process service's number; all of a group; all that have numbers but the sender. */
enum mon_signal_to { MON_TO_PID, MON_TO_NUMBER, MON_TO_GROUP, MON_TO_ALL };

/*
 * MISSING: group and session, each if it has none yet. UNANSWERED, from a process to its own monitor: there is no
 * reply.
 */
enum mon_relation_set {
	MON_SET_GROUP = 1,
	MON_SET_SESSION = 2,
	MON_SET_PARENT = 4,
	MON_SET_MISSING = 8,
	MON_SET_UNANSWERED = 16
};

/* Who is started so takes the place of who starts it, `heir.pid`, on that one's core: monitor/succession.c. */
#define MON_SPAWN_SUCCEEDS (UINT64_C(1) << 39)
/* Status, as watchers and waiters see it, of a process whose place another has: with that one's pid. */
#define MON_REPLACED (UINT64_C(1) << 63)

#define MON_STATE_BEGUN (UINT64_C(1) << 32)

/* Signals that monitors heed themselves; the value of a stop is the signal that is told of, if not 0. */
enum { MON_SIGNAL_TRAP = 5, MON_SIGNAL_KILL = 9, MON_SIGNAL_STOP = 17, MON_SIGNAL_CONTINUE = 19, MON_SIGNALS = 64 };
/* Those that stop a process, if it does not say otherwise: 17, 18, 21, 22. */
#define MON_SIGNAL_STOPPERS UINT64_C(0x660000)

/*
 * Shared: others may have the name too, and who looks it up gets the nearest. Unnamed: w0 and w1 mean nothing.
 * Further: a name for the asking process's service whose number is in w2's upper half.
 */
enum mon_export_flags { MON_EXPORT_SHARED = 1, MON_EXPORT_UNNAMED = 2, MON_EXPORT_FURTHER = 4 };

#define MON_GRANTED_PAGES 256 /* that an answer to MON_GRANTED tells of */
#define MON_GRANT_MOST 16     /* frames that are granted at once */

enum mon_round_kind { MON_ROUND_ONE_PHASE, MON_ROUND_TWO_PHASE };
/* How a round travels: monitor/agree/dissemination.h. */
enum mon_dissemination {
	DISSEMINATE_BROADCAST,
	DISSEMINATE_UNICAST,
	DISSEMINATE_MULTICAST,
	DISSEMINATE_NUMA,
	DISSEMINATIONS
};
enum mon_core_control { MON_CORE_STOP, MON_CORE_START, MON_CORE_UPDATE };

enum mon_cause { MON_EXITED, MON_KILLED, MON_FAULTED };
enum mon_core_state { MON_CORE_ABSENT, MON_CORE_UP, MON_CORE_MISSING, MON_CORE_OFF };

struct mon_process {
	uint64_t pid;
	uint32_t cores;  /* that it spans */
	uint32_t state;  /* enum dispatcher_state */
	uint64_t cycles; /* that it has run */
	char name[MON_PROCESS_NAME];
	/* part 1 */
	uint64_t ticket; /* with which it was asked for; 0: none */
	uint32_t id;     /* the process service's number; 0: none */
};
#define MON_PROCESS_PARTS 2

struct mon_core {
	uint32_t core, apic_id;
	uint32_t state; /* enum mon_core_state; when it is not up nothing below is known */
	uint32_t at;    /* core on whose processor it runs */
	uint32_t processes;
	uint64_t uptime; /* cycles since its CPU driver started */
	uint64_t tsc_hz;
	uint64_t messages; /* LMP messages on that core and lines that its monitor sent and received */
	uint64_t ipis_sent, ipis_received;
	uint64_t idle;                /* cycles halted */
	uint64_t ram_total, ram_free; /* bytes; free: not given to any process */
};

#define MON_CORE_PARTS 2

/* Payloads of MON_PS and MON_CORE replies, and back. The name is in 4 words, 8 characters each. */
void mon_process_pack(const struct mon_process *p, unsigned part, struct mon_message *m);
void mon_process_unpack(struct mon_process *p, unsigned part, const struct mon_message *m);
void mon_core_pack(const struct mon_core *c, unsigned part, struct mon_message *m);
void mon_core_unpack(struct mon_core *c, unsigned part, const struct mon_message *m);
/* Of MON_DEBUG_STATE. */
void mon_debug_state_pack(const struct mon_debug_state *s, uint64_t words[MON_PAYLOAD]);
void mon_debug_state_unpack(struct mon_debug_state *s, const uint64_t words[MON_PAYLOAD]);

/* Puts up to MON_CHUNK bytes of text into a MON_TEXT message; returns how many. */
size_t mon_text_pack(struct mon_message *m, const char *text, size_t length);
/* Bytes of a MON_TEXT message copied to `out` (MON_CHUNK large), or 0 when it is malformed. */
size_t mon_text_unpack(const struct mon_message *m, char *out);
/* A name of up to MON_NAME bytes in two words and back; out is NUL-terminated. ERR_TOO_LONG, ERR_ARGUMENT. */
err_t mon_name_pack(const char *name, uint64_t words[2]);
void mon_name_unpack(const uint64_t words[2], char out[MON_NAME + 1]);
