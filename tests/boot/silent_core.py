"""A core that falls silent while the system runs: whoever waits for something on it hears of that."""
import os
import re
import tempfile
import time

import gdbstub
import guest
from machines import cores_up, expect

RIP = 16 * 16  # where its digits are among those of all registers: behind 16
RFLAGS = RIP + 16
OFF = "02000000"  # interrupts off
HALT_BYTES = 1     # of the instruction


def halted(registers):
    """Whether it stands where a CPU driver with nothing to do waits for interrupts."""
    rip = int.from_bytes(bytes.fromhex(registers[RIP:RIP + 16]), "little")
    return 0 <= rip - gdbstub.symbol("arch_idle.halt") <= HALT_BYTES


def silence(path, core):
    """Takes interrupts from a core when it is halted: it does not go on."""
    until = time.monotonic() + gdbstub.LIMIT
    while True:
        stub = gdbstub.Stub(path)
        stub.select(core)
        registers = stub.ask("g")
        idle = halted(registers)
        if idle:
            stub.demand("G" + registers[:RFLAGS] + OFF + registers[RFLAGS + len(OFF):])
        stub.detach()
        stub.close()
        if idle:
            return
        expect(time.monotonic() < until, f"core {core} never halts")


def is_said(g, text):
    """Waits for what is said of itself, at some prompt or other."""
    while text not in g.log:
        g.shell("echo waits")


def test_silent(report):
    """3 cores, of which core 1 falls silent"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(90, cores=3, append="silence=5000 services=none", extra=gdbstub.arguments(path)[1:]) as g:
            g.prompt(60)
            text = g.shell("run --core 1 tests --do serve-never silent &")
            pid = re.search(r"runs as 1\.(\d+)", text)
            expect(pid, "nothing starts on core 1")
            waited = (1 << 32) + int(pid.group(1))
            expect("runs as 2." in g.shell(f"run --core 2 tests --do wait-for {waited} &"), "nothing waits on core 2")
            g.settle(0.5)
            silence(path, 1)
            expect(cores_up(g.shell("cores", 40)) == [0, 2], "the cores that are up are not 0 and 2")
            is_said(g, "exit status 77")  # of who waits on core 2 for core 1
            is_said(g, "tests: core does not answer")  # by the shell, which waits, too
            expect("Hello from core 2" in g.shell("run --core 2 hello"), "core 2 does not answer")
            expect("cannot start" in g.shell("run --core 1 hello", 5), "core 1 is asked again")


def test_services(report):
    """4 cores, of which core 1 with a member of proc falls silent: whoever has a channel there goes on elsewhere"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(120, cores=4, append="silence=5000", extra=gdbstub.arguments(path)[1:]) as g:
            g.prompt(60)
            while not re.search(r"^proc: 2 of 2 members, 0 deaths$", said := g.shell("fleet list proc"), re.MULTILINE):
                pass
            expect("  proc/0  core 1 " in said, "proc/0 is not on core 1")
            silence(path, 1)
            said = g.shell("run --core 2 hello") + g.shell("run --core 3 hello")
            expect("Hello from core 2" in said and "Hello from core 3" in said, "no program runs any more")
            is_said(g, "core 1 does not answer")
            while not re.search(r"^proc: 2 of 2 members, 1 deaths$", g.shell("fleet list proc"), re.MULTILINE):
                pass  # till somebody has come for proc/0, or the time is up
