/* The one table from kernel/abi/error.h to errno; what is not in it is EIO. */
#include "kernel/abi/error.h"
#include "libos/posix/errno.h"

static const uint8_t table[ERROR_COUNT] = {
	[ERR_SYSCALL] = ENOSYS,    [ERR_CAP_LOOKUP] = EINVAL,   [ERR_CAP_TYPE] = EINVAL,   [ERR_CAP_RIGHTS] = EACCES,
	[ERR_CAP_OP] = EINVAL,     [ERR_CAP_BUSY] = EBUSY,      [ERR_CORE_ID] = EINVAL,    [ERR_ARGUMENT] = EINVAL,
	[ERR_NO_MEMORY] = ENOMEM,  [ERR_NO_SLOTS] = ENOMEM,     [ERR_NOT_FOUND] = ENOENT,  [ERR_EXISTS] = EEXIST,
	[ERR_CLOSED] = EIO,        [ERR_AGAIN] = EAGAIN,        [ERR_TIMEOUT] = ETIMEDOUT, [ERR_ELF_FORMAT] = ENOEXEC,
	[ERR_ELF_RANGE] = ENOEXEC, [ERR_NO_PROCESS] = ESRCH,    [ERR_DENIED] = EPERM,      [ERR_MESSAGE] = EPROTO,
	[ERR_TOO_LONG] = E2BIG,    [ERR_UNSUPPORTED] = ENOTSUP,
};

int errno_from(err_t err)
{
	if (err == 0)
		return 0;
	return err > 0 && err < ERROR_COUNT && table[err] ? table[err] : EIO;
}
