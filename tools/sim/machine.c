/*
 * The machine: memory, and the start of its cores.
 */
#include "kernel/abi/dispatcher.h"
#include "tools/sim/sim.h"

#include <elf.h>
#include <err.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define ARCHIVE_BITS 14
#define SPAWN_WINDOW UINT64_C(0x10000000000)
#define SPAWN_WINDOW_BYTES 0x200000
#define SHARE_BITS_FEW 23 /* of memory, for each core */
#define SHARE_BITS_MANY 22
#define FEW_CORES 64
#define START MILLISECOND /* without a message: it has ended */

struct boot_info machine_info;

static uint8_t *memory;
static uint64_t memory_bytes;

uint64_t *machine_word(paddr_t p)
{
	if (p - SIM_PHYSICAL >= memory_bytes)
		sim_violation(0, "a page table points to %lx, where there is no memory", p);
	return (uint64_t *)(memory + (p - SIM_PHYSICAL));
}

/* --- start ------------------------------------------------------------------------------------- */

static void topology_make(void)
{
	machine_info.magic = BOOT_INFO_MAGIC;
	machine_info.cores = options.cores;
	machine_info.tsc_hz = UINT64_C(1000000000);
	snprintf(machine_info.cmdline, sizeof machine_info.cmdline, "silence=%u heartbeat=%u", options.silence,
		 options.heartbeat);
	for (unsigned i = 0; i < options.cores; i++) {
		machine_info.apic_id[i] = i;
		machine_info.package[i] = (uint16_t)package_of((coreid_t)i);
		machine_info.node[i] = (uint8_t)node_of((coreid_t)i);
	}
	for (unsigned a = 0; a < NODES_MAX; a++)
		for (unsigned b = 0; b < NODES_MAX; b++)
			machine_info.distance[a][b] = a == b ? 10 : (uint8_t)(20 + (a ^ b));
}

/*
 * The boot archive, behind all RAM: one program that is never run, of a page of text and one of data, so that
 * monitors can start processes as they do.
 */
static void archive_make(void)
{
	struct archive_header *a = (void *)machine_word(machine_info.archive);
	uint8_t *file = (uint8_t *)a + PAGE_SIZE;
	Elf64_Ehdr e = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			 .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_entry = USER_TEXT_VA,
			 .e_phoff = sizeof e,
			 .e_ehsize = sizeof e,
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2 };
	Elf64_Phdr p[2] = { { .p_type = PT_LOAD,
			      .p_flags = PF_R | PF_X,
			      .p_offset = PAGE_SIZE,
			      .p_vaddr = USER_TEXT_VA,
			      .p_filesz = PAGE_SIZE,
			      .p_memsz = PAGE_SIZE },
			    { .p_type = PT_LOAD,
			      .p_flags = PF_R | PF_W,
			      .p_offset = 2 * PAGE_SIZE,
			      .p_vaddr = USER_TEXT_VA + PAGE_SIZE,
			      .p_filesz = PAGE_SIZE,
			      .p_memsz = PAGE_SIZE } };

	*a = (struct archive_header){ ARCHIVE_MAGIC, SIZE_OF_BITS(ARCHIVE_BITS), 1, 0 };
	a->entry[0] = (struct archive_entry){ "sim", PAGE_SIZE, 3 * PAGE_SIZE };
	memcpy(file, &e, sizeof e);
	memcpy(file + sizeof e, p, sizeof p);
}

/* spawn.c writes a new process's first contents through a window at a fixed address; nobody reads them. */
static void window_make(void)
{
	void *at = mmap((void *)SPAWN_WINDOW, SPAWN_WINDOW_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at != (void *)SPAWN_WINDOW)
		err(2, "the window of spawn.c");
}

static void memory_make(void)
{
	unsigned share = options.cores > FEW_CORES ? SHARE_BITS_MANY : SHARE_BITS_FEW;

	/* cores.c gives each an equal share, rounded down to a power of two; the first keeps the rest. */
	machine_info.ram_bytes = SIZE_OF_BITS(share) * (options.cores + options.cores / 64 + 4);
	machine_info.archive = SIM_PHYSICAL + machine_info.ram_bytes;
	machine_info.archive_bits = ARCHIVE_BITS;
	machine_info.archive_size = SIZE_OF_BITS(ARCHIVE_BITS);
	memory_bytes = machine_info.ram_bytes + SIZE_OF_BITS(ARCHIVE_BITS);
	memory = mmap(NULL, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cores = calloc(options.cores, sizeof *cores);
	if (memory == MAP_FAILED || !cores)
		err(2, "memory of %u cores", options.cores);
	translations_init(memory_bytes);
}

static void core_start(coreid_t core, paddr_t ram, uint64_t ram_bytes, paddr_t urpc, unsigned urpc_bits)
{
	struct island_birth birth = { .core = core,
				      .cores = options.cores,
				      .memory = memory,
				      .bytes = memory_bytes,
				      .ram = ram,
				      .ram_bytes = ram_bytes,
				      .urpc = urpc,
				      .urpc_bits = urpc_bits,
				      .info = &machine_info };

	loader_load(&cores[core].island);
	cores[core].life = CORE_ALIVE;
	cores[core].island.isle_start(&birth);
}

void sim_core_start(coreid_t core, paddr_t ram, unsigned ram_bits, paddr_t urpc, unsigned urpc_bits)
{
	core_start(core, ram, SIZE_OF_BITS(ram_bits), urpc, urpc_bits);
}

void machine_boot(void)
{
	topology_make();
	memory_make();
	archive_make();
	window_make();
	core_start(0, SIM_PHYSICAL, machine_info.ram_bytes, 0, 0);
	cores[0].island.isle_start_others();
	while (fabric_step(sim_now() + START))
		;
	cores[0].island.isle_settle();
	while (fabric_step(sim_now() + START))
		;
	for (coreid_t core = 0; core < options.cores; core++)
		if (cores[core].life != CORE_ALIVE)
			errx(2, "core %u was not started", core);
}
