/*
 * What a CPU driver leaves to the one that replaces it on its core: all that it knows
 * and that is not in objects behind capabilities.
 *
 * The old one writes the record, the new one, whose private data are fresh, reads
 * it; neither calls the other.  HANDOVER_VERSION is raised with any change to this
 * record, to struct arch_handover, or to a structure that lies in objects (struct
 * cap, dispatcher, endpoint, notification, the page tables): then an older driver
 * refuses the newer.  A variable that outlives a system call belongs in here;
 * tools/check_shared finds one that has been forgotten.
 */
#pragma once

#include "../abi/boot.h"
#include "../abi/syscall.h"
#include "cap.h"
#include "dispatch.h"

#define HANDOVER_VERSION 2
#define HANDOVER_NUMBERS 4096
#define HANDOVER_IRQS 256

struct handover {
	/* capabilities */
	struct cap *tree[SPACES];
	uint64_t caps, table_number;
	bool tables_shared;
	struct cap limbo, *doomed;
	unsigned pass_round;
	uint32_t pass_scan;
	/* dispatchers */
	struct run_link ring, *ring_at;
	unsigned runnable;
	struct dispatcher *sleepers;
	cycles_t idle_since;
	uint64_t count[STAT_COUNT];
	/* notifications, interrupts */
	struct notification *exported[HANDOVER_NUMBERS];
	unsigned exported_next;
	struct notification *watcher;
	struct notification *irq[HANDOVER_IRQS];
	/* island.c */
	coreid_t host;
};

/* One member, either way. */
#define HAND_OVER(take, member, variable)                                                           \
	do {                                                                                        \
		_Static_assert(sizeof(member) == sizeof(variable), "as it is in the record");       \
		__builtin_memcpy((take) ? (void *)&(variable) : (void *)&(member),                  \
				 (take) ? (void *)&(member) : (void *)&(variable), sizeof(member)); \
	} while (0)

/* Each file's variables into the record, or (`take`) out of it. */
void cap_delete_hand_over(struct handover *h, bool take);
void cap_map_hand_over(struct handover *h, bool take);
void cap_share_hand_over(struct handover *h, bool take);
void schedule_hand_over(struct handover *h, bool take);
void notify_hand_over(struct handover *h, bool take);
void irq_hand_over(struct handover *h, bool take);
void island_hand_over(struct handover *h, bool take);
