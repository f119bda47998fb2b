/*
 * What the tests have child processes do: this program again, as "tests --do WHAT ARG".
 */
#pragma once

#include "kernel/abi/types.h"

err_t child_start(coreid_t core, const char *what, const char *arg, uint64_t *pid);
/* Starts and waits; cause is an enum mon_cause. */
err_t child_run(coreid_t core, const char *what, const char *arg, unsigned *cause, uint64_t *status);
/* In the child. Returns the exit status, or 255 where `what` should have ended it. */
int child_main(const char *what, const char *arg);

/* child_monitor.c */
int deed_babble(const char *arg);
int deed_spawn_on(const char *arg);
int deed_serve_once(const char *arg);
int deed_serve_never(const char *arg);
int deed_revoke_ram(const char *arg);
int deed_deaf(const char *arg);
int deed_waits(const char *arg);
int deed_wait_for(const char *arg);
int deed_serve_stay(const char *arg);
int deed_serve_close(const char *arg);
int deed_client_told(const char *arg);
int deed_revoke_tasks(const char *arg);
int deed_connect_and_go(const char *arg);
int deed_revoke_own(const char *arg);
int deed_revoke_dispatcher(const char *arg);
int deed_sleep_long(const char *arg);
int deed_rounds(const char *arg);

/* test_tmp.c */
int deed_files_inherited(const char *arg);

/* test_sys.c */
int deed_debuggee(const char *arg);

/* test_mailbox.c */
int deed_mailbox_call(const char *arg);
int deed_shared_serve(const char *arg);
int deed_watch_and_go(const char *arg);
int deed_call_later(const char *arg);

/* test_grant.c */
int deed_take_pages(const char *arg);
int deed_heap_of_service(const char *arg);
int deed_take_all(const char *arg);

/* test_name.c */
int deed_name_and_stay(const char *arg);
int deed_name_and_do_not_read(const char *arg);
int deed_name_the_table(const char *arg);

/* test_mail.c */
int deed_mail_deaf(const char *arg);

/* child_span.c */
int deed_span_visit(const char *arg);
int deed_span_still(const char *arg);
int deed_span_heap(const char *arg);
int deed_span_touch(const char *arg);
int deed_span_unmap(const char *arg);
int deed_span_gone(const char *arg);
int deed_span_protect(const char *arg);
int deed_span_root(const char *arg);
int deed_span_exit(const char *arg);
int deed_span_fault(const char *arg);
int deed_span_spin(const char *arg);
int deed_span_refused(const char *arg);
int deed_span_close(const char *arg);
int deed_span_hang_up(const char *arg);

/* test_rpc.c */
int deed_span_calls(const char *arg);

/* child_migrate.c */
int deed_move_spin(const char *arg);
int deed_move_sleep(const char *arg);
int deed_move_print(const char *arg);
int deed_move_threads(const char *arg);

/* test_spawn.c */
int deed_long_environment(const char *arg);
int deed_parent(const char *arg);
int deed_become(const char *arg);
int deed_become_copy(const char *arg);
int deed_fork_copy(const char *arg);
int deed_fork_changed(const char *arg);
int deed_is_number(const char *arg);

/* test_exec.c */
int deed_heir(const char *arg);

/* test_signals.c */
int deed_take_signal(const char *arg);
int deed_abort(const char *arg);

/* test_pipe.c */
int deed_pipe_records(const char *arg);
int deed_pipe_sum(const char *arg);
int deed_pipe_nonblock(const char *arg);
int deed_pipe_pour(const char *arg);
int deed_pipe_hold(const char *arg);

/* child_limits.c */
int deed_use_memory(const char *arg);
int deed_use_threads(const char *arg);
int deed_use_slots(const char *arg);
int deed_map_badly(const char *arg);
