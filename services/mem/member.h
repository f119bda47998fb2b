/* The fleet: see member.c. */
#pragma once

#include "kernel/abi/types.h"

#define MEM_FLEET "mem"       /* the fleet's name */
#define MEM_FILES "mem.files" /* that of its files, which are served by one member at a time */

/* What the clock says: also where it must say what another's said. */
struct mem_time mem_clock(void);
/* Runs a member, as fleet_main does. */
int mem_member(int argc, char **argv, uint64_t quota);
