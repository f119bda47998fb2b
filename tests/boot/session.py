"""A session at the prompt as the README shows it, and what must survive in one."""
import os
import re

import guest
import qemu
from machines import PROMPT_LIMIT, cores_up, expect


def readme_commands():
    """What the README has the user type at Skerry's prompt."""
    with open(os.path.join(qemu.ROOT, "README.md")) as f:
        return re.findall(r"^skerry> (.+)$", f.read(), re.MULTILINE)


def test_readme(report):
    """ISO by BIOS, 16 cores: the README's session; the prompt within 15 s"""
    commands = readme_commands()
    expect("cores" in commands and commands[-1] == "poweroff", "the README's session has changed its form")
    with guest.boot(180, door="iso", cores=16, mem="1G") as g:
        g.prompt()
        took, worked = g.elapsed(), g.worked()
        report.result(f"boot session: prompt from the ISO after {took:.1f} s, {worked:.1f} s of them QEMU's, limit "
                      f"{PROMPT_LIMIT} s", worked <= PROMPT_LIMIT)
        for command in commands[:-1]:
            said = g.shell(command)
            expect("unknown command" not in said.lower(), f"'{command}' is unknown")
            if command == "cores":
                expect(cores_up(said) == list(range(16)), "'cores' does not list 16 cores")
        expect(g.power_off() == 0, "QEMU's status after poweroff")


def test_fault(report):
    """a program that dereferences NULL on core 7 leaves all else running"""
    with guest.boot(90, cores=16, mem="1G") as g:
        g.prompt()
        said = g.shell("run --core 7 crash")
        expect(re.search(r"crash.*core 7.*0x0\b", said), "no report that names program, core and address")
        for core in (7, 8, 0):
            expect(f"Hello from core {core}" in g.shell(f"run --core {core} hello"), f"core {core} does not answer")
        expect(cores_up(g.shell("cores")) == list(range(16)), "not all cores are up after the fault")
        expect("crash" not in g.shell("ps"), "the process that faulted is still listed")


def test_unknown(report):
    """an unknown command says what is near"""
    with guest.boot(40, cores=1) as g:
        g.prompt()
        expect("poweroff" in g.shell("powerof"), "'powerof' does not suggest poweroff")


def test_kill(report):
    """a program that spins is killed from the prompt"""
    with guest.boot(60, cores=2) as g:
        g.prompt()
        g.shell("run --core 1 spin &")
        pid = re.search(r"^\s*(\d[\d.]*)\s.*spin", g.shell("ps"), re.MULTILINE)
        expect(pid, "spin is not listed")
        g.shell(f"kill {pid[1]}")
        expect("spin" not in g.shell("ps"), "spin is still listed after kill")


def test_reboot(report):
    """reboot starts the machine anew"""
    with guest.boot(60, cores=2, reboot=True) as g:
        g.prompt()
        g.send("reboot\r")
        g.prompt()
        expect(cores_up(g.shell("cores")) == [0, 1], "not both cores are up after the reboot")


def test_bench_ends(report):
    """'bench all' on 16 cores ends by itself"""
    with guest.boot(400, cores=16, mem="1G") as g:
        g.prompt()
        said = g.shell("bench all")
        expect(re.search(r"^bench: \d+ measures, all done", said, re.MULTILINE), "some measures failed")
