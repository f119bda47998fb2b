/* Limits as the libOS has them. */
#include_next <sys/syslimits.h>

#undef PATH_MAX
#define PATH_MAX 4096
#undef PIPE_BUF
#define PIPE_BUF 4096
#undef ARG_MAX
#define ARG_MAX 131072
#undef OPEN_MAX
#define OPEN_MAX 10240
#undef NGROUPS_MAX
#define NGROUPS_MAX 1
#undef CHILD_MAX

#ifndef SSIZE_MAX
#define SSIZE_MAX __LONG_MAX__
#endif

#define SYMLOOP_MAX 40
#define HOST_NAME_MAX 64
#define LOGIN_NAME_MAX 32
#define TTY_NAME_MAX 32
