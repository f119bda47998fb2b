"""Agreement on metal: cores where CPUID and ACPI say, and a core that dies in the midst of rounds."""
import os
import re
import struct
import tempfile

import gdbstub
import guest
import qemu
from machines import cores_up, expect

PACKAGES = ["-smp", "16,sockets=4,cores=4,threads=1"]
NODES = ["-smp", "4,sockets=2,cores=2", "-object", "memory-backend-ram,id=m0,size=256M",
         "-object", "memory-backend-ram,id=m1,size=256M", "-numa", "node,nodeid=0,cpus=0-1,memdev=m0",
         "-numa", "node,nodeid=1,cpus=2-3,memdev=m1", "-numa", "dist,src=0,dst=1,val=31"]
PLACE = re.compile(r"core (\d+) is in package (\d+) of node (\d+)")
# Where RIP, the flags and CS are among the registers: behind 16 of 8 bytes; in hexadecimal digits.
RIP, RFLAGS, CS = 16 * 16, 17 * 16, 17 * 16 + 8
EXECUTABLE = 1  # of a segment
OFF = "02000000"  # interrupts off


def places(text):
    return [tuple(map(int, m)) for m in PLACE.findall(text)]


def test_packages(report):
    """4 packages of 4 cores: their numbers, and rounds by all schemes"""
    with guest.boot(90, cores=16, mem="1G", append="verbose", extra=PACKAGES) as g:
        listing = g.prompt(60)
        expect(places(listing) == [(core, core // 4, 0) for core in range(16)], "cores are not in their packages")
        said = g.shell("tests agreement", 60)
        expect("not ok" not in said and "ok 4" in said, "rounds on 4 packages")


def test_nodes(report):
    """2 nodes of 2 cores: their numbers, and rounds by all schemes"""
    with guest.boot(90, cores=4, append="verbose", extra=NODES) as g:
        listing = g.prompt(60)
        expect(places(listing) == [(core, core // 2, core // 2) for core in range(4)], "cores are not in their nodes")
        said = g.shell("tests agreement", 60)
        expect("not ok" not in said and "ok 4" in said, "rounds on 2 nodes")


def endless_loop(program):
    """Where its text has an instruction that jumps to itself."""
    with open(os.path.join(qemu.BUILD, program), "rb") as f:
        elf = f.read()
    at, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for header in range(at, at + size * count, size):
        kind, flags, offset, address, _, length = struct.unpack_from("<IIQQQQ", elf, header)
        found = elf.find(b"\xeb\xfe", offset, offset + length)
        if kind == 1 and flags & EXECUTABLE and found >= 0:
            return address + found - offset
    raise guest.Failure(f"{program} has no endless loop")


def number(registers, at, digits):
    return int.from_bytes(bytes.fromhex(registers[at:at + digits]), "little")


def silenced(registers):
    """The same registers, with interrupts off where the core does not go on then; None in the midst of the kernel.

    The CPU driver has interrupts on only where it halts. Else it is the monitor that runs.
    """
    if number(registers, CS, 8) & 3:
        where = endless_loop("user/monitor")
    elif number(registers, RFLAGS, 8) & 0x200:
        where = endless_loop("kernel/kernel.elf")  # should it have been woken just now
    else:
        return None
    return registers[:RIP] + where.to_bytes(8, "little").hex() + OFF + registers[RFLAGS + len(OFF):]


def silence(g, path, core):
    """Stops a core with nothing but a monitor at once: interrupts do not reach it any more."""
    for _ in range(500):
        stub = gdbstub.Stub(path)
        stub.select(core)
        found = silenced(stub.ask("g"))
        if found:
            stub.demand("G" + found)
        stub.detach()
        stub.close()
        if found:
            return
        g.settle(0.002)
    raise guest.Failure(f"core {core} is always in its kernel")


def test_death(report):
    """4 cores, of which core 2 dies in the midst of rounds"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(90, cores=4, append="silence=5000", extra=gdbstub.arguments(path)[1:]) as g:
            g.prompt(60)
            g.shell("tests --do rounds 10 &")
            g.settle(0.1)
            expect("kind 0 end" not in g.log, "the rounds have ended before a core could die")
            silence(g, path, 2)
            g.wait("core 2 does not answer", 40)
            g.wait("rounds kind 0 end: success", 40)
            g.wait("rounds kind 1 end: success", 40)
            expect("not stopped for good" not in g.log, "core 2 is not fenced")
            g.prompt(10)  # what the end of a line printed
            g.settle(0.5)
            g.seen = len(g.log)
            expect(cores_up(g.shell("cores", 20)) == [0, 1, 3], "the cores that are up are not 0, 1 and 3")
            expect("cannot start" in g.shell("run --core 2 hello", 5), "core 2 is asked again")
            expect("does not answer" in g.shell("core start 2", 10), "core 2 is not refused")
            said = g.shell("tests agreement", 40)
            expect("not ok" not in said and "ok 4" in said, "rounds among those that are left")


def test_missed(report):
    """4 cores, of which core 2 dies while nobody waits for it: it is missed"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(90, cores=4, append="silence=5000 heartbeat=250", extra=gdbstub.arguments(path)[1:]) as g:
            g.prompt(60)
            g.settle(7)  # longer than the silence time
            expect("does not answer" not in g.log, "a core is missed that lives")
            silence(g, path, 2)
            g.wait("core 2 does not answer", 20)
            g.prompt(10)
            expect(cores_up(g.shell("cores", 20)) == [0, 1, 3], "the cores that are up are not 0, 1 and 3")
