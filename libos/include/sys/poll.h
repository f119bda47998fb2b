/* The older name. */
#include <poll.h>
