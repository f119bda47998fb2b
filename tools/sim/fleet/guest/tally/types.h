/* What the tally service and its users both say. */
#pragma once

#include "kernel/abi/types.h"

#define TALLY_SHARED 8 /* counters that all clients use; the others are one client's each */
