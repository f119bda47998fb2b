/*
 * Errors on the wire: 9P2000.L carries Linux's errno numbers, 9P2000 a text that Linux's
 * client must know to find a number for it.
 *
 * Every function of this folder that touches files gives 0 or one of these. What goes wrong
 * below (a channel that closes, memory that is out) becomes one of them, too.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

/* X(number, NAME, text): the texts are those that 9P2000 clients know. */
#define NINEP_ERRORS(X)                                           \
	X(1, EPERM, "Operation not permitted")                    \
	X(2, ENOENT, "file not found")                            \
	X(4, EINTR, "Interrupted system call")                    \
	X(5, EIO, "Input/output error")                           \
	X(6, ENXIO, "No such device or address")                  \
	X(9, EBADF, "fid unknown or out of range")                \
	X(11, EAGAIN, "Resource temporarily unavailable")         \
	X(12, ENOMEM, "Cannot allocate memory")                   \
	X(13, EACCES, "permission denied")                        \
	X(16, EBUSY, "Device or resource busy")                   \
	X(17, EEXIST, "file or directory already exists")         \
	X(18, EXDEV, "Invalid cross-device link")                 \
	X(20, ENOTDIR, "not a directory")                         \
	X(21, EISDIR, "Is a directory")                           \
	X(22, EINVAL, "Invalid argument")                         \
	X(23, ENFILE, "Too many open files in system")            \
	X(24, EMFILE, "Too many open files")                      \
	X(25, ENOTTY, "Inappropriate ioctl for device")           \
	X(27, EFBIG, "File too large")                            \
	X(28, ENOSPC, "file system is full")                      \
	X(29, ESPIPE, "Illegal seek")                             \
	X(30, EROFS, "read only file system")                     \
	X(31, EMLINK, "Too many links")                           \
	X(32, EPIPE, "Broken pipe")                               \
	X(35, EDEADLK, "Resource deadlock avoided")               \
	X(36, ENAMETOOLONG, "file name too long")                 \
	X(37, ENOLCK, "No locks available")                       \
	X(38, ENOSYS, "Function not implemented")                 \
	X(39, ENOTEMPTY, "directory is not empty")                \
	X(40, ELOOP, "Too many levels of symbolic links")         \
	X(61, ENODATA, "No data available")                       \
	X(71, EPROTO, "Protocol error")                           \
	X(75, EOVERFLOW, "Value too large for defined data type") \
	X(90, EMSGSIZE, "Message too long")                       \
	X(95, EOPNOTSUPP, "Operation not supported")              \
	X(104, ECONNRESET, "Connection reset by peer")            \
	X(110, ETIMEDOUT, "Connection timed out")                 \
	X(116, ESTALE, "Stale NFS file handle")

enum ninep_errno {
#define NINEP_ERRNO(number, NAME, text) NINEP_##NAME = number,
	NINEP_ERRORS(NINEP_ERRNO)
#undef NINEP_ERRNO
};

/* The text of a number; that of EIO for one without. */
const char *ninep_error_text(unsigned number);
/* The number of a text; EIO when it is nobody's. */
unsigned ninep_error_number(const char *text, size_t length);
/* One of the system's own errors as a number; 0 stays 0. */
unsigned ninep_error_of(err_t err);
