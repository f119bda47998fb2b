/* Errors on the wire: see error.h. Pure. */
#include "libos/ninep/error.h"

#include <string.h>

static const struct {
	unsigned number;
	const char *text;
} errors[] = {
#define ROW(number, NAME, text) { number, text },
	NINEP_ERRORS(ROW)
#undef ROW
};

#define ERRORS (sizeof(errors) / sizeof(*errors))

const char *ninep_error_text(unsigned number)
{
	for (unsigned i = 0; i < ERRORS; i++)
		if (errors[i].number == number)
			return errors[i].text;
	return ninep_error_text(NINEP_EIO);
}

unsigned ninep_error_number(const char *text, size_t length)
{
	for (unsigned i = 0; i < ERRORS; i++)
		if (strlen(errors[i].text) == length && memcmp(errors[i].text, text, length) == 0)
			return errors[i].number;
	return NINEP_EIO;
}

unsigned ninep_error_of(err_t err)
{
	switch (err) {
	case ERR_OK:
		return 0;
	case ERR_AGAIN:
		return NINEP_EAGAIN;
	case ERR_CLOSED:
		return NINEP_ECONNRESET;
	case ERR_TIMEOUT:
		return NINEP_ETIMEDOUT;
	case ERR_NO_MEMORY:
	case ERR_NO_SLOTS:
	case ERR_QUOTA:
		return NINEP_ENOMEM;
	case ERR_NOT_FOUND:
		return NINEP_ENOENT;
	case ERR_EXISTS:
		return NINEP_EEXIST;
	case ERR_DENIED:
		return NINEP_EACCES;
	case ERR_ARGUMENT:
		return NINEP_EINVAL;
	case ERR_TOO_LONG:
		return NINEP_EMSGSIZE;
	case ERR_UNSUPPORTED:
		return NINEP_EOPNOTSUPP;
	case ERR_MESSAGE:
		return NINEP_EPROTO;
	default:
		return NINEP_EIO;
	}
}
