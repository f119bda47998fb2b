/*
 * Text that came ahead of a request, collected per sender. Portable.
 */
#pragma once

#include "libos/core/monitor_proto.h"
#include "monitor/process_table.h"

#define TEXT_BUFFERS 8

struct text {
	struct origin origin;
	uint32_t age; /* turn of its last use; 0: free */
	uint32_t length;
	bool overflow;               /* there was more than MON_TEXT_MAX; what is here is no use */
	char data[MON_TEXT_MAX + 1]; /* NUL-terminated by text_take */
};

struct texts {
	uint32_t turn;
	uint32_t used; /* buffers that ever were in use: the rest need no look */
	struct text buffer[TEXT_BUFFERS];
};

/* Adds a MON_TEXT message. With all buffers taken, the one that is longest untouched is lost. False: malformed. */
bool text_append(struct texts *t, struct origin from, const struct mon_message *m);
/* The text of a sender, or NULL; it is good until text_release. */
struct text *text_take(struct texts *t, struct origin from);
void text_release(struct text *text);
/* Drops what a sender has collected, if anything. */
void text_drop(struct texts *t, struct origin from);
