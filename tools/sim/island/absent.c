/*
 * What the monitor's sources name and the simulator has no use for: devices, names, connections,
 * programs. Requests for it are refused. A definition in a source that is linked goes before these.
 */
#include "monitor/agree/agreement.h"
#include "monitor/boot.h"
#include "monitor/caps/share.h"
#include "monitor/cores.h"
#include "monitor/members.h"
#include "monitor/monitor.h"

#define WEAK __attribute__((weak))
#define REFUSED(name) \
	WEAK void name(struct request *r) { request_reply(r, ERR_UNSUPPORTED, NULL); }
#define DROPPED(name) \
	WEAK void name(struct request *r) { (void)r; }

REFUSED(name_export)
REFUSED(name_lookup)
DROPPED(name_forget)
REFUSED(connection_connect)
REFUSED(connection_connect_at)
REFUSED(watch_request)
REFUSED(signal_request)
REFUSED(signal_relate)
REFUSED(succession_take)
REFUSED(succession_place)
REFUSED(mail_request)
DROPPED(mail_taken)
DROPPED(alive_said)
DROPPED(watch_begun)
DROPPED(watch_gone)
DROPPED(watch_state)
DROPPED(watch_forget)
REFUSED(connection_open)
REFUSED(connection_accept)
REFUSED(connection_reject)
REFUSED(connection_close)
DROPPED(connection_closed)
REFUSED(board_make)
REFUSED(board_give_back)
REFUSED(caps_send_request)
REFUSED(caps_receive_request)
REFUSED(core_control)
REFUSED(core_island)
REFUSED(power_request)
REFUSED(process_spawn_request)
REFUSED(process_wait)
DROPPED(process_unwait)
REFUSED(process_ps)
DROPPED(process_fault)
DROPPED(report_log)
REFUSED(link_introduce)
REFUSED(member_span)
REFUSED(member_root_slot)
REFUSED(member_unmap)
REFUSED(member_protect)
REFUSED(debug_request)
DROPPED(members_message)

WEAK struct process *member_find(uint64_t pid)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *p = &monitor.processes.entry[i];

		if (process_alive(p) && p->pid == pid)
			return p;
	}
	return NULL;
}
WEAK err_t parcel_put(uint64_t channel, cptr_t source, unsigned rights, uint64_t *ticket)
{
	(void)channel, (void)source, (void)rights, (void)ticket;
	return ERR_UNSUPPORTED;
}
WEAK err_t watch_heir(struct process *parent, struct process *child)
{
	(void)parent, (void)child;
	return ERR_UNSUPPORTED;
}
WEAK void core_commit_at(const struct proposal *p) { (void)p; }
WEAK void control_core(coreid_t core, err_t err) { (void)core, (void)err; }
WEAK void name_core_gone(coreid_t core) { (void)core; }
WEAK void watch_core_gone(coreid_t core) { (void)core; }
WEAK void connections_core_gone(coreid_t core) { (void)core; }
WEAK void watch_process_gone(struct process *p) { (void)p; }
WEAK err_t succession_check(uint64_t pid)
{
	(void)pid;
	return ERR_UNSUPPORTED;
}
WEAK void succession_begin(uint64_t pid, struct process *heir) { (void)pid, (void)heir; }
WEAK void succession_end(struct process *p) { (void)p; }
WEAK void process_spawn_right(struct request *r, const struct text *text) { (void)r, (void)text; }
WEAK void name_process_gone(struct process *p) { (void)p; }
WEAK void connections_process_gone(struct process *p) { (void)p; }
WEAK bool alive_hangs(struct process *p, uint64_t ms)
{
	(void)p, (void)ms;
	return true;
}
WEAK void boards_process_gone(struct process *p) { (void)p; }
WEAK void boot_process_gone(const struct process *p) { (void)p; }

WEAK void members_core_gone(coreid_t core) { (void)core; }
WEAK void member_flush_commit(const struct proposal *p) { (void)p; }
WEAK err_t member_root_prepare(const struct proposal *p) { return p->word[0] == CORES_MAX ? ERR_CORE_ID : ERR_OK; }
WEAK void member_root_commit(const struct proposal *p) { (void)p; }
WEAK void member_root_abort(const struct proposal *p) { (void)p; }
WEAK err_t member_join_prepare(const struct proposal *p) { return p->word[0] == CORES_MAX ? ERR_CORE_ID : ERR_OK; }
WEAK void member_join_commit(const struct proposal *p) { (void)p; }
WEAK void member_join_abort(const struct proposal *p) { (void)p; }
WEAK void member_stop_commit(const struct proposal *p) { (void)p; }
WEAK void member_end_commit(const struct proposal *p) { (void)p; }

WEAK bool debug_stopped(struct process *p, const struct disp_state *s, bool told)
{
	(void)p, (void)s, (void)told;
	return false;
}
