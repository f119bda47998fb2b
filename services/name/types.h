/*
 * What the name service and its users both say: names, entries, policies.
 *
 * A name is a path of components of any bytes but NUL, separated by '/'; empty components
 * count for nothing, so "/fleet//page/" is "/fleet/page".
 */
#pragma once

#include "kernel/abi/types.h"
#include "libos/fabric/mailbox.h"

#define NAME_COMPONENT 255 /* bytes */
#define NAME_DEPTH 16      /* components */
#define NAME_PATH 1023     /* bytes of a whole path as it is given, without its NUL */
#define NAME_NAMES_MAX (1u << 20)
#define NAME_WATCHES 64 /* of one client at a time */

/* How a fleet's name resolves to one of the names right below it. */
enum name_policy {
	NAME_NO_POLICY, /* it is no fleet's name */
	NAME_NEAR,      /* the member nearest to the asking core; by turns among those as near */
	NAME_LEAST,     /* the one with the least load, by turns among those */
	NAME_WEIGHTED,  /* each in proportion to what it has left of 1,000 */
	NAME_POLICIES
};

#define NAME_LOAD_MAX 1000 /* permille */

/* Of name_register: takes the name even if it stands for another mailbox. */
#define NAME_REPLACE 1u

/* What is known of a name. */
struct name_entry {
	struct mailbox mailbox; /* pid 0: it has none of its own */
	uint32_t policy;        /* enum name_policy */
	uint32_t load;          /* permille */
	uint32_t below;         /* names right below it */
	uint32_t length;        /* of the last component */
};

/* A short path as it goes in one line: zero behind its end. */
#define NAME_SHORT 31 /* bytes */
struct name_short {
	uint64_t word[4];
	uint32_t core; /* of who asks */
	uint32_t unused;
};

/* What a name resolves to. */
struct name_answer {
	struct mailbox mailbox;
	uint64_t version; /* of the table, for name_watch */
};

/* A list is entries one after the other, each with its last component and its NUL behind it, padded to 8 bytes. */
#define NAME_LIST_BYTES 2800
