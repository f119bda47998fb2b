/*
 * Starting programs through the process service, from any program.
 *
 * The service chooses the core, keeps the exit status, and survives the death of its members: a call
 * that is under way then is repeated, and does its work once. Where there is no such service
 * (services=none), programs are started by the monitors, on the caller's core if none is named, and have no number.
 */
#pragma once

#include "libos/fabric/mailbox.h"
#include "services/proc/types.h"

/* Of this process: it starts no other while there are so many in all; 0: as many as the service allows. */
extern uint32_t program_most;

struct program {
	uint32_t id;  /* the service's number; 0: started without it */
	uint64_t pid; /* the monitors' name */
};

/*
 * Starts argv[0] of the boot archive. Both arrays end with NULL; `envp` may be NULL: none. `core`: or PROC_ANYWHERE.
 * ERR_NOT_FOUND, ERR_CORE_ID, ERR_TOO_LONG, ERR_ARGUMENT, ERR_NO_MEMORY.
 */
err_t program_start(const char *const *argv, const char *const *envp, uint32_t core, struct program *out);
/* What is handed to a child by who starts it. */
struct program_heir {
	struct mailbox mailbox; /* asked by the child for what it inherits: libos/posix/inherit.h */
	uint32_t heap;          /* heir_heap of struct process_args */
	const void *letter;     /* in its argument page; it and argv[0] have room in PROC_TEXT_MAX */
	uint32_t letter_bytes;
	cptr_t frame; /* that holds the program, from its first byte on; 0: it is argv[0] of the boot archive */
};
/* The same for such a child. Of a frame ERR_ELF_FORMAT, ERR_ELF_RANGE besides, and ERR_NOT_FOUND for ERR_AGAIN. */
err_t program_start_heir(const char *const *argv, uint32_t core, const struct program_heir *heir, struct program *out);
/*
 * The same in place of the caller, at its home and with its number, which program_become tells the service; then
 * mon_succeed gives it that place.
 */
err_t program_start_successor(const char *const *argv, const struct program_heir *heir, uint64_t *pid);
err_t program_become(uint64_t pid);
/* Waits until it has ended. */
err_t program_wait(const struct program *p, struct proc_end *end);
err_t program_kill(const struct program *p);
/* Has it go on on that core. */
err_t program_migrate(const struct program *p, coreid_t core);
/* The program of that number. ERR_NO_PROCESS; ERR_NOT_FOUND: there is no such service. */
err_t program_find(uint32_t id, struct program *out);
/* As proc_list; without the service the monitors are asked. */
err_t program_list(struct proc_cursor *at, struct proc_info *list, uint32_t *count);
/* What a member of the service says of itself. */
err_t program_statistics(struct proc_statistics *out);
