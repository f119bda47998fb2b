"""Memory that monitors grant at a service's word, and take back: user/regions, started as a service."""
import re

import guest


def regions(report, cores, mem="512M"):
    name = f"regions/{cores} cores, {mem}"
    with guest.boot(90, cores=cores, mem=mem, append="services=regions init=hello") as g:
        g.wait(r"^regions: \d+ failed")
        start = re.search(r"^1\.\.\d+", g.log, re.MULTILINE)
        if not start:
            raise guest.Failure("regions printed no TAP")
        report.tap(name, g.log[start.start():], g.log)


def test_1(report):
    """regions, 1 core"""
    regions(report, 1)


def test_1_small(report):
    """regions, 1 core, 64 MiB"""
    regions(report, 1, "64M")


def test_4(report):
    """regions, 4 cores"""
    regions(report, 4)
