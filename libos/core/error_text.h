/* The texts of kernel/abi/error.h: users see these, never a bare number. */
#pragma once

#include "kernel/abi/types.h"

/* The text of an error code; for one that is not in the table, words that say so. Never NULL. */
const char *error_text(err_t code);
