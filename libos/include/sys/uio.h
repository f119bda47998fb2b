/* Reading and writing in pieces. */
#ifndef _SYS_UIO_H
#define _SYS_UIO_H

#include <sys/types.h>

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif
#define UIO_MAXIOV IOV_MAX

struct iovec {
	void *iov_base;
	size_t iov_len;
};

#ifdef __cplusplus
extern "C" {
#endif

ssize_t readv(int __fd, const struct iovec *__v, int __count);
ssize_t writev(int __fd, const struct iovec *__v, int __count);

#ifdef __cplusplus
}
#endif

#endif
