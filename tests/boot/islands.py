"""Cores come and go: stopped, started and grown while programs run on all of them."""
import contextlib
import glob
import os
import re
import struct
import subprocess
import tempfile

import gdbstub
import guest
import qemu
from inside import run_tap
from machines import cores_up, expect
from silent_core import silence


def shown(listing, core):
    """What `cores` says of a core's state: "up", "off", "on 2"."""
    match = re.search(rf"^\s*{core}\s+\d+\s+(on \d+|\w+)", listing, re.MULTILINE)
    return match and match[1]


def test_stop_2(report):
    """2 cores: the other one moves to the boot core's processor, and back"""
    with guest.boot(60, cores=2) as g:
        g.prompt()
        expect(g.shell("core stop 1") == "", "core stop says something")
        expect(shown(g.shell("cores"), 1) == "on 0", "core 1 is not shown on 0")
        expect("Hello from core 1" in g.shell("run --core 1 hello"), "core 1 does not answer")
        number = re.search(r"^spin runs as ([\d.]+)$", g.shell("run --core 1 spin &"), re.MULTILINE)
        expect(number, "spin does not run")
        # Device interrupts are core 0's, whoever runs when they come.
        for word in ("here", "and", "there"):
            expect(g.shell(f"echo {word}", 10) == f"{word}\n", "no echo while the guest spins")
        if "was killed" not in g.shell(f"kill {number[1]}"):
            g.wait(r"^spin \([\d.]+\) was killed$")
            g.prompt()
        expect(g.shell("core start 1") == "", "core start says something")
        expect(cores_up(g.shell("cores")) == [0, 1], "not both cores are up")
        expect("Hello from core 1" in g.shell("run --core 1 hello"), "core 1 does not answer at home")


def test_refused(report):
    """what cannot be is refused, and says why"""
    cases = (("stop 0", "the boot core cannot be stopped"), ("stop 9", "no such core"), ("stop 3", "core is not up"),
             ("stop 1 1", "that core cannot take in another"), ("stop 1 9", "no such core"),
             ("stop 1 3", "that core cannot take in another"), ("start 1", "core is running already"),
             ("start 9", "no such core"), ("stop x", "no such core"), ("stop", "usage"), ("halt 1", "usage"),
             ("start 1 2", "usage"))
    later = (("stop 1", "core is stopped already"), ("stop 1 0", "core is stopped already"),
             ("stop 2", "core runs islands of others"), ("stop 2 1", "core runs islands of others"))
    with guest.boot(60, cores=4, append="cores=3") as g:
        g.prompt()
        for words, text in cases:
            expect(text in g.shell(f"core {words}"), f"'core {words}' does not say: {text}")
        g.shell("core stop 1 2")
        for words, text in later:
            expect(text in g.shell(f"core {words}"), f"'core {words}' does not say: {text}")
        listing = g.shell("cores")
        expect([shown(listing, c) for c in range(4)] == ["up", "on 2", "up", "off"], "the states of the four cores")
        expect("Hello from core 1" in g.shell("run --core 1 hello"), "core 1 does not answer")


def test_words(report):
    """help and completion know the command"""
    with guest.boot(40, cores=2) as g:
        g.prompt()
        expect("core" in g.shell("help core") and "stop N [M]" in g.shell("help core"), "help core")
        g.send("core sto\t1\r")
        g.wait(r"core stop 1$")
        g.prompt()
        expect(shown(g.shell("cores"), 1) == "on 0", "the completed word did nothing")


def test_all_on_one(report):
    """16 cores: all go on at the boot core's processor, answer, and come back"""
    with guest.boot(90, cores=16, mem="1G") as g:
        g.prompt()
        for core in range(1, 16):
            expect(g.shell(f"core stop {core} 0") == "", f"core {core} does not stop")
        listing = g.shell("cores")
        expect([shown(listing, c) for c in range(16)] == ["up"] + ["on 0"] * 15, "not all are on 0")
        said = g.shell("run --core all hello")
        expect(all(f"Hello from core {c}\n" in said for c in range(16)), "not all answer")
        for core in range(1, 16):
            expect(g.shell(f"core start {core}") == "", f"core {core} does not start")
        expect(cores_up(g.shell("cores")) == list(range(16)), "not all are at home")
        said = g.shell("run --core all hello")
        expect(all(f"Hello from core {c}\n" in said for c in range(16)), "not all answer at home")


def test_load_16(report):
    """16 cores under load: each of 15 stops and starts, several go onto one"""
    run_tap(report, "islands/16 cores", "islands stop onto", 240, cores=16, mem="1G")


def test_load_multi(report):
    """6 cores, a thread each, under load"""
    run_tap(report, "islands/6 cores, a thread each", "islands stop onto", 240, cores=6, mem="1G", accel="tcg-multi")


def test_grow(report):
    """16 cores of which 4 were started at boot: the others start later, under load some stop"""
    run_tap(report, "islands/4 cores grow to 16", "islands grow onto", 240, cores=16, mem="1G", append="cores=4")


def test_no_memory(report):
    """a core that there is no memory for stays off, and starts when there is"""
    run_tap(report, "islands/2 cores, no memory", "islands hog", 60, cores=2, append="cores=1")


