/*
 * Processes and what they do with their capabilities, as work: caps.c.
 */
#pragma once

#include "tools/sim/sim.h"

/* Processes, and room for so many operations. */
void caps_begin(unsigned operations);
/* How many members are to be made, and one of them. */
unsigned caps_spans(void);
void caps_span_act(void);
/* One operation by one of them. */
void caps_act(void);
/* One of them ends. */
void caps_kill_act(void);
void caps_answer(coreid_t core, uint32_t process, const uint64_t line[SIM_WORDS]);
/* Requests of who has ended, or whose core is dead, are not answered. */
void caps_forget(void);
/* Asked by the living and not answered. */
unsigned caps_unfinished(void);
/* A new process asks for the monitors' own check of all cores, and what it finds is `judged`; that it ends. */
void caps_walk(bool judged);
void caps_walk_end(void);
/* All processes end. */
void caps_end(void);
/* When they have ended and nothing is under way: is all memory back? */
void caps_check(void);
void caps_show(void);

struct caps_figures {
	unsigned done, refused, requests, touched;
};
void caps_figures(struct caps_figures *f);
