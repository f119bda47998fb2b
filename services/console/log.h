/* The system's log: lines that monitors hand us, between their arrival and the screen. */
#pragma once

#include "services/console/screen.h"

/* From now on lines are taken. */
void log_init(void);
/* Shows the oldest line; false when there is none. */
bool log_show(struct screen *s);
