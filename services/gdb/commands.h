/* What GDB asks, and the answers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "services/gdb/packet.h"

#define ANSWER_MOST PACKET_MOST

/*
 * Answers a packet: a text in `to` (ANSWER_MOST + 1 bytes), maybe empty, which is for what is not known. False: the
 * answer comes when the process has stopped, or never.
 */
bool command_answer(const char *text, char *to);
/* The interrupt byte: the process is to stop. */
void command_interrupt(void);
/* The answer that was put off, from what became of the process; false: nobody waits for one. */
bool command_outcome(const char *outcome, char *to);
