"""A program that spoils its dispatcher page and makes system calls with any registers."""
import os
import subprocess
import tempfile

import guest
import qemu

SEED = "83712"
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-mgeneral-regs-only", "-mno-red-zone",
         "-fno-pie", "-no-pie", "-fno-stack-protector", "-fcf-protection=none", "-nostdlib", "-static",
         "-Wl,-Ttext-segment=0x400000", "-Wl,-z,max-page-size=0x1000", "-Wl,-z,noexecstack", "-Wl,--build-id=none"]


def archive_of_monitor(folder):
    monitor, out = os.path.join(folder, "monitor"), os.path.join(folder, "archive.bin")
    subprocess.run(["x86_64-linux-gnu-gcc", *FLAGS, "-I", qemu.ROOT, "-o", monitor,
                    os.path.join(qemu.ROOT, "tests/boot/hostile/main.c")], check=True)
    subprocess.run([os.path.join(qemu.ROOT, "tools/mkarchive"), out, monitor], check=True)
    return out


def fire(seed, **machine):
    with tempfile.TemporaryDirectory() as folder:
        with guest.boot(120, archive=archive_of_monitor(folder), append=f"debugexit {seed}", **machine) as g:
            end = g.wait(r"^hostile: 1000000 steps, upcalls (\d+), violations (\d+)|^panic")
            if end[0] == "panic" or int(end[2]) or not int(end[1]):
                raise guest.Failure(end[0])


def test_any_registers(report):
    """a million system calls with any registers, out of a spoilt dispatcher page"""
    fire(SEED)
    for minute in range(report.soak // 60):
        fire(f"{SEED}{minute}")


def test_any_registers_fxsave(report):
    """the same on a processor without XSAVE and FSGSBASE"""
    fire(SEED, cpu="qemu64")
