/*
 * What a CPU driver tells its monitor at start, what a process finds in its
 * argument page, and the form of the boot archive.
 */
#pragma once

#include "types.h"

#define BOOT_INFO_MAGIC UINT64_C(0x31796b73746f6f62) /* "bootsky1" */
#define BOOT_INFO_BITS 15                            /* 32 KiB frame at BOOT_INFO_VA */
#define NODES_MAX 64
#define BOOT_CMDLINE 512

enum core_presence { CORE_ABSENT, CORE_ENABLED };

struct boot_info {
	uint64_t magic;
	uint32_t core;  /* this core */
	uint32_t cores; /* entries of apic_id */
	uint64_t tsc_hz;
	uint64_t boot_tsc;  /* TSC at the first instruction of the first CPU driver, best known */
	uint64_t start_tsc; /* ... of this CPU driver */
	paddr_t archive;    /* boot archive: aligned to its frame */
	uint64_t archive_size;
	uint32_t archive_bits;
	uint32_t ram_caps; /* RAM capabilities in CPTR(L1_RAM, 0 ...) */
	uint64_t ram_bytes;
	paddr_t boot_urpc; /* frame shared with monitor 0; 0 on core 0 */
	uint32_t boot_urpc_bits;
	uint32_t wall_valid;   /* wall_seconds read from the real-time clock */
	uint64_t wall_seconds; /* since 1970, at boot_tsc */
	char cmdline[BOOT_CMDLINE];
	uint32_t apic_id[CORES_MAX];
	/* Where the cores are. Cores of one package share its last cache; numbers are dense. */
	uint16_t package[CORES_MAX];
	uint8_t node[CORES_MAX];                /* of memory (ACPI SRAT); 0 when there is no such table */
	uint8_t distance[NODES_MAX][NODES_MAX]; /* ACPI SLIT: 10 is local; 0: not known */
};

/*
 * Boot archive: header, entries, then the files, each at a page boundary so that
 * program text is mapped where it lies. Made by tools/mkarchive.
 */
#define ARCHIVE_MAGIC UINT64_C(0x3176686372796b73) /* "skyrchv1" */
#define ARCHIVE_NAME 48

struct archive_entry {
	char name[ARCHIVE_NAME]; /* NUL-terminated */
	uint64_t offset;         /* bytes from the archive's start, page aligned */
	uint64_t size;
};
struct archive_header {
	uint64_t magic;
	uint64_t size; /* of the whole archive */
	uint32_t count;
	uint32_t unused;
	struct archive_entry entry[];
};

/* Argument page of a process, read-only at ARGS_VA. */
#define PROCESS_ARGS_MAX 64
#define PROCESS_NAME 32
struct process_args {
	uint64_t pid; /* core << 32 | number */
	char name[PROCESS_NAME];
	uint64_t argc;
	uint64_t ram_bits; /* of TASK_RAM */
	uint64_t ram_used; /* bytes of TASK_RAM from its start that spawn took */
	vaddr_t image_end; /* first page above the program's segments */
	vaddr_t stack_top; /* of the first thread; spawn maps it */
	uint64_t stack_bytes;
	/* In the frame whose first page this is: the last segment, which begins at `data`; the stack's lowest byte. */
	vaddr_t data;
	uint64_t data_offset, stack_offset;
	vaddr_t tls_image; /* PT_TLS: address, bytes of file, bytes of memory, alignment */
	uint64_t tls_file;
	uint64_t tls_size;
	uint64_t tls_align;
	uint64_t wall_seconds, boot_tsc; /* as in struct boot_info; wall 0 when unknown */
	uint64_t free_slot;              /* first free slot of cnode 0 */
	uint64_t envc;                   /* strings of the environment, after the arguments */
	uint64_t id;                     /* the number that the process service gave it; 0: none */
	uint64_t service;                /* not 0: others wait for it, so for memory it asks nobody but its monitor */
	/* The mailbox where its parent hands it the rest (libos/posix/inherit.h); pid 0: nobody. */
	uint64_t heir_pid, heir_secret, heir_service;
	uint64_t text_bytes;   /* of `text` */
	uint64_t letter_bytes; /* of those, the last: what its parent hands it if it needs no mailbox; 0: none */
	uint64_t heir_heap;    /* of a fork's child: chunks of the heap that are its parent's; 0: none */
	uint16_t arg[PROCESS_ARGS_MAX]; /* offsets from this struct's start to NUL-terminated text */
	char text[];
};
