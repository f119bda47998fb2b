"""The system as users meet it, on machines of 1 to 255 cores and through every door."""
import re

import guest

PROMPT_LIMIT = 15  # seconds from QEMU's start to the prompt, ISO by BIOS with 16 cores
DOWN = "\x1b[B"
UP = re.compile(r"^\s*(\d+)\s+\d+\s+up\b", re.MULTILINE)


def cores_up(listing):
    return [int(n) for n in UP.findall(listing)]


def expect(condition, text):
    if not condition:
        raise guest.Failure(text)


def session(cores, limit=60, **machine):
    """Boots to the prompt, finds all cores up, runs a program on the last one, powers off."""
    with guest.boot(limit, cores=cores, **machine) as g:
        g.prompt()
        listing = g.shell("cores")
        expect(cores_up(listing) == list(range(cores)), f"'cores' does not list {cores} cores that are up")
        last = cores - 1
        expect(f"Hello from core {last}" in g.shell(f"run --core {last} hello"), f"no greeting from core {last}")
        status = g.power_off()
        expect(status == 0, f"QEMU's status after poweroff is {status}")


def test_pvh_1(report):
    """PVH, 1 core"""
    session(1)


def test_pvh_2(report):
    """PVH, 2 cores"""
    session(2)


def test_pvh_4(report):
    """PVH, 4 cores"""
    session(4)


def test_pvh_16(report):
    """PVH, 16 cores"""
    session(16, mem="1G")


def test_pvh_16_multi(report):
    """PVH, 16 cores, a thread each"""
    session(16, mem="1G", accel="tcg-multi")


def test_pvh_64(report):
    """PVH, 64 cores"""
    session(64, limit=120, mem="2G")


def test_pvh_255(report):
    """PVH, 255 cores"""
    session(255, limit=240, mem="4G")


def test_iso_uefi(report):
    """ISO by UEFI, 16 cores"""
    session(16, limit=120, mem="1G", door="iso", uefi=True)


def test_pxe_bios(report):
    """PXE by BIOS, 16 cores"""
    session(16, limit=120, mem="1G", door="pxe")


def test_pxe_uefi(report):
    """PXE by UEFI, 16 cores"""
    session(16, limit=180, mem="1G", door="pxe", uefi=True)


def test_old_processor(report):
    """a processor with none of the optional protections, 2 cores"""
    session(2, cpu="qemu64")


def choose(g, entry):
    """Takes an entry of GRUB's menu, counted from 0."""
    g.wait("will be executed automatically")
    g.send(DOWN * entry + "\r")


def test_menu_bench(report):
    """the menu's second entry runs the benchmarks and powers off"""
    with guest.boot(240, door="iso", cores=2) as g:
        choose(g, 1)
        g.wait(r"^bench: \d+ measures, all done")
        expect(g.finish() == 0, "QEMU's status")


def test_menu_single(report):
    """the menu's third entry starts a single core"""
    with guest.boot(60, door="iso", cores=2) as g:
        choose(g, 2)
        g.prompt()
        expect(cores_up(g.shell("cores")) == [0], "the single-core entry started other cores")


def test_menu_verbose(report):
    """the menu's fourth entry says what happens at start"""
    with guest.boot(60, door="iso", cores=2) as g:
        choose(g, 3)
        g.wait("core 1 is up")
        g.wait("console .* starts")
        g.prompt()


def test_exit_status(report):
    """the init program's exit status leaves through the debug-exit device"""
    with guest.boot(30, append='init="exit 3" debugexit') as g:
        expect(g.finish() == 3 << 1 | 1, "QEMU's status is not that of exit 3")
