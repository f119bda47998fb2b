/*
 * The invariants: check.c.
 */
#pragma once

#include "tools/sim/sim.h"

/* Those of capabilities, now; `quiet`: nothing is under way. */
void check_capabilities(bool quiet);
/* Is nothing under way on the living? */
bool check_quiet(void);
/* With heartbeats: do all know who is dead? */
bool check_agreed(void);
/* A core is dead, and perhaps not all have heard: what was its own is nobody's for now. */
bool check_orphans_allowed(void);
