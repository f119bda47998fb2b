/*
 * Sockets: there is no network, and every call says so.
 *
 * Nobody has a descriptor of one, so what takes one says ENOTSOCK, or EBADF if it is no descriptor at all.
 */
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>

#include "libos/posix/errno.h"

static int no_socket(int fd) { return fcntl(fd, F_GETFD) < 0 ? -1 : errno_fail(ENOTSOCK); }

int socketpair(int domain, int type, int protocol, int to[2])
{
	(void)domain;
	(void)type;
	(void)protocol;
	(void)to;
	return errno_fail(ENETDOWN);
}

int socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	return errno_fail(ENETDOWN);
}

/* The same for every call on a socket; what else it is given is not looked at. */
#define NO_SOCKET(type, name, ...) \
	type name(int fd, __VA_ARGS__) { return no_socket(fd); }

#pragma GCC diagnostic ignored "-Wunused-parameter"
NO_SOCKET(int, bind, const struct sockaddr *a, socklen_t n)
NO_SOCKET(int, connect, const struct sockaddr *a, socklen_t n)
NO_SOCKET(int, listen, int backlog)
NO_SOCKET(int, accept, struct sockaddr *restrict a, socklen_t *restrict n)
NO_SOCKET(int, accept4, struct sockaddr *restrict a, socklen_t *restrict n, int flags)
NO_SOCKET(int, getsockname, struct sockaddr *restrict a, socklen_t *restrict n)
NO_SOCKET(int, getpeername, struct sockaddr *restrict a, socklen_t *restrict n)
NO_SOCKET(ssize_t, send, const void *from, size_t n, int flags)
NO_SOCKET(ssize_t, recv, void *to, size_t n, int flags)
NO_SOCKET(ssize_t, sendto, const void *from, size_t n, int flags, const struct sockaddr *a, socklen_t an)
NO_SOCKET(ssize_t, recvfrom, void *restrict to, size_t n, int flags, struct sockaddr *restrict a,
	  socklen_t *restrict an)
NO_SOCKET(ssize_t, sendmsg, const struct msghdr *m, int flags)
NO_SOCKET(ssize_t, recvmsg, struct msghdr *m, int flags)
NO_SOCKET(int, getsockopt, int level, int name, void *restrict to, socklen_t *restrict n)
NO_SOCKET(int, setsockopt, int level, int name, const void *from, socklen_t n)
NO_SOCKET(int, shutdown, int how)

int sockatmark(int fd) { return no_socket(fd); }

/* --- interfaces: none ------------------------------------------------------------------- */

unsigned if_nametoindex(const char *name)
{
	(void)name;
	errno = ENODEV;
	return 0;
}

char *if_indextoname(unsigned index, char *name)
{
	(void)index;
	(void)name;
	errno = ENXIO;
	return NULL;
}
