/* The error table as text. See kernel/abi/error.h: one table, used here a second time. */
#include "libos/core/error_text.h"

#include "kernel/abi/error.h"

const char *error_text(err_t code)
{
	static const char *const texts[] = {
#define ERROR_TEXT(number, name, text) [number] = text,
		ERROR_TABLE(ERROR_TEXT)
#undef ERROR_TEXT
	};
	if (code < 0 || code >= ERROR_COUNT || !texts[code])
		return "unknown error";
	return texts[code];
}
