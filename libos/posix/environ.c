/* The environment, in a file of its own: what uses it may be linked where posix_start is another. */
#include <unistd.h>

char **environ;
