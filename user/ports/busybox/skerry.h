/* For busybox's sources: names of newlib that it has others for, and what newlib lacks. */
#include <stdlib.h>
#include <unistd.h>

#define itoa bb_itoa
#define utoa bb_utoa
#define FLUSHO 0

static char *no_environment[1] __attribute__((unused));
#define clearenv() (environ = no_environment)
