/*
 * The names of services, kept by one monitor (MON_SERVICE_CORE) for all cores.
 * Portable.
 */
#pragma once

#include "kernel/abi/types.h"

#define NAMES_MAX 64

struct service_name {
	uint64_t name[2]; /* as mon_name_pack makes it; both 0: free */
	coreid_t core;    /* of the process that serves it */
	uint32_t process; /* its number there */
	uint32_t service; /* that core's number for it */
};

struct names {
	struct service_name entry[NAMES_MAX];
};

/* 0, ERR_EXISTS, ERR_ARGUMENT for an empty name, or ERR_NO_MEMORY. */
err_t names_add(struct names *n, const struct service_name *s);
/* NULL when there is none. */
const struct service_name *names_find(const struct names *n, const uint64_t name[2]);
/* Forgets all names of a process; returns how many there were. */
unsigned names_forget(struct names *n, coreid_t core, uint32_t process);
