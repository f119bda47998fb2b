/* What the word before the cursor may become: an edit_complete. */
#pragma once

#include "user/shell/edit.h"

void complete_line(void *arg, const char *line, size_t cursor, struct candidates *out);
