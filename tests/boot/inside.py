"""The tests that run inside the system: their TAP lines become results of ours."""
import re

import guest

OF_16 = "1536M"  # for 16 cores: 64 MiB for each, room for `tests` started from a file


def run_tap(report, name, command, limit, **machine):
    """Runs a program that prints TAP at the prompt; each of its lines is a result."""
    with guest.boot(limit, **machine) as g:
        g.prompt()
        output = g.shell(command, limit)
        report.tap(name, output, g.log)
        if not re.search(r"^1\.\.\d+", output, re.MULTILINE):
            raise guest.Failure(f"'{command}' printed no TAP")


def test_1(report):
    """tests, 1 core"""
    run_tap(report, "tests/1 core", "tests", 120, cores=1)


def test_2(report):
    """tests, 2 cores"""
    run_tap(report, "tests/2 cores", "run --core 0 tests", 120, cores=2)


def test_16(report):
    """tests, 16 cores"""
    run_tap(report, "tests/16 cores", "run --core 0 tests", 480, cores=16, mem=OF_16)


def test_16_multi(report):
    """tests, 16 cores, a thread each"""
    run_tap(report, "tests/16 cores, a thread each", "run --core 0 tests", 480, cores=16, mem=OF_16, accel="tcg-multi")


def test_fabric(report):
    """channels on metal, 4 cores"""
    run_tap(report, "fabtest/4 cores", "fabtest", 120, cores=4)


def test_table(report):
    """100,000 names, 2 cores"""
    run_tap(report, "tests table/2 cores", "tests table", 240, cores=2)


def test_invocations(report):
    """random invocations: a million steps, invariants walked each thousand"""
    steps = max(1_000_000, report.soak * 500_000)
    with guest.boot(400 + report.soak * 10, cores=1) as g:
        g.prompt()
        g.send(f"capfuzz 83712 {steps}\r")
        match = g.wait(r"^capfuzz: \d+: (\d+) steps, (\d+) violations, (\d+) accepted")
        g.prompt()
        if int(match[1]) < steps or int(match[2]) or not int(match[3]):
            raise guest.Failure(match[0])
        report.result(f"boot inside: {match[0]}", True)
