"""Programs are killed in the midst of what they do; afterwards all memory is there again."""
import random
import re

import guest

COUNT = 1000
A_SECOND = 20  # kills in a second of a soak, or fewer


def kills(report, cores, count, **machine):
    seed = random.randrange(1, 1 << 32) if report.soak else 1
    count = max(count, report.soak * A_SECOND)
    # Without services, which take and give memory as their load is.
    with guest.boot(120 + 10 * report.soak, cores=cores, append="services=none", **machine) as g:
        g.prompt()
        output = g.shell(f"kills {count} {seed}", 100 + 10 * report.soak)
        last = re.search(r"^kills: (\d+), (\d+) cores: memory is (\w+), (\d+) cores are wrong", output, re.MULTILINE)
        if not last:
            raise guest.Failure(f"kills {count} {seed} did not come to its end", output[-3000:])
        ok = int(last[1]) == count and int(last[2]) == cores and last[3] == "back" and last[4] == "0"
        report.result(f"boot kills: {last[0]}, seed {seed}", ok, log=output[-3000:])


def test_4_cores(report):
    """a thousand kills, 4 cores"""
    kills(report, 4, COUNT)


def test_16_cores(report):
    """a thousand kills, 16 cores"""
    kills(report, 16, COUNT, mem="1G")