# --- core update ---------------------------------------------------------------------

MAGIC = struct.pack("<Q", 0x317672647972656B)  # kernel/x86/machine.h: struct driver_header
VERSION, RECORD_BYTES, PRIVATE_BYTES = 8, 16, 56


@contextlib.contextmanager
def archive_with(kernel, cut=False):
    """The boot archive with these bytes, or None, as the CPU driver in it. `cut`: its headers point outside."""
    programs = [p for p in glob.glob(os.path.join(qemu.BUILD, "user/*")) if os.path.isfile(p)]
    with tempfile.TemporaryDirectory() as folder:
        if kernel is not None:
            with open(os.path.join(folder, "kernel"), "wb") as f:
                f.write(kernel)
            programs.append(os.path.join(folder, "kernel"))
        path = os.path.join(folder, "archive.bin")
        subprocess.run([os.path.join(qemu.ROOT, "tools/mkarchive"), path, *programs], check=True)
        if cut:
            with open(path, "r+b") as f:
                data = f.read()
                f.seek(data.rindex(b"\x7fELF", 0, data.index(MAGIC)) + 32)
                f.write(struct.pack("<Q", 1 << 40))
        yield path


def image(name="kernel"):
    with open(os.path.join(qemu.BUILD, f"kernel/{name}.elf"), "rb") as f:
        return f.read()


def patched(field, value):
    data = bytearray(image())
    at = data.index(MAGIC) + field
    data[at:at + 8] = struct.pack("<Q", value)
    return bytes(data)


def other_gate():
    """Another way in: the byte before the padding to the header is one of its last."""
    data = bytearray(image())
    data[data.index(MAGIC) - 0x80] ^= 1
    return bytes(data)


def test_update(report):
    """16 cores under load: each core's CPU driver is replaced, core 0's too"""
    run_tap(report, "islands/16 cores, update", "islands update", 240, cores=16, mem="1G")


def test_update_other(report):
    """a CPU driver in another layout takes over, shares processors with the usual one, and is replaced"""
    with archive_with(image("other")) as path:
        run_tap(report, "islands/4 cores, another CPU driver", "islands update stop onto update", 240, cores=4,
                archive=path, accel="tcg-multi")
        with guest.boot(60, cores=3, archive=path, append="cores=1") as g:
            g.prompt()
            for command in ("update 0", "start 1", "start 2", "update 1", "stop 1 2", "update 2", "update 1"):
                said = g.shell(f"core {command}")
                expect(re.fullmatch(r"(core \d: CPU driver replaced, .*\n)?", said), f"core {command}: {said}")
            for core in range(3):
                expect(f"Hello from core {core}" in g.shell(f"run --core {core} hello"), f"core {core} does not answer")
            expect(shown(g.shell("cores"), 1) == "on 2", "core 1 is not on 2")


def test_update_refused(report):
    """what is no CPU driver, or none that can take over, is refused; the old one runs on"""
    cases = ((None, "no such name"), (b"no ELF file", "not an ELF executable"), (image(), "ELF"),
             (patched(0, 1), "not a CPU driver"), (patched(VERSION, 99), "not a CPU driver"),
             (patched(RECORD_BYTES, 64), "not a CPU driver"), (other_gate(), "not a CPU driver"),
             (patched(PRIVATE_BYTES, 1 << 30), "too large"))
    for kernel, text in cases:
        with archive_with(kernel, kernel == image()) as path, guest.boot(60, cores=2, archive=path) as g:
            g.prompt()
            for core in (0, 1, 1):
                said = g.shell(f"core update {core}")
                expect(text in said, f"'core update' says {said!r}, not: {text}")
                expect(f"Hello from core {core}" in g.shell(f"run --core {core} hello"), f"core {core} is gone")


def test_update_memory(report):
    """updates again and again take no memory away, nor capabilities"""
    def free(g):
        return re.search(r"^\s*1\s+1\s+up.*?(\d+) M", g.shell("cores"), re.MULTILINE)[1]

    with guest.boot(60, cores=2) as g:
        g.prompt()
        g.shell("core update 1")
        before = free(g)
        for _ in range(20):
            g.shell("core update 1")
        expect(free(g) == before, f"core 1 had {before} M free and has {free(g)}")
        expect("21 times" not in g.shell("core update 1"), "an update was not counted")


def test_silent_host(report):
    """a processor that falls silent with a guest: both islands are excluded, the others go on"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(90, cores=4, append="silence=5000", extra=gdbstub.arguments(path)[1:]) as g:
            g.prompt()
            g.shell("core stop 1 2")
            g.shell("core stop 3 0")
            g.settle(0.5)
            silence(path, 2)
            listing = g.shell("cores", 40)
            expect(shown(listing, 0) == "up" and shown(listing, 3) == "on 0", "cores 0 and 3 are not up")
            expect(shown(listing, 1) == shown(listing, 2) == "missing", "cores 1 and 2 are not missing")
            for command in ("core start 1", "core stop 2", "core update 1"):
                expect(re.search("does not answer|not up", g.shell(command, 20)), f"'{command}' does not fail")
            expect(g.shell("core start 3", 20) == "", "core 3 does not start")
            expect("Hello from core 3" in g.shell("run --core 3 hello"), "core 3 does not answer")
