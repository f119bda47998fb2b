# Builds and runs Skerry. `make help` lists the targets; V=1 shows the commands.
#
# A file belongs to what its folder belongs to: a new .c or .asm needs no line in here.
# The packages that are needed are installed by tools/deps before the first compilation, and
# sources of others are fetched and built by tools/third_party, once, outside this tree.

BUILD ?= build
CROSS := x86_64-linux-gnu-
CC = $(CROSS)gcc
HOSTCC = gcc
CLANG = clang-14
NASM = nasm
CORES ?= 16
MEM ?= 1G
ACCEL ?= tcg
SOAK ?= 600

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

ifeq ($(V),1)
say = @:
else
.SILENT:
say = @printf '  %-8s %s\n' $(1) $(2)
endif

# --- what there is ---------------------------------------------------------------

KERNEL_C := $(wildcard kernel/core/*.c kernel/x86/*.c)
KERNEL_ASM := $(wildcard kernel/x86/*.asm)
LIBOS_C := $(wildcard libos/*/*.c) kernel/core/elf.c
LIBOS_ASM := $(filter-out libos/x86/crt0.asm,$(wildcard libos/x86/*.asm))
PROGRAM_DIRS := $(patsubst %/,%,$(sort $(dir $(wildcard monitor/*.c services/*/*.c user/*/*.c))))
# The monitor's rooms are folders; a program's files else lie in one.
program_c = $(wildcard $(1)/*.c $(if $(filter monitor,$(1)),monitor/*/*.c))
PROGRAMS := $(notdir $(PROGRAM_DIRS))
# Stubs of the services' annotated headers, made by tools/rpcgen: STUBS_C, in the folders of those headers under GEN.
GEN := $(BUILD)/gen
PROTOS := $(patsubst %/proto.h,%,$(shell grep -ls '^rpc_interface' */*/proto.h))
STUBS_C := $(foreach d,$(PROTOS),$(addprefix $(GEN)/$(d)/$(notdir $(d)),_client.c _server.c))
UNITS := $(basename $(notdir $(wildcard tests/unit/test_*.c)))
FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))

DEPS := $(BUILD)/deps.stamp
NEWLIB := $(BUILD)/newlib
MUSL := $(BUILD)/musl
KERNEL := $(BUILD)/kernel/kernel.elf
LIBSKERRY := $(BUILD)/lib/libskerry.a
SEALED := $(BUILD)/lib/sealed/libskerry.a
CRT0 := $(BUILD)/lib/crt0.o
ARCHIVE := $(BUILD)/archive.bin
PORTS_ARCHIVE := $(BUILD)/archive-ports.bin
ISO := $(BUILD)/skerry.iso
WRAPPER := $(BUILD)/bin/x86_64-skerry-gcc

# --- flags -----------------------------------------------------------------------

CC_INCLUDE = $(shell $(CC) -print-file-name=include)
LIBGCC = $(shell $(CROSS)gcc -print-libgcc-file-name)
WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wshadow
COMMON = -std=gnu11 -O2 -g $(WARN) -fno-pie -fcf-protection=none -fno-stack-protector \
	-ffile-prefix-map=$(CURDIR)=. -nostdinc -isystem $(CC_INCLUDE) -I. -I$(GEN)
KERNEL_FLAGS = $(COMMON) -ffreestanding -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-jump-tables -fno-asynchronous-unwind-tables \
	$(if $(findstring clang,$(CC)),-mretpoline,-mindirect-branch=thunk)
USER_FLAGS = $(COMMON) -isystem libos/include -isystem $(MUSL)/include -isystem $(NEWLIB)/include -D__skerry__=1 \
	-U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix -Uunix \
	-ftls-model=local-exec -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
KERNEL_LD := $(CROSS)ld -nostdlib -z max-page-size=0x1000 -z noexecstack --build-id=none -T linker/kernel.ld
USER_LD := $(CROSS)ld -m elf_x86_64 -static -z max-page-size=0x1000 -z noexecstack \
	--build-id=none --gc-sections -T linker/user.ld
HOST_FLAGS := -std=gnu11 -O1 -g $(WARN) -D_GNU_SOURCE -I. -I$(GEN) -fno-omit-frame-pointer
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

# --- targets for people ----------------------------------------------------------

.PHONY: all kernel user archive unit fuzz iso pxe run debug sim sim-built fleetsim fleetsim-built figures test test-unit test-fuzz test-model test-sim test-boot test-fleet test-posix soak check \
	format bench count baseline bench-host wrapper ports port clang objects built deps clean help FORCE

all: kernel user archive ## the kernel, the programs, the boot archive
kernel: $(KERNEL) ## the CPU driver
user: $(PROGRAMS:%=$(BUILD)/user/%) ## the monitor, the services and the programs
archive: $(ARCHIVE) ## what the boot loader hands to the kernel
unit: $(UNITS:%=$(BUILD)/host/%) ## the unit tests, for this machine
fuzz: $(FUZZERS:%=$(BUILD)/host/%) ## the fuzz targets, for this machine
iso: $(ISO) ## one image that boots by BIOS and by UEFI
pxe: $(BUILD)/pxe.stamp ## build/pxe, a folder to put on a TFTP server
wrapper: $(WRAPPER) ## build/bin/x86_64-skerry-gcc, for programs of your own

run: iso ## boot the ISO in QEMU; CORES=16 MEM=1G ACCEL=tcg SHARE=FOLDER for /host
	tools/run --iso --cores $(CORES) --mem $(MEM) --accel $(ACCEL) $(SHARE:%=--share %)

debug: all ## gdb on a process of the machine that runs on another terminal; PROC=17 PROGRAM=spin
	tools/gdb $(PROGRAM) $(PROC)

test: built ## all tests; the last line says how many passed
	tools/test
test-unit: unit ## the tests on this machine
	tools/test unit
test-fuzz: fuzz ## short fuzzing on this machine
	tools/test fuzz
test-model: sim-built ## the models, and the simulator held against them
	tools/test model
test-sim: sim-built fleetsim-built ## the tests in the simulator
	tools/test sim
test-boot: iso pxe all wrapper $(BUILD)/kernel/other.elf ## the tests in the emulator
	tools/test boot
test-fleet: all ## members of the four fleets are killed under load of 8 clients each, and ledgers kept
	tools/test --only 'a ledger$$' boot
test-posix: $(BUILD)/posix/archive.bin ## the Open POSIX Test Suite and newlib's tests in the guest; writes docs/posix-results.md
	nice tools/test_posix
soak: built ## fuzzing, simulation, kills and random invocations for SOAK=600 seconds each, larger models
	tools/test --soak $(SOAK) --only '^fuzz|^model|random invocations|operations on|kills|races|threadtest3' fuzz model sim boot
check: all clang ## format, include floors, shared kernel state, static analysis
	tools/test check
format: | $(DEPS) ## lay out the sources as .clang-format says
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format-14 -i

bench: all ## boot 16 cores and run all benchmarks; build/bench.jsonl
	tools/bench --cores $(CORES) --mem $(MEM) --accel $(ACCEL) --out $(BUILD)/bench.jsonl
count: | $(DEPS) ## guest instructions of each operation, deterministic; JSON lines
	$(MAKE) --no-print-directory all >&2
	tools/count
baseline: | $(DEPS) ## make today's counted figures those that tests compare with
	$(MAKE) --no-print-directory all
	tools/count > $(BUILD)/count.jsonl
	tools/compare_counts --update < $(BUILD)/count.jsonl
bench-host: | $(DEPS) ## the message code on two threads of this machine; JSON lines
	$(MAKE) --no-print-directory $(BUILD)/host/bench_host >&2
	$(BUILD)/host/bench_host $$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

built: all ports $(BUILD)/kernel/other.elf iso pxe unit fuzz sim-built fleetsim-built wrapper clang $(BUILD)/host/bench_host

# Both compilers are to find nothing to complain about; clang's objects are only looked at.
clang: $(BUILD)/clang.stamp ## compile all with clang too
$(BUILD)/clang.stamp: $(KERNEL_C) $(LIBOS_C) $(wildcard kernel/*/*.h libos/*/*.h monitor/*.[ch] monitor/*/*.[ch] services/*/*.[ch] user/*/*.[ch]) | $(MUSL).stamp
	$(call say,CLANG,all)
	$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC='$(CLANG) --target=x86_64-linux-gnu' V=0 objects > $(BUILD)/clang.log || { cat $(BUILD)/clang.log; false; }
	touch $@

$(NEWLIB).stamp: tools/third_party $(wildcard tools/recipes/newlib/*) | $(DEPS)
	tools/third_party newlib $(NEWLIB)
	touch $@

# What newlib lacks: tools/recipes/musl. Compiled against our headers, so made again with them.
$(MUSL).stamp: $(wildcard tools/recipes/musl/* libos/include/*.h libos/include/*/*.h) $(NEWLIB).stamp
	tools/third_party musl $(MUSL)
	touch $@

$(DEPS): tools/deps
	mkdir -p $(BUILD)
	tools/deps
	touch $@

deps: ## install the Debian packages that the build and the tests need
	tools/deps

clean: ## remove what was built; fetched libraries stay in their cache
	rm -rf $(BUILD)

help: ## this list
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' Makefile | while read -r t w; do printf '  %-11s %s\n' "$$t" "$$w"; done

# Objects are made again when their flags change.
$(BUILD)/KERNEL.flags $(BUILD)/USER.flags: $(BUILD)/%.flags: FORCE | $(DEPS)
	mkdir -p $(@D)
	printf '%s\n' '$(CC) $($*_FLAGS)' | cmp -s - $@ || printf '%s\n' '$(CC) $($*_FLAGS)' > $@

# --- the CPU driver --------------------------------------------------------------

KERNEL_O := $(KERNEL_C:%=$(BUILD)/kobj/%.o) $(KERNEL_ASM:%=$(BUILD)/kobj/%.o)

$(BUILD)/kobj/%.c.o: %.c $(BUILD)/KERNEL.flags | $(DEPS)
	$(call say,CC,$<)
	mkdir -p $(@D)
	$(CC) $(KERNEL_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/kobj/%.asm.o: %.asm | $(DEPS)
	$(call say,NASM,$<)
	mkdir -p $(@D)
	$(NASM) -f elf64 -g -F dwarf -I. -MD $(@:.o=.d) -MP -o $@ $<

# Linked twice: the second time with the names of the first one's functions, for
# the backtrace of a panic.
$(BUILD)/kernel/first/symbols.c: tools/mksyms | $(DEPS)
	mkdir -p $(@D)
	tools/mksyms < /dev/null > $@

$(BUILD)/kernel/symbols.c: $(BUILD)/kernel/first.elf
	$(CROSS)nm -n $< | tools/mksyms > $@

%/symbols.o: %/symbols.c
	$(CC) $(KERNEL_FLAGS) -c $< -o $@

$(BUILD)/kernel/first.elf: $(KERNEL_O) $(BUILD)/kernel/first/symbols.o linker/kernel.ld
	$(KERNEL_LD) -o $@ $(filter %.o,$^)

$(KERNEL): $(KERNEL_O) $(BUILD)/kernel/symbols.o linker/kernel.ld
	$(call say,LINK,$@)
	$(KERNEL_LD) -o $@ $(filter %.o,$^)

# The same in another layout, to take over from it in a test.
OTHER := $(BUILD)/kernel/other.elf
$(OTHER): $(BUILD)/kobj/tests/boot/other_layout.c.o $(KERNEL)
	$(KERNEL_LD) -o $@ $< $(KERNEL_O) $(BUILD)/kernel/symbols.o

# --- stubs --------------------------------------------------------------------------

$(STUBS_C): $(PROTOS:%=$(GEN)/%/stubs.stamp) ;
$(GEN)/%/stubs.stamp: %/proto.h $(wildcard tools/rpc*) | $(DEPS)
	$(call say,RPCGEN,$<)
	tools/rpcgen $< $(GEN)
	touch $@

# --- user space ------------------------------------------------------------------

# -MD: our own headers for C are system headers to the compiler.
$(BUILD)/obj/%.c.o: %.c $(BUILD)/USER.flags | $(MUSL).stamp $(STUBS_C)
	$(call say,CC,$<)
	mkdir -p $(@D)
	$(CC) $(USER_FLAGS) -MD -MP -c $< -o $@

$(BUILD)/obj/%.asm.o: %.asm | $(DEPS)
	$(call say,NASM,$<)
	mkdir -p $(@D)
	$(NASM) -f elf64 -g -F dwarf -I. -MD $(@:.o=.d) -MP -o $@ $<

$(LIBSKERRY): $(LIBOS_C:%=$(BUILD)/obj/%.o) $(STUBS_C:%=$(BUILD)/obj/%.o) $(LIBOS_ASM:%=$(BUILD)/obj/%.o)
	$(call say,AR,$@)
	mkdir -p $(@D)
	rm -f $@
	$(CROSS)ar rcsD $@ $^

$(CRT0): $(BUILD)/obj/libos/x86/crt0.asm.o
	mkdir -p $(@D)
	cp $< $@

# As programs of others see it: docs/ports.md.
$(SEALED): $(LIBSKERRY) $(CRT0) tools/seal $(MUSL).stamp
	$(call say,SEAL,$@)
	tools/seal $< $@ $(CRT0) libos/include $(foreach l,$(MUSL) $(NEWLIB),$(l)/include $(wildcard $(l)/lib/*.a))

$(WRAPPER): tools/wrapper $(SEALED) $(CRT0)
	tools/wrapper $(BUILD)

objects: $(KERNEL_C:%=$(BUILD)/kobj/%.o) $(LIBOS_C:%=$(BUILD)/obj/%.o) $(STUBS_C:%=$(BUILD)/obj/%.o) $(PROGRAM_DIRS:%=%.objects)
.PHONY: $(PROGRAM_DIRS:%=%.objects)

define program
$(1).objects: $(patsubst %,$(BUILD)/obj/%.o,$(call program_c,$(1)))
$(BUILD)/user/$(notdir $(1)): $(patsubst %,$(BUILD)/obj/%.o,$(call program_c,$(1))) $(CRT0) $(LIBSKERRY) linker/user.ld
	$$(call say,LINK,$$@)
	mkdir -p $$(@D)
	$(USER_LD) -o $$@ $(CRT0) $$(filter $(BUILD)/obj/%,$$^) \
		--start-group $(LIBSKERRY) -L$(MUSL)/lib -L$(NEWLIB)/lib -lmusl -lc -lm $$(LIBGCC) --end-group
endef
$(foreach d,$(PROGRAM_DIRS),$(eval $(call program,$(d))))

$(ARCHIVE): $(PROGRAMS:%=$(BUILD)/user/%) $(KERNEL) tests/boot/not-elf tools/mkarchive
	$(call say,ARCHIVE,$@)
	tools/mkarchive $@ $(filter $(BUILD)/user/%,$^) kernel=$(KERNEL) tests/boot/not-elf

$(ISO): $(KERNEL) $(PORTS_ARCHIVE) tools/mkiso tools/grub/grub.cfg
	$(call say,ISO,$@)
	tools/mkiso $@ $(KERNEL) $(PORTS_ARCHIVE)

$(BUILD)/pxe.stamp: $(KERNEL) $(ARCHIVE) tools/mkpxe tools/grub/grub.cfg
	$(call say,PXE,$(BUILD)/pxe)
	tools/mkpxe $(BUILD)/pxe $(KERNEL) $(ARCHIVE)
	touch $@

# --- ports: docs/ports.md -----------------------------------------------------------
# third_party builds one with its own build system, once, up to objects that lack only our libraries; those are linked here.

PORTS := $(patsubst user/ports/%/source,%,$(wildcard user/ports/*/source))
port_field = $(shell sed -n 's/^$(2) \([^ ]*\).*/\1/p' user/ports/$(1)/source)
# A name in the archive for each alias, all of the port's one program.
port_aliases = $(patsubst %,%=$(BUILD)/ports/bin/$(call port_field,$(1),program),$(call port_field,$(1),alias))
PORT_ALIASES := $(foreach p,$(PORTS),$(call port_aliases,$(p)))
PORT_PROGRAMS := $(foreach p,$(PORTS),$(addprefix $(BUILD)/ports/bin/,$(call port_field,$(p),program)))

define port
$(BUILD)/ports/$(1).stamp: $(wildcard user/ports/$(1)/*) tools/third_party $(WRAPPER) $(foreach n,$(call port_field,$(1),needs),$(BUILD)/ports/$(n).stamp)
	tools/third_party --wrapper $(BUILD) $(1) $(BUILD)/ports/$(1)
	touch $$@
$(addprefix $(BUILD)/ports/bin/,$(call port_field,$(1),program)): $(BUILD)/ports/bin/%: $(BUILD)/ports/$(1).stamp $(SEALED) $(CRT0) linker/user.ld
	$$(call say,LINK,$$@)
	mkdir -p $$(@D)
	$(WRAPPER) -o $$@ $(BUILD)/ports/$(1)/obj/$$*.o -lm
endef
$(foreach p,$(PORTS),$(eval $(call port,$(p))))

ports: $(PORTS_ARCHIVE) ## the programs of others, and an archive that has them beside ours
port: $(addprefix $(BUILD)/ports/bin/,$(if $(NAME),$(call port_field,$(NAME),program))) ## one of them: NAME=lua

$(PORTS_ARCHIVE): $(ARCHIVE) $(PORT_PROGRAMS) $(wildcard tests/ports/*)
	$(call say,ARCHIVE,$@)
	tools/mkarchive $@ $(PROGRAMS:%=$(BUILD)/user/%) kernel=$(KERNEL) tests/boot/not-elf $(PORT_PROGRAMS) $(PORT_ALIASES) \
		$(wildcard tests/ports/*)

# The Open POSIX Test Suite and newlib's tests, in a program of their own.
POSIX := $(BUILD)/posix
SUITES := posixtestsuite newlibtests
$(SUITES:%=$(POSIX)/%.stamp): $(POSIX)/%.stamp: tests/posix/%/source tests/posix/%/build tests/posix/compile tools/third_party $(WRAPPER)
	tools/third_party --wrapper $(BUILD) $* $(POSIX)/$*
	touch $@
$(POSIX)/pts: $(SUITES:%=$(POSIX)/%.stamp) tests/posix/link tests/posix/pts.c $(SEALED) $(CRT0) linker/user.ld
	tests/posix/link $(BUILD) $@ $(SUITES:%=$(POSIX)/%)
$(POSIX)/archive.bin: $(ARCHIVE) $(POSIX)/pts
	tools/mkarchive $@ $(PROGRAMS:%=$(BUILD)/user/%) kernel=$(KERNEL) tests/boot/not-elf $(POSIX)/pts

# --- programs for this machine: unit tests and fuzz targets --------------------------
# Each names the sources that it tests in a comment: /* needs: kernel/core/elf.c */

# What a test includes, sources too, make learns from the .d file; what it is compiled from stands here.
host_sources = tests/$(2)/$(1).c $(shell sed -n 's,.*needs: \(.*\) \*/.*,\1,p' tests/$(2)/$(1).c)
define host_test
$(BUILD)/host/$(1): $(call host_sources,$(1),$(2)) | $(DEPS) $(STUBS_C)
	$$(call say,HOSTCC,$$<)
	mkdir -p $$(@D)
	$(HOSTCC) $(HOST_FLAGS) -MM -MP -MT $$@ $(call host_sources,$(1),$(2)) > $$@.d
	$(3) $(HOST_FLAGS) $(call host_sources,$(1),$(2)) -o $$@ $(4)
endef
$(foreach t,$(UNITS),$(eval $(call host_test,$(t),unit,$(HOSTCC) $(SANITIZE),-lcmocka -lpthread)))
$(foreach t,$(FUZZERS),$(eval $(call host_test,$(t),fuzz,$(CLANG) -fsanitize=fuzzer $(SANITIZE),-lpthread)))

# The message code, natively: tools/bench_host.
BENCH_HOST_C := $(sort $(wildcard tools/bench_host/*.c) $(shell sed -n 's,.*needs: \(.*\) \*/.*,\1,p' tools/bench_host/*.c 2>/dev/null))
BENCH_HOST_H := $(wildcard tools/bench_host/*.h libos/fabric/*.h libos/fabric/hosted/*.h libos/x86/barrier.h)
$(BUILD)/host/bench_host: $(BENCH_HOST_C) $(BENCH_HOST_H) | $(DEPS)
	$(call say,HOSTCC,$@)
	mkdir -p $(@D)
	$(HOSTCC) $(subst -O1,-O2,$(HOST_FLAGS)) $(BENCH_HOST_C) -o $@ -lpthread

# --- the simulator: docs/simulator.md ---------------------------------------------------
# An island is one shared object: the CPU driver's half, whose names stay its own, and the monitor's.

SIM_KERNEL_C := $(filter-out kernel/core/startup.c kernel/core/elf.c,$(wildcard kernel/core/*.c)) tools/sim/island/machine.c
SIM_MONITOR_C := $(wildcard monitor/agree/*.c monitor/caps/*.c) $(filter-out %/machine.c,$(wildcard tools/sim/island/*.c)) \
	$(wildcard $(addprefix monitor/,request.c pending.c process_table.c outgoing.c text.c memory.c blocks.c heirs.c regions.c cores.c core_table.c \
	parcels.c archive.c plan.c process.c programs.c migrate.c spawn.c spawn_request.c members.c member_*.c)) kernel/core/elf.c \
	$(addprefix libos/core/,ram.c slot.c buddy.c monitor_proto.c error_text.c)
SIM_FLAGS = $(subst -O1,-O2,$(HOST_FLAGS))
SIM_ISLAND_FLAGS = $(SIM_FLAGS) -fPIC -fvisibility=hidden -fno-stack-protector -fcf-protection=none
SIM := $(BUILD)/sim/sim
SEEDS ?= 100

sim-built: $(SIM) $(BUILD)/sim/island.so
sim: sim-built ## simulate CORES=16 cores under SEEDS=100 seeds of OPERATIONS=200
	nice $(SIM) --image $(BUILD)/sim/island.so --cores $(CORES) --seeds $(SEEDS) $(OPERATIONS:%=--operations %)

$(BUILD)/sim/monitor/%.o: % | $(DEPS)
	mkdir -p $(@D)
	$(HOSTCC) -Itools/sim/include $(SIM_ISLAND_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/sim/kernel/%.o: % | $(DEPS)
	mkdir -p $(@D)
	$(HOSTCC) $(SIM_ISLAND_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/sim/kernel.o: $(SIM_KERNEL_C:%=$(BUILD)/sim/kernel/%.o)
	ld -r -o $@ $^
	objcopy -w --keep-global-symbol='machine_*' --keep-global-symbol='isle_*' $@

$(BUILD)/sim/island.so: $(BUILD)/sim/kernel.o $(SIM_MONITOR_C:%=$(BUILD)/sim/monitor/%.o)
	$(call say,LINK,$@)
	$(HOSTCC) -shared -nostdlib -Wl,-z,now -Wl,-Bsymbolic -Wl,--hash-style=sysv \
		-Wl,--wrap=subject_prepare,--wrap=subject_commit,--wrap=subject_abort -o $@ $^ -lgcc

$(SIM): $(wildcard tools/sim/*.c tools/sim/*.h tools/sim/base/*.c tools/sim/base/*.h) libos/core/monitor_proto.h $(wildcard monitor/agree/*.h monitor/caps/*.h) | $(DEPS)
	$(call say,HOSTCC,$@)
	mkdir -p $(@D)
	sed -n '/^enum mon_op/,/^}/s/^\tMON_\([A-Z_]*\),.*/NAME(\1)/p' libos/core/monitor_proto.h > $(@D)/mon_names.h
	sed -n '/^enum agree_kind/,/^}/s/^\tAGREE_\([A-Z_]*\),.*/NAME(\1)/p' monitor/agree/wire.h > $(@D)/agree_names.h
	sed -n '/^enum caps_message/,/^}/s/^\tCAPS_\([A-Z_]*\),.*/NAME(\1)/p' monitor/caps/wire.h > $(@D)/caps_names.h
	$(HOSTCC) $(SIM_FLAGS) -I$(@D) -rdynamic $(filter %.c,$^) -o $@

# Fleets: each program is one shared object, of its own sources and what it needs of the libraries.

FLEETSIM := $(BUILD)/sim/fleetsim
FLEET_LIB_C := $(addprefix libos/fabric/,bulk.c channel.c wait.c wait_board.c hint.c urpc.c) libos/core/error_text.c libos/pipe/pipe.c \
	$(filter-out libos/rpc/cap.c,$(wildcard $(addsuffix /*.c,libos/rpc libos/fleet libos/name libos/proc libos/ninep))) \
	tools/sim/fleet/guest/entry.c
FLEET_DIRS := $(patsubst %/,%,$(sort $(dir $(wildcard $(addsuffix /*.c,tools/sim/fleet/guest/* services/drill services/mem \
	services/sample services/name services/page services/proc services/tally)))))
FLEET_IMAGES := $(foreach d,$(FLEET_DIRS),$(BUILD)/sim/fleet/$(notdir $(d)).so)

fleetsim-built: $(FLEETSIM) $(FLEET_IMAGES)
fleetsim: fleetsim-built ## simulate fleets: WORLD=echo, CORES=16 cores, MEMBERS=2 members under SEEDS=100 seeds
	nice $(FLEETSIM) --images $(BUILD)/sim/fleet --cores $(CORES) --seeds $(SEEDS) $(WORLD:%=--world %) $(MEMBERS:%=--members %)

figures: fleetsim-built ## print what fleets do by members, clients and cores, and dPool's schemes, as tables
	nice tools/fleet_figures

$(BUILD)/sim/fleet/o/%.o: % | $(DEPS) $(STUBS_C)
	mkdir -p $(@D)
	$(HOSTCC) -Itools/sim/fleet/include -I$(BUILD)/gen $(SIM_ISLAND_FLAGS) -Dmain=program_main -Wno-missing-prototypes -MMD -MP -c $< -o $@

$(BUILD)/sim/fleet/lib.a: $(patsubst %,$(BUILD)/sim/fleet/o/%.o,$(FLEET_LIB_C) $(STUBS_C))
	rm -f $@
	ar rcsD $@ $^

define fleet_program
$(BUILD)/sim/fleet/$(notdir $(1)).so: $(patsubst %,$(BUILD)/sim/fleet/o/%.o,$(wildcard $(1)/*.c)) $(BUILD)/sim/fleet/lib.a
	$$(call say,LINK,$$@)
	$(HOSTCC) -shared -nostdlib -Wl,-z,now -Wl,-Bsymbolic -Wl,--hash-style=sysv -Wl,-u,fleet_entry -o $$@ $$^ -lgcc
endef
$(foreach d,$(FLEET_DIRS),$(eval $(call fleet_program,$(d))))

$(FLEETSIM): $(wildcard tools/sim/fleet/*.[ch] tools/sim/base/*.[ch] libos/fabric/*.h libos/core/*.h libos/thread/thread.h) | $(DEPS)
	$(call say,HOSTCC,$@)
	mkdir -p $(@D)
	$(HOSTCC) $(SIM_FLAGS) -fcf-protection=none -rdynamic $(filter %.c,$^) -o $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
