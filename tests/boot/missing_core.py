"""A core that does not come up: the others start, and `cores` says which is missing."""
import os
import re
import subprocess
import tempfile

import gdbstub
import guest
import qemu
from machines import cores_up, expect

NOBODY = 77  # no core of the machine has this APIC id


def apic_id_address(core):
    """Where the boot core's CPU driver keeps the APIC id of a core."""
    program = '#include <stdio.h>\n#include <stddef.h>\n#include "kernel/abi/boot.h"\n' \
              'int main(void) { printf("%zu", offsetof(struct boot_info, apic_id)); }\n'
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcc", f"-I{qemu.ROOT}", "-x", "c", "-", "-o", f"{folder}/offset"],
                       input=program, text=True, check=True)
        offset = int(subprocess.check_output([f"{folder}/offset"]))
    return gdbstub.symbol("arch_start") + offset + 4 * core


def test_missing(report):
    """4 cores, of which core 2 does not answer"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(90, cores=4, extra=gdbstub.arguments(path)) as g:
            stub = gdbstub.Stub(path)
            stub.run_to(gdbstub.symbol("kernel_start"))
            stub.write32(apic_id_address(2), NOBODY)
            stub.detach()
            stub.close()
            g.prompt(60)
            listing = g.shell("cores")
            expect(cores_up(listing) == [0, 1, 3], "the cores that are up are not 0, 1 and 3")
            expect(re.search(r"^\s*2\s+\d+\s+missing", listing, re.MULTILINE), "core 2 is not shown as missing")
            expect("Hello from core 3" in g.shell("run --core 3 hello"), "core 3 does not answer")
            expect("cannot start" in g.shell("run --core 2 hello"), "a program starts on core 2")
            expect("exit status 254" in g.shell("run --core 1 tests --do spawn-on 2"), "core 1 waits for core 2")
