"""The process service: programs are started while its members are killed, and a ledger says whether all went well."""
import random
import re

import guest

KILLS = 100


def test_starts(report):
    """kills under load: 8 clients that start programs, 100 kills of members, a ledger"""
    seed = random.randrange(1, 1 << 32) if report.soak else 1
    count = max(KILLS, report.soak)
    limit = 240 + 4 * report.soak
    with guest.boot(limit, cores=4, mem="1G") as g:
        g.prompt()
        output = g.shell(f"starts {count} {seed} 8", limit)
        first = re.search(r"^starts: (\d+) kills, 8 starters, (\d+) children", output, re.MULTILINE)
        last = re.search(r"^starts: (\d+) failed, (\d+) did not run once, (\d+) numbers given twice",
                         output, re.MULTILINE)
        if not first or not last:
            raise guest.Failure(f"starts {count} {seed} did not come to its end", output[-3000:])
        ok = int(first[1]) == count and int(first[2]) > count and last.groups() == ("0", "0", "0")
        report.result(f"boot processes: {first[0]}; {last[0]}, seed {seed}", ok, log=output[-3000:])


def test_commands(report):
    """ps, kill and migrate by number"""
    with guest.boot(90, cores=4) as g:
        g.prompt()
        number = re.search(r"^spin runs as (\d+)$", g.shell("run --core 1 spin &"), re.MULTILINE)
        if not number:
            raise guest.Failure("spin has no number", g.log[-2000:])
        g.shell(f"migrate {number[1]} 2")
        listed = re.search(rf"^{number[1]} .*spin \(on 2 cores\)", g.shell("ps"), re.MULTILINE)
        report.result("boot processes: a program that spins is moved", bool(listed), log=g.log[-2000:])
        refused = g.shell(f"migrate {number[1]} 99")
        report.result("boot processes: not to a core that there is not", "99" in refused or "core" in refused, refused)
        refused = g.shell("migrate 0.1 2")
        ok = "not permitted" in refused and "console" in g.shell("ps")
        report.result("boot processes: the console stays", ok, refused)
        g.shell(f"kill {number[1]}")
        gone = "spin" not in g.shell("ps")
        again = g.shell(f"kill {number[1]}")
        report.result("boot processes: killed by number, once", gone and "no such process" in again, again)
