/*
 * Polling for a while before the monitor sleeps: linger.c.
 */
#pragma once

#include "libos/thread/thread.h"
#include "monitor/monitor.h"

/* Measures what waking up and looking cost; needs the doorbell that raises `work`. */
err_t linger_init(struct event *work);
/* True: something has come, from another monitor or as an event. */
bool linger(const struct event *work);
