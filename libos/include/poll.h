/* poll. */
#ifndef _POLL_H
#define _POLL_H

#include <sys/cdefs.h>
#include <sys/types.h>

#define POLLIN 0x0001
#define POLLPRI 0x0002
#define POLLOUT 0x0004
#define POLLERR 0x0008
#define POLLHUP 0x0010
#define POLLNVAL 0x0020
#define POLLRDNORM 0x0040
#define POLLRDBAND 0x0080
#define POLLWRNORM 0x0100
#define POLLWRBAND 0x0200

typedef unsigned long nfds_t;

struct pollfd {
	int fd;
	short events, revents;
};

struct timespec;

#ifdef __cplusplus
extern "C" {
#endif

int poll(struct pollfd *__fds, nfds_t __count, int __timeout);
#if __GNU_VISIBLE || __MISC_VISIBLE
int ppoll(struct pollfd *__fds, nfds_t __count, const struct timespec *__timeout, const sigset_t *__mask);
#endif

#ifdef __cplusplus
}
#endif

#endif
