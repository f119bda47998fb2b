/*
 * What things take, in ns, one instruction being 1 ns: from the instructions counted on metal
 * (bench/baseline.json; the rows are named).
 */
#pragma once

#define COST_SEND 20    /* urpc_send, with the channel's check */
#define COST_RECEIVE 20 /* urpc_receive */
#define COST_HANDLE 500 /* what is done about a line: a handler, or the caller's own work */
#define COST_POLL 5     /* urpc_poll, of an idle channel */
#define COST_KICK 11    /* urpc_kick */
#define COST_WAKE 600   /* an interrupt, and the upcall that makes a thread ready */
#define COST_SWITCH 60  /* thread_switch */
#define COST_MALLOC 40
#define COST_MONITOR 700               /* a monitor takes a request and answers it */
#define COST_SPAWN 120000              /* ... loads a program; proc_spawn */
#define COST_GRANT 800                 /* retype, with clearing 4 KiB */
#define COST_CONNECT 4000              /* a connection is made */
#define TELL_CLOSED 3000               /* till a monitor has told the peers of who is gone */
#define CORE_MISSED (20 * MILLISECOND) /* till a core's death is agreed on */
