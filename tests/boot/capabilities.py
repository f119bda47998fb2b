"""Capabilities across cores: races over the same memory by seed, then the checker; free memory is what it was."""
import re

import guest

FREE = re.compile(r"^ *(\d+) +\d+ +\S+ .* (\d+) M ", re.MULTILINE)


def free_memory(g):
    return FREE.findall(g.shell("cores", 10))


def race(report, cores, rounds, seeds, **machine):
    # Without services, which take and give memory as their load is.
    with guest.boot(240, cores=cores, append="services=none", **machine) as g:
        g.prompt()
        before = None
        for seed in range(1, seeds + 1):
            output = g.shell(f"captest {cores} {rounds} {seed}", 90)
            right = "captest: 0 violations" in output and len(output.strip().splitlines()) == 2
            report.result(f"boot capabilities: race, {cores} cores, seed {seed}", right, output.strip())
            # The first run has the monitors make links and tables that they keep.
            before = before or free_memory(g)
        g.check()
        after = free_memory(g)
        report.result(f"boot capabilities: free memory, {cores} cores", bool(before) and after == before,
                      f"{before} before, {after} after")


def test_4(report):
    """copy, fetch, retype, delete, revoke by 4 cores"""
    race(report, 4, 500, 3)


def test_16(report):
    """copy, fetch, retype, delete, revoke by 16 cores"""
    race(report, 16, 50, 2, mem="1G")


def test_16_multi(report):
    """copy, fetch, retype, delete, revoke by 16 cores, a thread each"""
    race(report, 16, 50, 1, mem="1G", accel="tcg-multi")
