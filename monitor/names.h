/*
 * The names of services, kept by one monitor (MON_SERVICE_CORE) for all cores.
 * Portable.
 */
#pragma once

#include "kernel/abi/types.h"

#define NAMES_MAX 256

struct service_name {
	uint64_t name[2]; /* as mon_name_pack makes it; both 0: free */
	coreid_t core;    /* of the process that serves it */
	uint32_t process; /* its number there */
	uint32_t service; /* that core's number for it */
	bool shared;      /* others may have the name too */
	uint64_t secret;
};

struct names {
	struct service_name entry[NAMES_MAX];
};

/*
 * 0, ERR_EXISTS, ERR_ARGUMENT for an empty name, or ERR_NO_MEMORY. A name may have several bearers when all of them are
 * shared and of different processes.
 */
err_t names_add(struct names *n, const struct service_name *s);
/* A bearer of the name; NULL when there is none. */
const struct service_name *names_find(const struct names *n, const uint64_t name[2]);
/* The bearer that is nearest to core `from`; of several that are as near, they take turns by `turn`. */
const struct service_name *names_nearest(const struct names *n, const uint64_t name[2], coreid_t from, unsigned turn,
					 unsigned (*distance)(coreid_t a, coreid_t b));
/* Forgets all names of a process; returns how many there were. */
unsigned names_forget(struct names *n, coreid_t core, uint32_t process);
/* Likewise of all processes of a core. */
unsigned names_forget_core(struct names *n, coreid_t core);
