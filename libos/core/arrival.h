/*
 * Between the libOS's own parts: what dispatcher.c tells lmp.c, and what start.c
 * starts.  Programs do not need it.
 */
#pragma once

#include "libos/core/lmp.h"
#include "libos/core/vspace.h"

/* Writes entries and stack of the upcalls into the dispatcher page. Disabled mode. */
void dispatcher_init(void);
/* The endpoint's ring or hold has something: wakes who waits, or runs the handler. Disabled mode. */
void lmp_arrived(struct lmp_endpoint *e);
/* Makes lmp_self, endpoint 0. */
err_t lmp_init(void);
/* Slots of the first cnode from `first` on are free. */
void slot_init(cptr_t first);
void ram_init(void);
void vspace_self_init(void);
/* Likewise in a member on another core; `nodes`: VSPACE_NODES_MEMBER of them in memory that all members share. */
err_t ram_init_member(void);
/* Sends a request with text ahead, and does not wait (monitor_client.c). */
struct mon_message;
err_t mon_request_send(const struct mon_message *m, const char *text, size_t length);
/* ... and waits for the reply, which replaces `m`. */
err_t mon_call_text(unsigned op, struct mon_message *m, const char *text, size_t length);
/* What comes, for the parts of its client: monitor_process.c, monitor_cores.c, monitor_connect.c. Disabled mode. */
void gone_arrived(const struct mon_message *m);
void state_arrived(const struct mon_message *m);
void signal_arrived(const struct mon_message *m);
void log_arrived(const struct mon_message *m);
void log_complete(void);
void incoming_arrived(const struct mon_message *m);
/*
 * From the monitor: mail; the answer to some, unless it is to a mon_call; the process with that member has ended
 * (monitor_mail.c). Disabled mode.
 */
void mail_arrived(const struct mon_message *m);
bool mail_answered(const struct mon_message *m);
void mail_sender_gone(uint64_t pid);
struct vspace_node;
void vspace_self_init_member(struct vspace_node *nodes);
/* Feeds the allocators' own pools of nodes when they run low. Holds no lock. */
void ram_tend(void);
void vspace_tend(void);
/* Waits until no other thread of this core does the latter. */
void vspace_settle(void);
/* Does the calling thread hold our address space's mutex? Then nothing can be mapped. */
bool vspace_is_locked(void);
