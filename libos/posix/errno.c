/* The one table from kernel/abi/error.h to errno; what is not in it is EIO. */
#include "kernel/abi/error.h"
#include "libos/ninep/error.h"
#include "libos/posix/errno.h"

static const uint8_t table[ERROR_COUNT] = {
	[ERR_SYSCALL] = ENOSYS,    [ERR_CAP_LOOKUP] = EINVAL, [ERR_CAP_TYPE] = EINVAL,   [ERR_CAP_RIGHTS] = EACCES,
	[ERR_CAP_OP] = EINVAL,     [ERR_CAP_BUSY] = EBUSY,    [ERR_CORE_ID] = EINVAL,    [ERR_ARGUMENT] = EINVAL,
	[ERR_NO_MEMORY] = ENOMEM,  [ERR_NO_SLOTS] = ENOMEM,   [ERR_NOT_FOUND] = ENOENT,  [ERR_EXISTS] = EEXIST,
	[ERR_CLOSED] = EIO,        [ERR_AGAIN] = EAGAIN,      [ERR_TIMEOUT] = ETIMEDOUT, [ERR_ELF_FORMAT] = ENOEXEC,
	[ERR_ELF_RANGE] = ENOEXEC, [ERR_NO_PROCESS] = ESRCH,  [ERR_DENIED] = EPERM,      [ERR_MESSAGE] = EPROTO,
	[ERR_TOO_LONG] = E2BIG,    [ERR_PROCESSES] = EAGAIN,  [ERR_HEIRS] = EAGAIN,      [ERR_UNSUPPORTED] = ENOTSUP,
};

int errno_from(err_t err)
{
	if (err == 0)
		return 0;
	return err > 0 && err < ERROR_COUNT && table[err] ? table[err] : EIO;
}

/* Linux's numbers from 35 on; newlib's are the same up to 34. */
#define LINUX_SAME 34
static const uint8_t linux_table[] = {
	[35] = EDEADLK,   [36] = ENAMETOOLONG, [37] = ENOLCK,        [38] = ENOSYS,        [39] = ENOTEMPTY,
	[40] = ELOOP,     [42] = ENOMSG,       [43] = EIDRM,         [61] = ENODATA,       [62] = ETIME,
	[71] = EPROTO,    [74] = EBADMSG,      [75] = EOVERFLOW,     [84] = EILSEQ,        [88] = ENOTSOCK,
	[90] = EMSGSIZE,  [95] = EOPNOTSUPP,   [98] = EADDRINUSE,    [105] = ENOBUFS,      [106] = EISCONN,
	[107] = ENOTCONN, [110] = ETIMEDOUT,   [111] = ECONNREFUSED, [113] = EHOSTUNREACH, [115] = EINPROGRESS,
	[116] = ESTALE,   [122] = EDQUOT,      [125] = ECANCELED,
};

int errno_from_ninep(unsigned error)
{
	if (error <= LINUX_SAME)
		return (int)error;
	if (error >= sizeof(linux_table) || !linux_table[error])
		return EIO;
	return linux_table[error];
}
